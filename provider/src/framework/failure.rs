//! Why an operation did not succeed, in the terms the framework decides by.

use super::{Diagnostic, Path, Severity};
use crate::source::Source;

/// What a failed operation means for the object.
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
    /// The object was changed between the read and the write of an update: do both again.
    Stale,
    /// Nothing was changed.
    Refused,
}

/// The failure of an operation: its meaning, and its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it means for the object.
    pub cause: Cause,
    /// What happened, what was done, what to do next, Proxmox's own words last.
    pub detail: String,
    /// The attribute at fault, if it is one.
    pub path: Option<Path>,
    /// The summary, where that of the operation would not be true.
    pub summary: Option<String>,
    /// The error that led to it, if there was one.
    pub source: Option<Source>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(Source::error)
    }
}

impl Failure {
    /// A failure that changed nothing.
    pub fn refused(detail: impl Into<String>) -> Self {
        Self::new(Cause::Refused, detail)
    }

    /// A failure of the given meaning.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into(), path: None, summary: None, source: None }
    }

    /// This failure, with the error that led to it.
    #[must_use]
    pub fn because(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Source::new(source)), ..self }
    }

    /// This failure, blamed on the attribute at `path`.
    #[must_use]
    pub fn at(self, path: Path) -> Self {
        Self { path: Some(path), ..self }
    }

    /// This failure with a summary of its own, in place of that of the operation.
    #[must_use]
    pub fn summarised(self, summary: impl Into<String>) -> Self {
        Self { summary: Some(summary.into()), ..self }
    }

    /// This failure as an error, with the given summary unless it has its own.
    pub fn into_error(self, summary: impl Into<String>) -> Diagnostic {
        let summary = self.summary.unwrap_or_else(|| summary.into());
        Diagnostic { severity: Severity::Error, summary, detail: self.detail, path: self.path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_of_its_own_replaces_that_of_the_operation() {
        let failure = Failure::refused("vm:100: it is in the error state.");
        assert_eq!(failure.clone().into_error("Not ready").summary, "Not ready");
        assert_eq!(failure.summarised("In the error state").into_error("Not ready").summary, "In the error state");
    }

    #[test]
    fn a_failure_keeps_the_error_that_led_to_it() {
        let io = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let failure = Failure::refused("vm:100: the response was lost.").because(io).at(Path::attribute("sid"));
        let found = crate::source::cause::<std::io::Error>(&failure).unwrap();
        assert_eq!(found.kind(), std::io::ErrorKind::ConnectionReset);
        assert!(crate::source::cause::<std::fmt::Error>(&failure).is_none());
    }
}
