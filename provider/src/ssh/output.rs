//! The output and the exit code of a command.

use super::error::{Error, ErrorKind};
use super::texts;

/// The exit code and all that was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit code; 255 if a signal ended the program.
    pub exit: u32,
    /// What was printed to stdout.
    pub stdout: Vec<u8>,
    /// What was printed to stderr.
    pub stderr: Vec<u8>,
    pub(super) origin: Origin,
}

/// Where and what it was, for messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) node: String,
    pub(super) host: String,
    pub(super) command: String,
    pub(super) signal: Option<String>,
    /// The user, if it is another one than root and commands don't run through sudo.
    pub(super) unprivileged: Option<String>,
}

/// A line as it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// To stdout.
    Out(&'a str),
    /// To stderr.
    Err(&'a str),
}

impl<'a> Line<'a> {
    /// The text, wherever it was printed.
    #[must_use]
    pub fn text(self) -> &'a str {
        match self {
            Self::Out(text) | Self::Err(text) => text,
        }
    }
}

impl Output {
    /// Whether the exit code is 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.exit == 0
    }

    /// Turns every exit code but 0 into an error that quotes stderr.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Failed`], with the exit code and stderr in it; [`ErrorKind::Locked`] and [`ErrorKind::NoQuorum`] where Proxmox' own
    /// programs say so.
    pub fn success(self) -> Result<Self, Error> {
        if self.is_success() {
            return Ok(self);
        }
        let stderr = self.stderr_text();
        let error = self.failed(texts::meaning(&stderr));
        match &self.origin.unprivileged {
            Some(user) if texts::is_denial(&stderr) => Err(error.with_note(format!(
                "{user} lacks the permission, and `sudo` is not enabled. Set `sudo = true` in the `ssh` block, with a \
                 line such as `{user} ALL=(root) NOPASSWD: ALL` in /etc/sudoers.d/terraform on every node, or log in \
                 as root."
            ))),
            _ => Err(error),
        }
    }

    /// Stdout as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Stderr as text, without blanks at its end.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim_end().to_owned()
    }

    /// An error about this output.
    pub(super) fn failed(&self, kind: ErrorKind) -> Error {
        let Origin { node, host, command, signal, .. } = &self.origin;
        let message = match (self.stderr_text(), signal) {
            (_, Some(signal)) => format!("ended by the signal {signal}"),
            (stderr, None) if stderr.is_empty() => format!("exit code {}, nothing on stderr", self.exit),
            (stderr, None) => stderr,
        };
        Error::new(kind, node, message).at(host).running(command).with_exit(self.exit)
    }
}

/// Cuts what comes in pieces into lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Adds a piece, and passes on each line that it completes. `\r` ends a line too: progress is overwritten with it.
    pub(super) fn add(&mut self, piece: &[u8], mut on_line: impl FnMut(&str)) {
        for part in piece.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") || part.ends_with(b"\r") {
                self.flush(&mut on_line);
            }
        }
    }

    /// Passes on a last line without an end.
    pub(super) fn flush(&mut self, mut on_line: impl FnMut(&str)) {
        let line = std::mem::take(&mut self.rest);
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\n', '\r']);
        if !line.is_empty() {
            on_line(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_become_lines() {
        let mut lines = Lines::default();
        let mut reported = Vec::new();
        for piece in ["INFO: a", "b\nINFO", ": c\r\n", "10%\r20%\rdone"] {
            lines.add(piece.as_bytes(), |line| reported.push(line.to_owned()));
        }
        lines.flush(|line| reported.push(line.to_owned()));
        assert_eq!(reported, ["INFO: ab", "INFO: c", "10%", "20%", "done"]);
    }

    #[test]
    fn a_failure_quotes_stderr() {
        let origin = Origin {
            node: "pve1".to_owned(),
            host: "root@10.0.0.1:22".to_owned(),
            command: "pvecm qdevice remove".to_owned(),
            signal: None,
            unprivileged: None,
        };
        let output = Output { exit: 2, stdout: Vec::new(), stderr: b"No QDevice configured!\n".to_vec(), origin };
        let error = output.success().unwrap_err();
        assert_eq!(error.note(), None);
        assert_eq!((error.kind(), error.exit()), (ErrorKind::Failed, Some(2)));
        assert_eq!(
            error.quote(),
            "SSH: No QDevice configured! (exit code 2 of `pvecm qdevice remove` on pve1, root@10.0.0.1:22)"
        );
    }

    #[test]
    fn missing_rights_without_sudo_suggest_sudo() {
        let note = |unprivileged: Option<&str>, stderr: &str| {
            let origin = Origin { unprivileged: unprivileged.map(str::to_owned), ..Origin::default() };
            let output = Output { exit: 1, stdout: Vec::new(), stderr: stderr.as_bytes().to_vec(), origin };
            output.success().unwrap_err().note().map(str::to_owned)
        };
        let denied = "cat: /etc/pve/ha/fence.cfg: Permission denied\n";
        let reported = note(Some("terraform"), denied).unwrap();
        assert!(
            reported.contains("`sudo = true`") && reported.contains("`terraform ALL=(root) NOPASSWD: ALL`"),
            "{reported}"
        );
        assert_eq!(note(None, denied), None);
        assert_eq!(note(Some("terraform"), "no such cluster node 'x'\n"), None);
    }
}
