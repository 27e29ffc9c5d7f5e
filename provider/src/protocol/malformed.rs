//! A value that is not what the schema says. The text names the place and never the content: it might be a secret.

use std::fmt;

use crate::framework::{Diagnostic, Path, Severity, Step};

/// How deep a value may be nested. No schema of ours comes near it.
pub(super) const MAX_DEPTH: usize = 128;

/// Why a value can't be understood, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) struct Malformed {
    problem: &'static str,
    /// From the inside out.
    steps: Vec<Step>,
}

impl Malformed {
    pub(super) fn new(problem: &'static str) -> Self {
        Self { problem, steps: Vec::new() }
    }

    /// This problem, seen from one level further out.
    pub(super) fn within(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// This problem, blamed on the set it is in: no path points into a set.
    pub(super) fn within_set(mut self) -> Self {
        self.steps.clear();
        self
    }

    /// This problem as an error: `what` says which value was looked at.
    pub(super) fn into_error(self, summary: &str, what: &str) -> Diagnostic {
        let detail = format!("In {what}: {self}. This is a bug in the provider or in the CLI; nothing was changed.");
        let path = self.path();
        let path = (!path.steps().is_empty()).then_some(path);
        Diagnostic { severity: Severity::Error, summary: summary.to_owned(), detail, path }
    }

    fn path(&self) -> Path {
        self.steps.iter().rev().fold(Path::root(), |path, step| path.then(step.clone()))
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.steps.is_empty() {
            write!(f, "{}: ", self.path())?;
        }
        f.write_str(self.problem)
    }
}
