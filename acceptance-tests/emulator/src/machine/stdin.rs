//! Finds out whether a command line reads its standard input: only then its caller has to wait for the input's end.

use super::line;
use super::programs::base_name;

/// Whether the command line may read its standard input.
#[must_use]
pub fn reads_stdin(line: &str) -> bool {
    line::words(line).is_ok_and(|words| of_words(&words.iter().map(String::as_str).collect::<Vec<_>>()))
}

fn of_words(words: &[&str]) -> bool {
    let Some((name, arguments)) = words.split_first() else { return false };
    match base_name(name) {
        "cat" => !arguments.iter().any(|word| !word.starts_with('-')) || arguments.contains(&"-"),
        "dd" => !arguments.iter().any(|word| word.starts_with("if=")),
        // Where its own arguments end is not worth knowing: whatever word could be the program is looked at.
        "sudo" | "timeout" => (0..arguments.len()).any(|at| of_words(&arguments[at..])),
        "ssh" => reads_stdin(
            &arguments.iter().skip_while(|word| !word.contains('@')).skip(1).copied().collect::<Vec<_>>().join(" "),
        ),
        agent if agent.starts_with("fence_") => arguments.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_reads_is_waited_for() {
        for line in ["cat", "cat -", "dd of=/f", "sudo -n -- dd of=/f status=none", "fence_ipmilan", "ssh root@h cat"] {
            assert!(reads_stdin(line), "{line}");
        }
        for line in ["cat /f", "cat -- /f", "dd if=/f of=/g", "ha-manager status", "fence_x --ip=1", "cat; true", ""] {
            assert!(!reads_stdin(line), "{line}");
        }
    }
}
