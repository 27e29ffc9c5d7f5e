//! Diagnostics for the user: errors and warnings, on an attribute whenever one is at fault.

use super::Path;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Stops the operation.
    Error,
    /// Is shown, and the operation continues.
    Warning,
}

/// One message: a short general summary, and a detail that says which object, what happened, what was done and what
/// to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Short and general.
    pub summary: String,
    /// The particulars, Proxmox's own words last.
    pub detail: String,
    /// The attribute at fault, if it is one.
    pub path: Option<Path>,
}

/// The messages of one operation, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an error that no single attribute is to blame for.
    pub fn error(&mut self, summary: impl Into<String>, detail: impl Into<String>) {
        self.add(Severity::Error, None, summary.into(), detail.into());
    }

    /// Adds an error on the attribute at `path`.
    pub fn error_at(&mut self, path: Path, summary: impl Into<String>, detail: impl Into<String>) {
        self.add(Severity::Error, Some(path), summary.into(), detail.into());
    }

    /// Adds a warning that no single attribute is to blame for.
    pub fn warning(&mut self, summary: impl Into<String>, detail: impl Into<String>) {
        self.add(Severity::Warning, None, summary.into(), detail.into());
    }

    /// Adds a warning on the attribute at `path`.
    pub fn warning_at(&mut self, path: Path, summary: impl Into<String>, detail: impl Into<String>) {
        self.add(Severity::Warning, Some(path), summary.into(), detail.into());
    }

    /// Adds a finished message.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all messages of `other`.
    pub fn extend(&mut self, other: Diagnostics) {
        self.0.extend(other.0);
    }

    /// Whether there is at least one error.
    pub fn has_error(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The messages in order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// The errors in order, to be said in other words.
    pub fn errors_mut(&mut self) -> impl Iterator<Item = &mut Diagnostic> {
        self.0.iter_mut().filter(|d| d.severity == Severity::Error)
    }

    fn add(&mut self, severity: Severity, path: Option<Path>, summary: String, detail: String) {
        self.0.push(Diagnostic { severity, summary, detail, path });
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(diagnostics: I) -> Self {
        Self(diagnostics.into_iter().collect())
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}
