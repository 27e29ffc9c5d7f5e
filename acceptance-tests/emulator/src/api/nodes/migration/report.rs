//! The log of a migration.

use jiff::Timestamp;

/// Lines with the time in front, as `PVE::AbstractMigrate` logs them.
#[derive(Debug)]
pub(crate) struct Report {
    started: i64,
    pub(crate) lines: Vec<String>,
}

/// Why a migration ends without a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aborted {
    /// Before anything was copied.
    Early(String),
    /// After the copying has begun.
    Late(String),
}

impl Report {
    pub(crate) fn new(started: i64) -> Self {
        Self { started, lines: Vec::new() }
    }

    pub(crate) fn add(&mut self, now: i64, text: &str) {
        let time = Timestamp::from_second(now).unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y-%m-%d %H:%M:%S");
        self.lines.push(format!("{time} {text}"));
    }

    /// The last lines of one that has moved the guest.
    pub(crate) fn finish(&mut self, now: i64) {
        let took = self.took(now);
        self.add(now, &format!("migration finished successfully (duration {took})"));
    }

    /// The last lines of one that has not, and the error of its task.
    pub(crate) fn abort(&mut self, now: i64, why: &Aborted) -> String {
        let took = self.took(now);
        match why {
            Aborted::Early(text) => {
                self.add(now, &format!("ERROR: migration aborted (duration {took}): {text}"));
                "migration aborted".to_owned()
            }
            Aborted::Late(text) => {
                self.add(now, &format!("ERROR: {text}"));
                self.add(now, "aborting phase 2 - cleanup resources");
                self.add(now, &format!("ERROR: migration finished with problems (duration {took})"));
                "migration problems".to_owned()
            }
        }
    }

    fn took(&self, now: i64) -> String {
        let seconds = now - self.started;
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}
