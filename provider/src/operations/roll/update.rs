//! The command that updates a node: a unit of systemd, so that neither a lost connection nor an interrupt cuts it off. A package
//! manager that is cut off leaves a node half updated.

use std::time::Duration;

use super::super::Run;
use super::super::tasks::continues;
use crate::call::Call;
use crate::explain;
use crate::framework::{Cause, Failure};
use crate::ssh::{Command, Error, Output, Ssh};

/// How many of the last lines an error has.
const LAST: usize = 10;

/// The words of a command line; no shell is involved.
///
/// # Errors
/// A quote is not closed.
pub(super) fn words(line: &str) -> Result<Vec<String>, String> {
    let words = shlex::split(line).filter(|words| !words.is_empty());
    words.ok_or_else(|| format!("{line:?} is no command: a quote is not closed, or it is empty"))
}

/// Runs the command, says each of its lines, and waits for its end, also after an interrupt. One that an earlier run of the
/// same roll has left running is waited for.
///
/// # Errors
/// The command fails, or it takes longer than `limit`; it then continues.
pub(super) async fn update(run: &Run<'_>, node: &str, line: &str, roll: i64, limit: Duration) -> Result<(), Failure> {
    let words = words(line).map_err(|problem| Failure::refused(format!("{node}: {problem}.")))?;
    if run.call().is_over() {
        return Err(Failure::refused(format!("{node}: interrupted before its command.")));
    }
    // An interrupt ends the roll after the command, not before.
    let call = run.call().grace(limit.min(run.call().left()));
    let unit = Unit { run, ssh: run.ssh()?, call, node, name: format!("pve-roll-{roll}") };
    match unit.state().await? {
        State::Absent => {
            run.say(format!("{node}: `{line}` runs."));
            unit.start(&words).await?;
        }
        State::Running | State::Ended(_) => {
            run.say(format!("{node}: `{line}` was begun earlier; waiting for its end."));
        }
    }
    let (exit, last) = unit.follow().await?;
    unit.remove(exit).await?;
    if exit == 0 {
        return Ok(());
    }
    let text = format!(
        "{node}: `{line}` ended with the exit code {exit}. Repair the node, then continue the roll: the command runs again. \
         Its output is in {} on {node}.\n{}",
        unit.log(),
        last.join("\n")
    );
    Err(Failure::new(Cause::Stale, text).summarised("The update of a node failed"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    Running,
    /// Its exit code.
    Ended(i64),
}

/// The unit of systemd.
struct Unit<'a> {
    run: &'a Run<'a>,
    ssh: Ssh,
    call: Call,
    node: &'a str,
    name: String,
}

impl Unit<'_> {
    fn log(&self) -> String {
        format!("/var/log/{}.log", self.name)
    }

    fn failed(&self, error: &Error) -> Failure {
        explain::ssh::explain(self.node, error)
    }

    async fn start(&self, words: &[String]) -> Result<(), Failure> {
        let command = Command::new("systemd-run")
            .arg("--quiet")
            .arg(format!("--unit={}", self.name))
            // Its state is asked for after its end.
            .arg("--remain-after-exit")
            .arg("--service-type=exec")
            .arg("--setenv=HOME=/root")
            .arg(format!("--property=StandardOutput=truncate:{}", self.log()))
            .arg("--")
            .args(words);
        match self.ssh.run(self.node, &command, &self.call).await.and_then(Output::success) {
            // Whether it was begun shows its state.
            Err(error) if !error.is_ambiguous() => Err(self.failed(&error)),
            _ => Ok(()),
        }
    }

    async fn state(&self) -> Result<State, Failure> {
        let command = Command::new("systemctl")
            .args(["show", "--property=LoadState,ActiveState,SubState,ExecMainStatus", &self.name])
            .reading();
        let output = self.ssh.run(self.node, &command, &self.call).await.and_then(Output::success);
        Ok(parse(&output.map_err(|error| self.failed(&error))?.text()))
    }

    /// Waits for its end, and says its output: its exit code and its last lines.
    async fn follow(&self) -> Result<(i64, Vec<String>), Failure> {
        let (mut output, mut is_said) = (Tail::default(), false);
        let mut looks = self.call.looks(format!("the command on {}", self.node));
        loop {
            // The state first: what is printed before the end is read then.
            let state = self.state().await?;
            self.read(&mut output).await?;
            match state {
                State::Ended(exit) => {
                    // A last line without an end.
                    output.add(b"\n", |line| self.say_line(line));
                    return Ok((exit, output.last));
                }
                State::Running => {}
                State::Absent => {
                    let text = format!(
                        "{}: the command is gone without an exit code, as after a reboot. Run `dpkg --configure -a` on the \
                         node, then continue the roll: the command runs again.",
                        self.node
                    );
                    return Err(Failure::new(Cause::Stale, text).summarised("The update of a node failed"));
                }
            }
            if self.run.cx.stop.is_cancelled() && !std::mem::replace(&mut is_said, true) {
                self.run.say(format!(
                    "{}: the roll waits for the end of the command, and then stops. After a second interrupt the command \
                     continues on the node, and the roll waits for it when it is continued.",
                    self.node
                ));
            }
            if !looks.pause(self.run.pace()).await {
                let next = format!("Its output is in {} on {}.", self.log(), self.node);
                return Err(continues(self.node, "the command", &next));
            }
        }
    }

    async fn read(&self, output: &mut Tail) -> Result<(), Failure> {
        let command = Command::new("tail").args(["-c", &format!("+{}", output.bytes + 1), &self.log()]).reading();
        let read = self.ssh.run(self.node, &command, &self.call).await.map_err(|error| self.failed(&error))?;
        output.add(&read.stdout, |line| self.say_line(line));
        Ok(())
    }

    fn say_line(&self, line: &str) {
        self.run.progress.report(&format!("{}: {line}", self.node));
    }

    /// Forgets the unit, so that the command can run again.
    async fn remove(&self, exit: i64) -> Result<(), Failure> {
        let operation = if exit == 0 { "stop" } else { "reset-failed" };
        let command = Command::new("systemctl").args([operation, &self.name]);
        let removed = self.ssh.run(self.node, &command, &self.call).await.and_then(Output::success);
        removed.map(|_| ()).map_err(|error| self.failed(&error))
    }
}

