//! Why a verb did not succeed, in the terms the framework decides by.

use super::{Diagnostic, Path, Severity};

/// What a failed verb means for the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// There is no such object.
    Absent,
    /// Such an object exists already.
    Exists,
    /// The request may or may not have been carried out: read and compare.
    Ambiguous,
    /// Other objects refer to it.
    InUse,
    /// Somebody changed what an update was based on between its read and its write: do both again.
    Stale,
    /// Nothing was changed.
    Refused,
}

/// A verb's failure: its meaning, and what the user is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it means for the object.
    pub cause: Cause,
    /// What happened, what was done, what to do next, Proxmox's own words last.
    pub detail: String,
    /// The attribute at fault, if it is one.
    pub path: Option<Path>,
}

impl Failure {
    /// A failure that changed nothing.
    pub fn refused(detail: impl Into<String>) -> Self {
        Self::new(Cause::Refused, detail)
    }

    /// A failure of the given meaning.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into(), path: None }
    }

    /// This failure, blamed on the attribute at `path`.
    #[must_use]
    pub fn at(self, path: Path) -> Self {
        Self { path: Some(path), ..self }
    }

    /// This failure as an error with the given summary.
    pub fn into_error(self, summary: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Error, summary: summary.into(), detail: self.detail, path: self.path }
    }
}
