//! The command that updates a node.

use std::time::Duration;

use super::super::Run;
use crate::explain;
use crate::framework::{Cause, Failure};
use crate::ssh::{Command, Line};

/// The program and arguments of a command line; no shell is involved.
///
/// # Errors
/// A quote is not closed.
pub(super) fn command(line: &str) -> Result<Command, String> {
    let words = shlex::split(line).filter(|words| !words.is_empty());
    let mut words =
        words.ok_or_else(|| format!("{line:?} is no command: a quote is not closed, or it is empty"))?.into_iter();
    let program = words.next().unwrap_or_default();
    Ok(Command::new(program).args(words))
}

/// Runs the command, and says each of its lines. An interrupt waits for its end, since a half-done update would leave the
/// node without a working package manager.
pub(super) async fn update(run: &Run<'_>, node: &str, line: &str, limit: Duration) -> Result<(), Failure> {
    let failed = |error: &crate::ssh::Error| explain::ssh::explain(node, error);
    let command = command(line).map_err(|problem| Failure::refused(format!("{node}: {problem}.")))?.may_take(limit);
    let ssh = run.ssh()?;
    if run.call().is_over() {
        return Err(Failure::refused(format!("{node}: interrupted before its command.")));
    }
    run.say(format!("{node}: `{line}` runs."));
    let call = run.call().grace(limit.min(run.call().left()));
    let mut on_line = |line: Line<'_>| run.progress.report(&format!("{node}: {}", line.text()));
    let work = ssh.run_with(node, &command, &call, &mut on_line);
    tokio::pin!(work);
    let output = tokio::select! {
        output = &mut work => output,
        () = run.cx.stop.cancelled() => {
            run.say(format!(
                "{node}: the command still runs there. The roll waits for its end, and then stops. A second interrupt may cut \
                 it off: then run `dpkg --configure -a` on {node}."
            ));
            work.await
        }
    };
    output.map_err(|error| failed(&error))?.success().map(|_| ()).map_err(|error| {
        let failure = failed(&error);
        let next = "Repair the node, then continue the roll: the command runs again.";
        Failure { cause: Cause::Stale, detail: format!("{}\n{next}", failure.detail), ..failure }
            .summarised("The update of a node failed")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_words() {
        assert_eq!(command("sh -c 'apt-get update'").unwrap().to_string(), "sh -c 'apt-get update'");
        assert!(command("apt-get 'x").is_err() && command("  ").is_err());
    }
}
