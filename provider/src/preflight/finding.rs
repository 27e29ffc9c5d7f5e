//! What a check finds, and the diagnostic that it becomes.

use super::Check;
use crate::framework::{Diagnostic, Path, Severity};

/// What a check has found.
#[derive(Debug)]
pub struct Finding {
    pub severity: Severity,
    /// The head line, where it is not the check's own with the object's name behind it.
    pub head: Option<String>,
    pub path: Option<Path>,
    pub detail: String,
    pub about: About,
}

/// What a finding is about.
#[derive(Debug)]
pub enum About {
    /// The object that is planned.
    Object,
    /// The whole cluster.
    Cluster,
    /// Something else, as the head line names it.
    Other(String),
}

impl Finding {
    /// The CLI shows one of all warnings that have a head line in common, so that it names the object.
    pub fn into_diagnostic(self, check: &Check, subject: Option<&str>) -> Diagnostic {
        let mut detail = self.detail;
        if self.severity == Severity::Warning {
            detail.push_str(&format!(
                "\nSilence this with `ignore_preflight = [{:?}]` in the provider block.",
                check.name
            ));
        }
        let about = match &self.about {
            About::Object => subject,
            About::Cluster => None,
            About::Other(name) => Some(name.as_str()),
        };
        let summary = match (self.head, about) {
            (Some(head), _) => head,
            (None, Some(about)) => format!("{}: {about}", check.summary),
            (None, None) => check.summary.to_owned(),
        };
        Diagnostic { severity: self.severity, summary, detail, path: self.path }
    }

    /// The same under a head line of its own, which names the object.
    pub fn headed(self, head: String) -> Self {
        Self { head: Some(head), ..self }
    }

    /// The same, with `name` in the head line in place of the object's.
    pub fn of(self, name: impl Into<String>) -> Self {
        Self { about: About::Other(name.into()), ..self }
    }
}

pub fn warning(path: Option<Path>, detail: String) -> Finding {
    Finding { severity: Severity::Warning, head: None, path, detail, about: About::Object }
}

/// What is said once, whichever object has led to it.
pub fn general_warning(detail: String) -> Finding {
    Finding { about: About::Cluster, ..warning(None, detail) }
}

pub fn error(path: Option<Path>, detail: String) -> Finding {
    Finding { severity: Severity::Error, head: None, path, detail, about: About::Object }
}
