//! A command to run on a node.

use std::fmt;
use std::time::Duration;

use super::quote::{Nul, quote};

/// A program with its arguments, and what it reads from stdin.
///
/// Every word is taken literally on the other side. A secret belongs into stdin: `ps` shows arguments to everybody.
/// `Display` shows the command line, never stdin.
#[derive(Clone)]
pub struct Command {
    words: Vec<String>,
    stdin: Vec<u8>,
    may_take: Option<Duration>,
    reading: bool,
}

impl Command {
    /// A program, without arguments yet.
    #[must_use]
    pub fn new(program: impl Into<String>) -> Self {
        Self { words: vec![program.into()], stdin: Vec::new(), may_take: None, reading: false }
    }

    #[must_use]
    pub fn arg(mut self, word: impl Into<String>) -> Self {
        self.words.push(word.into());
        self
    }

    #[must_use]
    pub fn args<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(Into::into));
        self
    }

    /// What the program reads from stdin.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// How long this one may take, if that is longer than other commands may.
    #[must_use]
    pub fn may_take(mut self, limit: Duration) -> Self {
        self.may_take = Some(limit);
        self
    }

    /// Says that the command changes nothing: it is run again if the connection is cut, and dropped at once on a stop.
    #[must_use]
    pub fn reading(mut self) -> Self {
        self.reading = true;
        self
    }

    pub(super) fn is_reading(&self) -> bool {
        self.reading
    }

    pub(super) fn limit(&self, usual: Duration) -> Duration {
        self.may_take.map_or(usual, |limit| limit.max(usual))
    }

    pub(super) fn input(&self) -> &[u8] {
        &self.stdin
    }

    /// The command line as it is sent.
    pub(super) fn line(&self, sudo: bool) -> Result<String, Nul> {
        let before: &[&str] = if sudo { &["sudo", "-n", "--"] } else { &[] };
        let words = before.iter().copied().chain(self.words.iter().map(String::as_str));
        Ok(words.map(quote).collect::<Result<Vec<_>, _>>()?.join(" "))
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line(false) {
            Ok(line) => f.write_str(&line),
            Err(_) => write!(f, "{:?}", self.words),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Command({self}, {} bytes of stdin)", self.stdin.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_runs_and_never_stdin() {
        let command = Command::new("dd").arg("of=/tmp/a b").stdin("hunter2");
        assert_eq!(command.to_string(), "dd 'of=/tmp/a b'");
        assert!(!format!("{command:?}").contains("hunter2"));
    }

    #[test]
    fn sudo_is_the_first_word_and_never_prompts() {
        let command = Command::new("cat").args(["--", "/etc/a b"]);
        assert_eq!(command.line(true).unwrap(), "sudo -n -- cat -- '/etc/a b'");
    }

    #[test]
    fn only_more_time_can_be_asked_for() {
        let usual = Duration::from_secs(60);
        assert_eq!(Command::new("x").limit(usual), usual);
        assert_eq!(Command::new("x").may_take(Duration::from_secs(5)).limit(usual), usual);
        assert_eq!(Command::new("x").may_take(Duration::from_secs(300)).limit(usual), Duration::from_secs(300));
    }
}
