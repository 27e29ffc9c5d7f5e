//! Diagnostics.

use super::tfplugin5::{self as wire, diagnostic};
use crate::framework::{Diagnostic, Diagnostics, Severity};

/// The messages in core's form.
pub(super) fn encode(diagnostics: Diagnostics) -> Vec<wire::Diagnostic> {
    diagnostics.into_iter().map(Into::into).collect()
}

impl From<Diagnostic> for wire::Diagnostic {
    fn from(diagnostic: Diagnostic) -> Self {
        let severity = match diagnostic.severity {
            Severity::Error => diagnostic::Severity::Error,
            Severity::Warning => diagnostic::Severity::Warning,
        };
        Self {
            severity: severity.into(),
            summary: diagnostic.summary,
            detail: diagnostic.detail,
            // A path without steps would point at the whole block; core does so by itself.
            attribute: diagnostic.path.filter(|path| !path.steps().is_empty()).map(Into::into),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::Path;

    #[test]
    fn severity_and_path_arrive() {
        let mut diagnostics = Diagnostics::new();
        diagnostics.error_at(Path::attribute("sid"), "Bad", "Worse");
        diagnostics.warning_at(Path::root(), "Hm", "");
        let wire = encode(diagnostics);
        assert_eq!(wire[0].severity(), diagnostic::Severity::Error);
        assert_eq!(wire[0].attribute.as_ref().unwrap().steps.len(), 1);
        assert_eq!(wire[1].severity(), diagnostic::Severity::Warning);
        assert!(wire[1].attribute.is_none());
    }
}