/// The answer of `systemctl show`.
fn parse(text: &str) -> State {
    let value =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
    match (value("LoadState"), value("ActiveState"), value("SubState")) {
        ("not-found", ..) | (_, "inactive", _) => State::Absent,
        (_, "active", "exited") => State::Ended(0),
        (_, "failed", _) => State::Ended(value("ExecMainStatus").parse().ok().filter(|exit| *exit != 0).unwrap_or(1)),
        _ => State::Running,
    }
}

/// What was read of the output.
#[derive(Default)]
struct Tail {
    bytes: usize,
    /// A line that has not ended.
    rest: Vec<u8>,
    last: Vec<String>,
}

impl Tail {
    /// Passes on each complete line; `\r` ends one, too, since progress is overwritten with it.
    fn add(&mut self, piece: &[u8], mut on_line: impl FnMut(&str)) {
        self.bytes += piece.len();
        self.rest.extend_from_slice(piece);
        while let Some(end) = self.rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line[..end]).into_owned();
            if line.is_empty() {
                continue;
            }
            on_line(&line);
            self.last.push(line);
            let more = self.last.len().saturating_sub(LAST);
            self.last.drain(..more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_words() {
        assert_eq!(words("sh -c 'apt-get update'").unwrap(), ["sh", "-c", "apt-get update"]);
        assert!(words("apt-get 'x").is_err() && words("  ").is_err());
    }

    #[test]
    fn the_state_of_a_unit_is_that_of_its_command() {
        let show = |load: &str, active: &str, sub: &str, status: i64| {
            parse(&format!("ExecMainStatus={status}\nLoadState={load}\nActiveState={active}\nSubState={sub}\n"))
        };
        assert_eq!(show("not-found", "inactive", "dead", 0), State::Absent);
        assert_eq!(show("loaded", "activating", "start", 0), State::Running);
        assert_eq!(show("loaded", "active", "running", 0), State::Running);
        assert_eq!(show("loaded", "active", "exited", 0), State::Ended(0));
        assert_eq!(show("loaded", "failed", "failed", 100), State::Ended(100));
        assert_eq!(show("loaded", "failed", "failed", 0), State::Ended(1), "such as one that ran out of memory");
    }

    #[test]
    fn output_comes_in_pieces_and_its_last_lines_are_kept() {
        let (mut tail, mut said) = (Tail::default(), Vec::new());
        for piece in ["Get:1\nGe", "t:2\r", "\nSetting"] {
            tail.add(piece.as_bytes(), |line| said.push(line.to_owned()));
        }
        assert_eq!((said, tail.bytes), (vec!["Get:1".to_owned(), "Get:2".to_owned()], 20));
        for number in 0..20 {
            tail.add(format!("{number}\n").as_bytes(), |_| ());
        }
        assert_eq!((tail.last.len(), tail.last[9].as_str()), (LAST, "19"));
    }
}
