//! The failures between this process and Proxmox, typed.
//!
//! No layer above the client ever parses a text: [`ErrorKind`] says what a failure means for the
//! caller, and the rest of [`Error`] is for people to read.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;

use crate::source::Source;

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request did not reach Proxmox: it was not executed.
    Unreachable(Obstacle),
    /// The server's certificate was refused; nothing was sent.
    Certificate(Certificate),
    /// The request may or may not have been executed: read, compare, then decide.
    Ambiguous,
    /// The answer to a read did not come.
    Unanswered,
    /// The cluster-wide lock was not to be had: not executed.
    LockTimeout,
    /// The cluster has no quorum, `/etc/pve` is read-only: not executed.
    NoQuorum,
    /// The digest sent is not that of the file any more: not executed.
    StaleDigest,
    /// The object named by the path does not exist.
    Absent,
    /// The object to be created exists already.
    Exists,
    /// Another replication job copies this guest to this target already.
    TargetTaken,
    /// Something else still refers to the object.
    InUse,
    /// The guest does not exist (as this type of guest).
    NoSuchGuest,
    /// A node that was referred to is not in the cluster.
    NoSuchNode,
    /// The HA group that was referred to does not exist.
    NoSuchGroup,
    /// The pool that was referred to does not exist.
    NoSuchPool,
    /// The notification target that a matcher is to send to does not exist.
    NoSuchTarget,
    /// A rule names a resource that is not managed by HA (yet).
    Unmanaged,
    /// The HA resource is in the state `error` and has to be disabled first.
    ResourceInErrorState,
    /// The status of the HA manager does not have all nodes yet (HA was never active before).
    TooEarly,
    /// The rule contradicts itself, the cluster, or another rule.
    RuleConflict,
    /// This cluster has no HA groups any more: it has rules.
    GroupsMigrated,
    /// HA rules are not usable yet: this cluster still has groups.
    GroupsNotMigrated,
    /// The credentials were refused (401).
    Unauthorized,
    /// The login requires a second factor that was not given.
    SecondFactor,
    /// A privilege is missing (403).
    Forbidden,
    /// A parameter was refused; see [`Error::errors`] (400).
    Invalid,
    /// This Proxmox has no such call (501).
    NotImplemented,
    /// Any other refusal.
    Refused,
    /// The answer to a read is not what Proxmox answers.
    UnexpectedResponse,
    /// Something else than Proxmox has answered, such as a login proxy: the request did not get to Proxmox.
    Foreign,
    /// The call was stopped before it had a result.
    Stopped,
    /// The call's time was over before it had a result.
    Expired,
}

/// Why Proxmox was not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Obstacle {
    /// The host name could not be resolved.
    Dns,
    /// No connection: refused, unreachable, or no answer in time.
    Connect,
    /// The TLS handshake failed for another reason than the certificate.
    Tls,
    /// The node that was asked could not connect to the node that should answer (595).
    Proxy,
}

/// Why a certificate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Certificate {
    /// No known authority signed it.
    UnknownIssuer,
    /// It is not for the host name or address of the endpoint.
    WrongHost,
    Expired,
    /// It is not valid yet; often a clock is wrong.
    NotYetValid,
    /// Its fingerprint is not the pinned one.
    WrongPin,
    /// It is the certificate of an authority, which path validation takes for no server.
    Authority,
    /// It is of X.509 version 1, which can't hold the names that are checked.
    OldVersion,
    /// Anything else.
    Other,
}

/// A failed request.
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
    method: Method,
    path: String,
    status: Option<u16>,
    message: String,
    errors: BTreeMap<String, String>,
    note: Option<String>,
    echo: bool,
    tries: u32,
    waited: Duration,
    /// The error of the transport or of the parser, if there was one.
    source: Option<Source>,
}

impl Error {
    /// What the failure means.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    #[must_use]
    pub fn method(&self) -> &Method {
        &self.inner.method
    }

    /// The request's path below `/api2/json`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.inner.path
    }

    /// The status of Proxmox's answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.inner.status
    }

    /// Proxmox's own words, or those of the transport if there was no answer.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// Proxmox's complaints by parameter.
    #[must_use]
    pub fn errors(&self) -> &BTreeMap<String, String> {
        &self.inner.errors
    }

    /// What the client found out beyond the answer itself: votes, what was tried, and the like.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.inner.note.as_deref()
    }

    /// Whether another error of this run reports the same in full, so that one line will do here: of many writers that
    /// waited for the same quorum only the first has a [`Error::note`] of votes and the time waited.
    #[must_use]
    pub fn is_echo(&self) -> bool {
        self.inner.echo
    }

    /// How often the request was sent or tried to be sent.
    #[must_use]
    pub fn tries(&self) -> u32 {
        self.inner.tries
    }

    /// How long it was retried.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.inner.waited
    }

    /// Whether the object does not exist.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.kind() == ErrorKind::Absent
    }

    /// Whether the request may have been executed although it failed.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.kind() == ErrorKind::Ambiguous
    }

    /// Proxmox's answer on one line, the way it is quoted at the end of a diagnostic:
    /// `PVE: 500 no such resource 'vm:1' (GET /cluster/ha/resources/vm:1)`.
    #[must_use]
    pub fn quote(&self) -> String {
        let Inner { method, path, status, message, errors, .. } = &*self.inner;
        let mut words = message.trim().replace('\n', " ");
        for (name, text) in errors {
            words.push_str(&format!(" {name}: {}", text.trim().replace('\n', " ")));
        }
        match status {
            Some(status) => {
                let who = if self.inner.kind == ErrorKind::Foreign { "Answer" } else { "PVE" };
                format!("{who}: {status} {words} ({method} {path})")
            }
            None if path.starts_with('/') => format!("{words} ({method} {path})"),
            // Not a request yet: its writer had not got the turn in this lock domain.
            None => format!("{words} (before the turn to write in {path})"),
        }
    }

    fn line(&self) -> String {
        match &self.inner.note {
            Some(note) => format!("{note}\n{}", self.quote()),
            None => self.quote(),
        }
    }

    pub(super) fn new(kind: ErrorKind, method: &Method, path: &str, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                method: method.clone(),
                path: path.to_owned(),
                status: None,
                message: message.into(),
                errors: BTreeMap::new(),
                note: None,
                echo: false,
                tries: 1,
                waited: Duration::ZERO,
                source: None,
            }),
        }
    }

    pub(super) fn with_answer(mut self, status: u16, errors: BTreeMap<String, String>) -> Self {
        self.inner.status = Some(status);
        self.inner.errors = errors;
        self
    }

    pub(super) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.inner.kind = kind;
        self
    }

    /// With a note, after the one that is there already.
    pub(super) fn with_note(mut self, note: impl Into<String>) -> Self {
        let note = note.into();
        self.inner.note = Some(match self.inner.note {
            Some(before) => format!("{before}\n{note}"),
            None => note,
        });
        self
    }

    /// With the error that led to it.
    pub(super) fn because(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.inner.source = Some(Source::new(source));
        self
    }

    pub(super) fn into_echo(mut self) -> Self {
        self.inner.echo = true;
        self
    }

    pub(super) fn with_effort(mut self, tries: u32, waited: Duration) -> Self {
        self.inner.tries = tries;
        self.inner.waited = waited;
        self
    }
}
