//! One command on one connection, from its first byte to its exit code.

use std::sync::Arc;
use std::time::Duration;

use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::time::{Instant, timeout};

use super::command::Command;
use super::config::Config;
use super::connection::{Connection, words};
use super::error::{Error, ErrorKind};
use super::output::{Line, Lines, Origin, Output};
use super::over;
use crate::call::{Call, Ended};

/// How long a command that changes something is waited for after a stop.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the output of a program that has ended may still arrive: its children may keep it open for ever.
const OUTPUT_INTERVAL: Duration = Duration::from_secs(2);

/// More than this is no answer to anything that is asked.
const MAX_OUTPUT: usize = 16 << 20;

/// A failure, and what it means for the connection.
pub(super) struct Broken {
    /// Whether the connection is of no use any more.
    pub(super) dead: bool,
    /// Whether the command may have begun.
    pub(super) begun: bool,
    pub(super) error: Error,
}

/// A command that is to run on a connection.
pub(super) struct Task<'a> {
    pub(super) connection: &'a Connection,
    pub(super) node: &'a str,
    pub(super) command: &'a Command,
    pub(super) sent: &'a str,
    pub(super) config: &'a Config,
}

/// How the channel ended.
enum End {
    /// The program ended; whether the channel did too.
    Exit { exit: u32, signal: Option<String>, closed: bool },
    /// The host would not run it.
    Refused,
    /// No word of the program's end.
    Cut,
    /// It printed too much.
    TooMuch,
}

