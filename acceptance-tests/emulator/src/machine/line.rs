//! A command line, as sshd hands it to the user's login shell: the words of one program.
//!
//! Invariant: a line that a shell would not only split into words is refused, so that each line means the same here as on a
//! real node.

/// What only a shell itself carries out.
const BUILT_IN: &[&str] = &[
    "!", ".", ":", "[[", "alias", "bg", "case", "cd", "command", "eval", "exec", "exit", "export", "fg", "for",
    "function", "if", "read", "return", "set", "shift", "source", "time", "trap", "type", "umask", "unset", "until",
    "while",
];

/// Why a command line is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the emulator carries out one program per command line, without a shell: {0}")]
pub(super) struct Refused(String);

impl Refused {
    /// As sysexits.h has it for a command that was used wrongly.
    pub(super) const EXIT: i32 = 64;

    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// The program and its arguments.
pub(super) fn words(line: &str) -> Result<Vec<String>, Refused> {
    if let Some(special) = special(line) {
        return Err(Refused::new(format!("{special:?} is not in quotes in {line:?}")));
    }
    let words =
        shlex::split(line).ok_or_else(|| Refused::new(format!("a quote or a backslash is open in {line:?}")))?;
    match words.first().map(String::as_str) {
        None => Err(Refused::new("no program is named")),
        Some(first) if BUILT_IN.contains(&first) => Err(Refused::new(format!("`{first}` is a shell's own"))),
        Some(first) if is_assignment(first) => Err(Refused::new(format!("`{first}` sets a variable"))),
        Some(_) => Ok(words),
    }
}

/// The first character that a shell takes for more than a part of a word.
fn special(line: &str) -> Option<char> {
    let (mut quote, mut begins_word) = (None, true);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        let begins = std::mem::replace(&mut begins_word, quote.is_none() && matches!(c, ' ' | '\t'));
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some('\''), _) => {}
            // A line that continues in the next one is two lines.
            (_, '\\') => {
                if chars.next() == Some('\n') {
                    return Some('\n');
                }
            }
            (_, '$' | '`') => return Some(c),
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '|' | '&' | ';' | '<' | '>' | '(' | ')' | '{' | '}' | '*' | '?' | '[' | '~' | '\n') => {
                return Some(c);
            }
            (None, '#') if begins => return Some(c),
            (None, _) => {}
        }
    }
    None
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// All texts of up to `length` characters of an alphabet.
    fn texts(alphabet: &str, length: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..length {
            last = last.iter().flat_map(|text| alphabet.chars().map(move |c| format!("{text}{c}"))).collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    #[test]
    fn a_line_that_is_taken_has_the_words_that_a_shell_makes_of_it() {
        let lines: Vec<String> = texts("a '\"\\$*#~!\n{=", 4).into_iter().map(|text| format!("x {text}")).collect();
        let taken: Vec<(&String, Vec<String>)> =
            lines.iter().filter_map(|line| words(line).ok().map(|words| (line, words))).collect();
        assert!(taken.len() > 1000, "{}", taken.len());
        // Each word ends with a byte 0, each line with two.
        let script: String = taken.iter().map(|(line, _)| format!("printf '%s\\0' {line}\nprintf '\\0'\n")).collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        std::fs::write(&file, script).unwrap();
        let output = Command::new("bash").arg(file).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut said = output.stdout.as_slice();
        for (line, words) in taken {
            let expected: Vec<u8> = words.iter().flat_map(|word| word.bytes().chain([0])).chain([0]).collect();
            assert!(said.starts_with(&expected), "{line:?} is not {words:?}");
            said = &said[expected.len()..];
        }
        assert!(said.is_empty());
    }

    #[test]
    fn every_word_can_be_given_in_quotes() {
        for text in texts("'\"\\$`(;\n *", 3) {
            let line = shlex::try_join(["x", &text]).unwrap();
            assert_eq!(words(&line), Ok(vec!["x".to_owned(), text]), "{line}");
        }
    }

    #[test]
    fn what_a_shell_would_carry_out_is_refused() {
        for line in [
            "", "  ", "a; b", "a && b", "a || b", "a | b", "a > /f", "a < /f", "a &", "(a)", "{ a; }", "a $b",
            "a \"$b\"", "a `b`", "a *", "a ?", "a [b]", "~/a", "a b=~", "! a", "a # b", "a\nb", "a \\\nb", "b=c a",
            "cd /", "exit 3", "if a", "a 'b", "a \"b", "a\\",
        ] {
            let refused = words(line).expect_err(line).to_string();
            assert!(refused.starts_with("the emulator carries out one program per command line"), "{refused}");
        }
        for line in
            ["a 'b;c'", "a \"b;c\"", "a b\\;c", "a b#c b!", "a ! b", "a b=c", "a ]", "a '$b'", "a \"\\$b\"", "./a"]
        {
            assert!(words(line).is_ok(), "{line}");
        }
    }
}
