//! The failures between this process and a node's shell, typed.

use crate::source::Source;

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// It is not known where the node is reached.
    Unlocated,
    /// The connection failed: name, network, port, or no SSH server there. Nothing was run.
    Unreachable,
    /// The host's key is not one that is trusted. Nothing was run.
    HostKey(HostKey),
    /// The two sides have no algorithm in common. Nothing was run.
    Algorithms,
    /// No login method was accepted, or none is configured. Nothing was run.
    Login,
    /// sudo requires a password, or forbids the command. Nothing was run.
    Sudo,
    /// The host refuses to run commands. Nothing was run.
    Refused,
    /// The command was begun, and the connection was lost before the exit status arrived: it may have run.
    Ambiguous,
    /// The command ended with another exit code than 0.
    Failed,
    /// `/etc/pve` is read-only since the cluster has no quorum. Nothing was changed.
    NoQuorum,
    /// Another process held the lock of the cluster file all the time. Nothing was changed.
    Locked,
    /// The command can't be sent: a word has a NUL in it.
    Invalid,
    /// The answer can't be used: too long, or not text.
    UnexpectedResponse,
    /// The call was stopped before it had a result; nothing was changed.
    Stopped,
    /// The call's time was over before it had a result; nothing was changed.
    Expired,
}

/// What is wrong with a host key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostKey {
    /// Nothing is known of the host.
    Unknown,
    /// The host is known by another key.
    Changed,
    /// The key is marked `@revoked`.
    Revoked,
}

/// A failure.
#[derive(Clone, Debug)]
pub struct Error {
    inner: Box<Inner>,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.line())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_ref().map(Source::error)
    }
}

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    node: String,
    host: Option<String>,
    command: Option<String>,
    exit: Option<u32>,
    message: String,
    note: Option<String>,
    /// The error of the network or of the SSH library, if there was one.
    source: Option<Source>,
}

impl Error {
    /// What the failure means.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The node it was about.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.inner.node
    }

    /// `USER@ADDRESS:PORT`, if it came so far.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.inner.host.as_deref()
    }

    /// The command line, if it came so far.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.inner.command.as_deref()
    }

    /// The command's exit code, if it ended.
    #[must_use]
    pub fn exit(&self) -> Option<u32> {
        self.inner.exit
    }

    /// The words of the other side, such as stderr, or of the transport.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// What was found out beyond that, and what to do about it: fingerprints, the line to add, what was tried.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.inner.note.as_deref()
    }

    /// Whether the command may have been carried out although it failed.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.kind() == ErrorKind::Ambiguous
    }

    /// The failure on one line, the way it is quoted at the end of a diagnostic.
    #[must_use]
    pub fn quote(&self) -> String {
        let Inner { node, host, command, exit, message, .. } = &*self.inner;
        let words = message.trim().replace('\n', " ");
        let mut place = match (exit, command) {
            (Some(exit), Some(command)) => format!("exit code {exit} of `{command}` on "),
            (None, Some(command)) => format!("`{command}` on "),
            _ => String::new(),
        };
        place.push_str(node);
        if let Some(host) = host {
            place.push_str(&format!(", {host}"));
        }
        format!("SSH: {words} ({place})")
    }

    fn line(&self) -> String {
        match &self.inner.note {
            Some(note) => format!("{note}\n{}", self.quote()),
            None => self.quote(),
        }
    }

    pub(super) fn new(kind: ErrorKind, node: &str, message: impl Into<String>) -> Self {
        let (node, message) = (node.to_owned(), message.into());
        let (host, command, exit, note, source) = (None, None, None, None, None);
        Self { inner: Box::new(Inner { kind, node, host, command, exit, message, note, source }) }
    }

    pub(super) fn at(mut self, host: &str) -> Self {
        self.inner.host = Some(host.to_owned());
        self
    }

    pub(super) fn running(mut self, command: &str) -> Self {
        self.inner.command = Some(command.to_owned());
        self
    }

    pub(super) fn with_exit(mut self, exit: u32) -> Self {
        self.inner.exit = Some(exit);
        self
    }

    pub(crate) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.inner.note = Some(note.into());
        self
    }

    /// With the error that led to it.
    pub(super) fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.inner.source = Some(Source::new(source));
        self
    }

    pub(super) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.inner.kind = kind;
        self
    }
}