impl Task<'_> {
    pub(super) async fn run(&self, call: &Call, on_line: &mut (dyn FnMut(Line<'_>) + Send)) -> Result<Output, Broken> {
        let limit = self.command.limit(self.config.command_timeout);
        let bounds = Call::new(call.deadline.min(Instant::now() + limit), call.stop.clone());
        let open =
            bounds.bound(self.connection.session()).await.map_err(|ended| self.unbegun(over(ended, self.node)))?;
        let (channel, _permit) = open.map_err(|error| self.not_opened(error))?;
        let (mut reading, writing) = channel.split();
        let mut hold = Hold { channel: Arc::new(writing), done: false };
        let channel = Arc::clone(&hold.channel);

        // Without waiting for an answer: sshd takes it only where AcceptEnv allows. Texts are compared with English ones.
        let _ = channel.set_env(false, "LC_ALL", "C").await;
        channel.exec(true, self.sent).await.map_err(|error| self.not_opened(error))?;
        tracing::debug!(node = self.node, command = %self.command, "begun over SSH");

        let mut output = Output { exit: 0, stdout: Vec::new(), stderr: Vec::new(), origin: self.origin() };
        let end = {
            let feed = async {
                // A program may end without reading all of its stdin: its exit code decides, not this.
                let fed = channel.data_bytes(self.command.input().to_vec()).await;
                if fed.is_ok() {
                    let _ = channel.eof().await;
                }
                std::future::pending::<()>().await;
            };
            let work = async {
                tokio::select! {
                    end = collect(&mut reading, &mut output, on_line) => end,
                    () = feed => End::Cut,
                }
            };
            tokio::pin!(work);
            tokio::select! {
                end = &mut work => Ok(end),
                ended = bounds.end() => match ended {
                    Ended::Stopped if !self.command.is_reading() => {
                        timeout(EXIT_TIMEOUT, work).await.map_err(|_| Ended::Stopped)
                    }
                    ended => Err(ended),
                },
            }
        };
        let ended = match end {
            Ok(End::Exit { exit, signal, closed }) => {
                hold.done = closed;
                output.exit = exit;
                output.origin.signal = signal;
                return self.checked(output);
            }
            Ok(other) => other,
            Err(ended) => return Err(self.unfinished(ended, call.ended().is_none(), limit)),
        };
        let (kind, message) = match ended {
            End::Refused => (ErrorKind::Refused, "the host does not run commands for this user".to_owned()),
            End::TooMuch => (ErrorKind::UnexpectedResponse, format!("more than {} MiB of output", MAX_OUTPUT >> 20)),
            _ => {
                let kind = if self.command.is_reading() { ErrorKind::Unreachable } else { ErrorKind::Ambiguous };
                (kind, "the connection was lost before the command ended".to_owned())
            }
        };
        let dead = matches!(kind, ErrorKind::Ambiguous | ErrorKind::Unreachable);
        hold.done = dead;
        Err(Broken { dead, begun: kind != ErrorKind::Refused, error: self.error(kind, message) })
    }

    /// sudo's own refusals are not the command's: it has not been run.
    fn checked(&self, output: Output) -> Result<Output, Broken> {
        let asks = self.config.sudo && !output.is_success() && is_sudo_refusal(&output.stderr_text());
        if !asks {
            return Ok(output);
        }
        let user = &self.config.username;
        let error = output.failed(ErrorKind::Sudo).with_note(format!(
            "sudo asks {user} for a password. Allow it without one on every node, for example with the line `{user} \
             ALL=(root) NOPASSWD: ALL` in /etc/sudoers.d/terraform, or log in as root."
        ));
        Err(Broken { dead: false, begun: false, error })
    }

    fn unfinished(&self, ended: Ended, by_limit: bool, limit: Duration) -> Broken {
        let message = match ended {
            Ended::Stopped => "stopped before the command ended".to_owned(),
            Ended::Expired => "the command did not end in time".to_owned(),
        };
        let kind = match ended {
            _ if !self.command.is_reading() => ErrorKind::Ambiguous,
            Ended::Stopped => ErrorKind::Stopped,
            Ended::Expired => ErrorKind::Expired,
        };
        let mut error = self.error(kind, message);
        if by_limit && ended == Ended::Expired {
            error = error.with_note(format!("A command may take {} s (`command_timeout`).", limit.as_secs()));
        }
        Broken { dead: false, begun: true, error }
    }

    fn not_opened(&self, error: russh::Error) -> Broken {
        let refused = matches!(error, russh::Error::ChannelOpenFailure(_));
        let kind = if refused { ErrorKind::Refused } else { ErrorKind::Unreachable };
        Broken { dead: !refused, begun: false, error: self.error(kind, words(&error)).because(error) }
    }

    fn unbegun(&self, error: Error) -> Broken {
        Broken { dead: false, begun: false, error }
    }

    fn error(&self, kind: ErrorKind, message: String) -> Error {
        Error::new(kind, self.node, message).at(&self.connection.host).running(&self.command.to_string())
    }

    fn origin(&self) -> Origin {
        let unprivileged = !self.config.sudo && self.config.username != "root";
        Origin {
            node: self.node.to_owned(),
            host: self.connection.host.clone(),
            command: self.command.to_string(),
            signal: None,
            unprivileged: unprivileged.then(|| self.config.username.clone()),
        }
    }
}

/// Reads until the channel's end.
async fn collect(
    channel: &mut ChannelReadHalf,
    output: &mut Output,
    on_line: &mut (dyn FnMut(Line<'_>) + Send),
) -> End {
    let (mut out, mut err) = (Lines::default(), Lines::default());
    let mut exit = None;
    let closed = loop {
        let message = match &exit {
            None => channel.wait().await,
            Some(_) => match timeout(OUTPUT_INTERVAL, channel.wait()).await {
                Ok(message) => message,
                Err(_) => break false,
            },
        };
        match message {
            Some(ChannelMsg::Data { data }) => {
                output.stdout.extend_from_slice(&data);
                out.add(&data, |line| on_line(Line::Out(line)));
            }
            // 1 is stderr; nothing else is defined.
            Some(ChannelMsg::ExtendedData { data, ext: 1 }) => {
                output.stderr.extend_from_slice(&data);
                err.add(&data, |line| on_line(Line::Err(line)));
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => exit = Some((exit_status, None)),
            Some(ChannelMsg::ExitSignal { signal_name, .. }) => exit = Some((255, Some(name(&signal_name)))),
            Some(ChannelMsg::Failure) => return End::Refused,
            Some(ChannelMsg::Close) | None => break true,
            Some(_) => {}
        }
        if output.stdout.len().max(output.stderr.len()) > MAX_OUTPUT {
            return End::TooMuch;
        }
    };
    out.flush(|line| on_line(Line::Out(line)));
    err.flush(|line| on_line(Line::Err(line)));
    match exit {
        Some((exit, signal)) => End::Exit { exit, signal, closed },
        None => End::Cut,
    }
}

fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        other => format!("{other:?}"),
    }
}

/// sudo prints these when `-n` keeps it from asking, or when sudoers doesn't have the command; in English since `LC_ALL=C`.
/// The command's own words, which may be those of yet another host, are not taken for them.
fn is_sudo_refusal(stderr: &str) -> bool {
    stderr.lines().any(|line| {
        let asks = ["a password is required", "a terminal is required"];
        line.strip_prefix("sudo: ").is_some_and(|said| asks.iter().any(|text| said.starts_with(text)))
            || line.starts_with("Sorry, user ") && line.contains(" is not allowed to ")
            || line.split_once(' ').is_some_and(|(_user, said)| said.starts_with("is not in the sudoers file"))
            || line.ends_with("sudo: not found")
            || line.ends_with("sudo: command not found")
    })
}

/// Ends the command once its result is not needed: on a stop, when the time is over, or when the future is dropped.
struct Hold {
    channel: Arc<ChannelWriteHalf<Msg>>,
    done: bool,
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let channel = Arc::clone(&self.channel);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // sshd passes it on to the command's process group, as far as the user may signal it.
                let _ = channel.signal(Sig::TERM).await;
                let _ = channel.close().await;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudos_words_and_a_commands_words() {
        assert!(is_sudo_refusal("sudo: a password is required"));
        assert!(is_sudo_refusal("Sorry, user ops is not allowed to execute '/usr/bin/cat x' as root on pve1."));
        assert!(is_sudo_refusal("ops is not in the sudoers file.  This incident will be reported."));
        assert!(is_sudo_refusal("sh: 1: sudo: not found"));
        assert!(!is_sudo_refusal(
            "Whoever is not allowed to be here leaves now.\nroot@qnetd: Permission denied (publickey)."
        ));
        assert!(!is_sudo_refusal("sudo: pvecmm: command not found"));
        assert!(!is_sudo_refusal("cat: /etc/pve/ha/fence.cfg: No such file or directory"));
    }
}
