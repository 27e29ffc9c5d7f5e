//! Whether a command line reads its standard input: only then whoever runs it has to wait for the input's end.

use super::programs::base_name;
use super::syntax::{AndOr, Body, Command, List, Pipeline, RedirectKind, parse};

/// Whether the command line may read its standard input.
#[must_use]
pub fn reads_stdin(line: &str) -> bool {
    parse(line).is_ok_and(|list| of_list(&list))
}

fn of_list(list: &List) -> bool {
    list.0.iter().any(of_and_or)
}

fn of_and_or(and_or: &AndOr) -> bool {
    of_pipeline(&and_or.first) || and_or.rest.iter().any(|(_, pipeline)| of_pipeline(pipeline))
}

/// Only the first command of a pipe reads what the pipe is given.
fn of_pipeline(pipeline: &Pipeline) -> bool {
    pipeline.commands.first().is_some_and(of_command)
}

fn of_command(command: &Command) -> bool {
    let redirected = |kind| matches!(kind, RedirectKind::Read | RedirectKind::Here);
    if command.redirects.iter().any(|redirect| redirect.fd == 0 && redirected(redirect.kind)) {
        return false;
    }
    match &command.body {
        Body::Group(list) | Body::Subshell(list) => of_list(list),
        Body::If { branches, otherwise } => {
            branches.iter().any(|(condition, then)| of_list(condition) || of_list(then))
                || otherwise.as_ref().is_some_and(of_list)
        }
        Body::Loop { condition, body, .. } => of_list(condition) || of_list(body),
        Body::For { body, .. } => of_list(body),
        Body::Case { arms, .. } => arms.iter().any(|(_, list)| of_list(list)),
        Body::Simple { words, .. } => {
            let words: Vec<String> =
                words.iter().map(|word| word.constant().unwrap_or_else(|| "$".to_owned())).collect();
            of_words(&words.iter().map(String::as_str).collect::<Vec<_>>())
        }
    }
}

fn of_words(words: &[&str]) -> bool {
    let Some((name, arguments)) = words.split_first() else { return false };
    let operands = arguments.iter().filter(|word| !word.starts_with('-') || **word == "-").count();
    match base_name(name) {
        "cat" | "sort" | "sha1sum" => operands == 0 || arguments.contains(&"-"),
        "head" | "tail" | "wc" | "cut" => operands == 0,
        "grep" | "egrep" | "fgrep" => operands < 2,
        "tee" | "read" => true,
        "dd" => !arguments.iter().any(|word| word.starts_with("if=")),
        "sh" | "bash" | "dash" => {
            let script = arguments.iter().position(|word| word.starts_with('-') && word.contains('c'));
            match script.and_then(|at| arguments.get(at + 1)) {
                Some(script) => reads_stdin(script),
                None => operands == 0,
            }
        }
        "sudo" | "timeout" | "env" | "nohup" | "flock" | "exec" | "command" | "nice" => {
            // Where its own arguments end is not worth knowing: whatever word could be the program is looked at.
            (0..arguments.len()).any(|at| of_words(&arguments[at..]))
        }
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
        for line in [
            "cat",
            "cat > /f",
            "sh -c 'cat > \"$1\"' sh /f",
            "sudo -n -- sh -c 'umask 022 && cat > \"$1\" && mv \"$1\" \"$2\"' sh /a /b",
            "tee /f",
            "fence_ipmilan",
            "true && cat | grep x",
            "bash -s",
        ] {
            assert!(reads_stdin(line), "{line}");
        }
        for line in [
            "cat /f",
            "cat -- /f",
            "cat < /f",
            "echo x | cat",
            "ha-manager status",
            "fence_x --ip=1",
            "grep a /f",
            "sh -c 'exit 3'",
        ] {
            assert!(!reads_stdin(line), "{line}");
        }
    }
}
