//! How a command ends, and the exit codes.

use super::USAGE;
use crate::framework::Ending;

/// The exit codes, for the help and the documentation.
pub(super) const CODES: &str = "\
Exit codes:
  0    done, or there was nothing to do
  1    failed: something may have been changed
  2    an invalid command line
  3    refused, or not begun: nothing was changed
  4    unfinished: the time was over or a response was lost, and something may be under way
  130  interrupted before the operation was done; the diagnostics say how far it came";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A dry run that found nothing in the way.
    Planned,
    /// The arguments are invalid.
    Invalid,
    Ran(Ending),
}

/// How a command ended, and whether it was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) end: End,
    pub(super) is_interrupted: bool,
}

impl Outcome {
    /// The exit code.
    pub(super) fn code(self) -> u8 {
        match self.end {
            End::Planned | End::Ran(Ending::Done) => 0,
            End::Invalid => USAGE,
            End::Ran(_) if self.is_interrupted => INTERRUPTED,
            End::Ran(Ending::Failed) => 1,
            End::Ran(Ending::Refused) => 3,
            End::Ran(Ending::Unfinished) => 4,
        }
    }

    /// Its word in JSON.
    pub(super) fn word(self) -> &'static str {
        match self.end {
            End::Planned => "planned",
            End::Invalid => "invalid",
            End::Ran(Ending::Done) => "done",
            End::Ran(Ending::Refused) => "refused",
            End::Ran(Ending::Failed) => "failed",
            End::Ran(Ending::Unfinished) => "unfinished",
        }
    }
}

/// The exit code of an interrupted command, as of one that SIGINT has ended.
const INTERRUPTED: u8 = 130;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_documented_code() {
        let ended = |ending| Outcome { end: End::Ran(ending), is_interrupted: false };
        let ends = [ended(Ending::Done), ended(Ending::Failed), ended(Ending::Refused), ended(Ending::Unfinished)];
        assert_eq!(ends.map(Outcome::code), [0, 1, 3, 4]);
        let interrupted = ends.map(|outcome| Outcome { is_interrupted: true, ..outcome }.code());
        assert_eq!(interrupted, [0, 130, 130, 130]);
        for code in [0, 1, 2, 3, 4, 130] {
            assert!(CODES.lines().any(|line| line.trim().starts_with(&format!("{code} "))), "{code}");
        }
    }
}
