//! The steps of a join, and where one breaks off.

use serde::{Deserialize, Serialize};

/// What a joining node does, in order. The times are those of a genuine join, in seconds since its begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// It logs in to the member.
    Connect,
    /// The member adds it to corosync.conf.
    Request,
    /// It has the answer: writes key and configuration, and stops pmxcfs.
    Answer,
    /// Its own database is moved to the backup; everyone is refused.
    Database,
    /// corosync and pmxcfs run: it is a member.
    Start,
    /// It has a certificate of the cluster; the task ends.
    Certificate,
    /// Some workers of its pveproxy show the new certificate.
    Reload,
    /// All of them do.
    Reloaded,
}

impl Step {
    pub const ALL: [Self; 8] = [
        Self::Connect,
        Self::Request,
        Self::Answer,
        Self::Database,
        Self::Start,
        Self::Certificate,
        Self::Reload,
        Self::Reloaded,
    ];

    /// Its time.
    pub(super) fn offset(self) -> f64 {
        match self {
            Self::Connect => 0.3,
            Self::Request => 0.6,
            Self::Answer => 1.6,
            Self::Database => 5.0,
            Self::Start => 8.8,
            Self::Certificate => 11.1,
            Self::Reload => 11.5,
            Self::Reloaded => 12.5,
        }
    }

    pub(super) fn next(self) -> Option<Self> {
        let at = Self::ALL.iter().position(|step| *step == self)?;
        Self::ALL.get(at + 1).copied()
    }
}

/// A join breaks off.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Interrupt {
    /// The step that is not done any more.
    pub before: Step,
    /// Only joins of this node.
    #[serde(default)]
    pub node: Option<String>,
}

/// Where the next joins break off, one each.
#[derive(Debug, Default)]
pub struct Interrupts(Vec<Interrupt>);

impl Interrupts {
    pub fn add(&mut self, interrupt: Interrupt) {
        self.0.push(interrupt);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether a join breaks off before a step; that happens once.
    pub(super) fn meets(&mut self, node: &str, step: Step) -> bool {
        let is_meant = |i: &Interrupt| i.before == step && i.node.as_deref().is_none_or(|name| name == node);
        let found = self.0.iter().position(is_meant);
        found.map(|at| self.0.remove(at)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_one_after_the_other_and_break_off_once() {
        assert!(
            Step::ALL.windows(2).all(|pair| pair[0].offset() < pair[1].offset() && pair[0].next() == Some(pair[1]))
        );
        let mut interrupts = Interrupts::default();
        interrupts.add(Interrupt { before: Step::Answer, node: Some("pvb".to_owned()) });
        assert!(!interrupts.meets("pvc", Step::Answer) && !interrupts.meets("pvb", Step::Start));
        assert!(interrupts.meets("pvb", Step::Answer) && !interrupts.meets("pvb", Step::Answer));
    }
}
