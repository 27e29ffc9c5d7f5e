//! The evidence of a drill: what was expected, what happened, and how it ended. Written anew with every event, so that it is
//! complete up to that also if the process ends at once.

mod junit;
mod markdown;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::{fs, io::Write as _};

use jiff::Timestamp;
use serde::Serialize;

use super::expected::Expectation;

/// The files of a drill.
const MARKDOWN: &str = "drill.md";
const JSON: &str = "drill.json";
const JUNIT: &str = "junit.xml";

/// Something that happened during the drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Event {
    /// Seconds since the epoch, by the clock of the node that answered.
    pub(super) time: i64,
    pub(super) kind: Kind,
    /// A node, an HA resource, or what else it is about.
    pub(super) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
    /// A sentence.
    pub(super) text: String,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// The drill did something, or asked the person to.
    Drill,
    /// A node has left the membership.
    Left,
    /// It is a member again.
    Back,
    Quorum,
    Master,
    /// The state of a node in the HA manager.
    NodeState,
    /// State and node of a service.
    Service,
    /// Whether and where a guest runs.
    Guest,
}

/// How a drill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// It has not ended: the process runs, or was killed.
    Running,
    AsPredicted,
    NotAsPredicted,
    Interrupted,
    /// A time limit has passed.
    OutOfTime,
    Failed,
}

impl Outcome {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Running => "not ended",
            Self::AsPredicted => "as predicted",
            Self::NotAsPredicted => "not as predicted",
            Self::Interrupted => "interrupted",
            Self::OutOfTime => "out of time",
            Self::Failed => "failed",
        }
    }
}

/// How long something took, against the time that is documented for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Timing {
    pub(super) what: String,
    pub(super) expected: String,
    /// Seconds after the first sign of the outage.
    pub(super) found: Option<i64>,
}

/// All that is written.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Record {
    /// Raised when a member changes its meaning.
    pub(super) format: u32,
    pub(super) version: &'static str,
    pub(super) case: &'static str,
    pub(super) node: Option<String>,
    pub(super) target: Option<String>,
    /// The HA resources that the drill might affect.
    pub(super) guests: Vec<String>,
    pub(super) outcome: Outcome,
    /// Whether the drill has come to its end.
    pub(super) complete: bool,
    /// What ended it before, or is not as predicted.
    pub(super) problems: Vec<String>,
    /// The state of the cluster, where something is left to do.
    pub(super) remains: Vec<String>,
    pub(super) started: i64,
    pub(super) ended: i64,
    pub(super) steps: Vec<String>,
    pub(super) expectations: Vec<Expectation>,
    pub(super) timings: Vec<Timing>,
    /// Seconds for which each guest was down.
    pub(super) downtimes: BTreeMap<String, i64>,
    pub(super) timeline: Vec<Event>,
}

/// The folder of the evidence.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Why evidence can't be written there.
    pub(super) fn problem(at: &Path) -> Option<String> {
        match fs::read_dir(at) {
            Ok(mut files) => files.next().is_some().then(|| "the folder is not empty".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(error.to_string()),
        }
    }

    /// Creates the folder; one that has files is refused.
    ///
    /// # Errors
    /// Why it can't be used.
    pub(super) fn create(at: PathBuf) -> Result<Self, String> {
        if let Some(problem) = Self::problem(&at) {
            return Err(problem);
        }
        fs::create_dir_all(&at).map_err(|error| error.to_string())?;
        Ok(Self(at))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes all files, each as a whole or not at all.
    ///
    /// # Errors
    /// A file can't be written.
    pub(super) fn write(&self, record: &Record) -> io::Result<()> {
        let json = serde_json::to_string_pretty(record)? + "\n";
        let texts = [(JSON, json), (MARKDOWN, markdown::render(record)), (JUNIT, junit::render(record))];
        for (name, text) in texts {
            let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
            file.write_all(text.as_bytes())?;
            file.persist(self.0.join(name)).map_err(|refused| refused.error)?;
        }
        Ok(())
    }
}

/// A time for people, in UTC.
fn shown(time: i64) -> String {
    Timestamp::from_second(time)
        .map_or_else(|_| time.to_string(), |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// The day of a time, in UTC.
pub(super) fn day(time: i64) -> String {
    Timestamp::from_second(time).map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}
