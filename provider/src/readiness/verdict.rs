//! What a check comes to.

use pve_schemas::data::readiness::Status;

/// The outcome of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: Status,
    pub(super) detail: String,
    pub(super) remedy: Option<String>,
}

/// It is as demanded.
pub(super) fn pass(detail: impl Into<String>) -> Verdict {
    Verdict { status: Status::Pass, detail: detail.into(), remedy: None }
}

/// It is not as demanded.
pub(super) fn fail(detail: impl Into<String>, remedy: impl Into<String>) -> Verdict {
    Verdict { status: Status::Fail, detail: detail.into(), remedy: Some(remedy.into()) }
}

/// It can't be known, and what would make it known.
pub(super) fn unknown(detail: impl Into<String>, remedy: impl Into<String>) -> Verdict {
    Verdict { status: Status::Unknown, detail: detail.into(), remedy: Some(remedy.into()) }
}

/// It does not apply.
pub(super) fn skipped(detail: impl Into<String>) -> Verdict {
    Verdict { status: Status::Skipped, detail: detail.into(), remedy: None }
}

/// So many of a list are named; the rest is counted.
const MAX_NAMED: usize = 5;

/// A list in words.
pub(super) fn named<T: ToString>(list: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = list.into_iter().map(|one| one.to_string()).collect();
    let rest = all.len().saturating_sub(MAX_NAMED);
    let words = all[..all.len() - rest].join("; ");
    if rest == 0 { words } else { format!("{words}; and {rest} more") }
}
