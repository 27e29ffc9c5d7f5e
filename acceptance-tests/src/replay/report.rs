//! The report of a replay.

use super::play::{Outcome, Verdict};
use std::fmt;

/// How many steps were judged, and how many of them were equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answers, waits and files as recorded.
    pub equal: usize,
    /// All that were judged.
    pub judged: usize,
    /// Steps of kinds or paths that aren't played.
    pub out_of_scope: usize,
}

impl Tally {
    /// Counts the steps of one case.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        outcome.steps.iter().fold(Self::default(), |tally, step| match &step.verdict {
            Verdict::Equal => Self { equal: tally.equal + 1, judged: tally.judged + 1, ..tally },
            Verdict::Different(_) => Self { judged: tally.judged + 1, ..tally },
            Verdict::Done => tally,
            Verdict::OutOfScope => Self { out_of_scope: tally.out_of_scope + 1, ..tally },
        })
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            equal: self.equal + other.equal,
            judged: self.judged + other.judged,
            out_of_scope: self.out_of_scope + other.out_of_scope,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} steps equal", self.equal, self.judged)?;
        if self.out_of_scope > 0 {
            write!(f, " ({} not played)", self.out_of_scope)?;
        }
        Ok(())
    }
}

/// Writes each difference of a case, and its tally.
///
/// # Errors
/// When `out` can't be written to.
pub fn print(outcome: &Outcome, out: &mut dyn std::io::Write) -> std::io::Result<()> {
    for step in &outcome.steps {
        let Verdict::Different(differences) = &step.verdict else { continue };
        let n = step.n.map_or_else(|| "end".to_owned(), |n| n.to_string());
        writeln!(out, "{} step {n}: {}", outcome.case, step.title)?;
        for difference in differences {
            writeln!(out, "    {difference}")?;
        }
    }
    writeln!(out, "{}: {}", outcome.case, Tally::of(outcome))
}
