//! One word of a remote command line.
//!
//! sshd hands the command line to the user's login shell. This is the only place where a value is made fit for it; nothing
//! else ever puts a value into a command line.

/// A text that can't be a word of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a word of a command line can't contain a NUL character")]
pub struct Nul;

/// The word as the shell reads it: one word, taken literally.
///
/// What has no meaning for any shell stays as it is, so that command lines in logs read as people type them. All else is put
/// into single quotes, within which a POSIX shell has no special character but the quote itself.
///
/// # Errors
///
/// A NUL ends every argument of a Unix program.
pub fn quote(word: &str) -> Result<String, Nul> {
    if word.contains('\0') {
        return Err(Nul);
    }
    if !word.is_empty() && word.bytes().all(is_plain) {
        return Ok(word.to_owned());
    }
    Ok(format!("'{}'", word.replace('\'', r"'\''")))
}

/// `=` is missing on purpose: as the first word, `A=b` would be an assignment. So are `~`, braces and globs.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b':' | b',' | b'@' | b'+' | b'%')
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_means_nothing_to_a_shell_stays_readable() {
        for word in ["pvecm", "/etc/pve/ha/fence.cfg", "-n", "--force", "vm:100", "10.0.0.1", "%a", "@0"] {
            assert_eq!(quote(word).unwrap(), word);
        }
    }

    #[test]
    fn all_else_is_quoted() {
        for (word, quoted) in [
            ("", "''"),
            ("a b", "'a b'"),
            ("$(reboot)", "'$(reboot)'"),
            ("`reboot`", "'`reboot`'"),
            ("it's", r"'it'\''s'"),
            ("'; rm -rf /; '", r"''\''; rm -rf /; '\'''"),
            ("a\nb", "'a\nb'"),
            ("A=b", "'A=b'"),
            ("~root", "'~root'"),
            ("*", "'*'"),
            ("!!", "'!!'"),
            ("{a,b}", "'{a,b}'"),
            ("a\\", "'a\\'"),
            ("größe", "'größe'"),
        ] {
            assert_eq!(quote(word).unwrap(), quoted);
        }
    }

    #[test]
    fn a_nul_is_refused() {
        assert_eq!(quote("a\0b"), Err(Nul));
    }

    /// What a real shell makes of the words.
    fn through_a_shell(words: &[String]) -> Vec<u8> {
        let mut line = String::from("printf '%s\\0'");
        for word in words {
            line.push(' ');
            line.push_str(&quote(word).unwrap());
        }
        let output = Command::new("sh").arg("-c").arg(line).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        output.stdout
    }

    fn joined(words: &[String]) -> Vec<u8> {
        words.iter().flat_map(|word| word.bytes().chain([0])).collect()
    }

    /// Words made of what shells treat specially, and any other text.
    fn words() -> impl Strategy<Value = Vec<String>> {
        let special = proptest::collection::vec(
            proptest::sample::select(vec![
                "'", "\"", "\\", "$", "`", "$(", ")", "\n", "\r", "\t", " ", ";", "&", "|", "<", ">", "*", "?", "[",
                "]", "{", "}", "#", "~", "!", "=", "-", "--", "a", "é", "\u{7f}", "%s", "\\0",
            ]),
            0..12,
        );
        let word = prop_oneof![special.prop_map(|parts| parts.concat()), "[^\0]{0,20}"];
        proptest::collection::vec(word, 1..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn a_shell_gives_back_what_went_in(words in words()) {
            prop_assert_eq!(through_a_shell(&words), joined(&words));
        }
    }

    #[test]
    fn a_leading_dash_is_left_to_the_program() {
        // Quoting can't make `-rf` a file name; who takes names from outside puts `--` or a path before them.
        let words = ["-rf".to_owned(), "--".to_owned(), "-".to_owned()];
        assert_eq!(through_a_shell(&words), joined(&words));
    }
}
