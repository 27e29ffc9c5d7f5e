//! The progress of a roll: a file, so that an interrupted roll is continued where it was.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::health::Boot;
use super::arguments::Arguments;
use super::before::Before;
use crate::framework::Failure;

/// How a roll is given up.
pub(super) const GIVE_UP: &str =
    "To give the roll up instead, run `do restore` for the node in maintenance, then remove the file.";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    #[serde(skip)]
    pub(super) file: PathBuf,
    /// The name of the cluster; none for a node without one.
    pub(super) cluster: Option<String>,
    /// When the roll was begun, in seconds since the epoch by the clock of the machine that began it.
    pub(super) started: i64,
    /// What the roll was begun with.
    pub(super) arguments: Arguments,
    /// What was so before.
    pub(super) before: Before,
    /// The nodes in their order.
    pub(super) order: Vec<String>,
    /// How far each is.
    pub(super) nodes: BTreeMap<String, Phase>,
    /// The boot of the current node before its reboot was requested.
    pub(super) boot: Option<Boot>,
}

/// How far a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// Nothing was done.
    Pending,
    /// Its evacuation has begun.
    Begun,
    /// No guest runs on it.
    Empty,
    /// A person may work on it.
    Paused,
    /// The command has run.
    Updated,
    /// Its reboot was requested, or is about to be.
    Rebooting,
    /// It is in service with what was installed.
    Booted,
    /// Its guests are back, and the next node may follow.
    Done,
}

impl Journal {
    pub(super) fn new(file: &str, cluster: Option<String>, arguments: Arguments, before: Before) -> Self {
        let started = Timestamp::now().as_second();
        let (order, nodes) = (Vec::new(), BTreeMap::new());
        Self { file: file.into(), cluster, started, arguments, before, order, nodes, boot: None }
    }

    /// The day on which the roll was begun, in UTC.
    pub(super) fn day(&self) -> String {
        Timestamp::from_second(self.started).map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
    }

    /// The journal in a file; none where there is no such file.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) fn read(file: &Path) -> Result<Option<Self>, Failure> {
        let failed = |problem: String| {
            Failure::refused(format!(
                "{}: the journal can't be read: {problem}. Nothing was changed. {GIVE_UP}",
                file.display()
            ))
        };
        match std::fs::read_to_string(file) {
            Ok(text) => {
                let journal: Self = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
                Ok(Some(Self { file: file.to_owned(), ..journal }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Adds nodes at the end of the order.
    pub(super) fn add<'n>(&mut self, nodes: impl IntoIterator<Item = &'n str>) {
        for node in nodes {
            if !self.nodes.contains_key(node) {
                self.order.push(node.to_owned());
                self.nodes.insert(node.to_owned(), Phase::Pending);
            }
        }
    }

    pub(super) fn phase(&self, node: &str) -> Phase {
        self.nodes.get(node).copied().unwrap_or(Phase::Pending)
    }

    /// The node that was being worked on.
    pub(super) fn current(&self) -> Option<&str> {
        let is_under_way = |node: &&String| !matches!(self.phase(node), Phase::Pending | Phase::Done);
        self.order.iter().find(is_under_way).map(String::as_str)
    }

    /// Takes note that a phase is complete.
    ///
    /// # Errors
    /// The file can't be written.
    pub(super) fn reach(&mut self, node: &str, phase: Phase) -> Result<(), Failure> {
        self.nodes.insert(node.to_owned(), phase);
        self.write()
    }

    /// Takes note that the reboot of a node is requested next, and of the boot before.
    ///
    /// # Errors
    /// The file can't be written.
    pub(super) fn rebooting(&mut self, node: &str, boot: Boot) -> Result<(), Failure> {
        self.boot = Some(boot);
        self.reach(node, Phase::Rebooting)
    }

    /// Writes the file, at once: a reader sees the old one or the new one.
    ///
    /// # Errors
    /// The file can't be written.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let written = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&self.file).map_err(|error| error.error)?;
            Ok(())
        };
        written().map_err(|error| {
            Failure::refused(format!("{}: the journal can't be written: {error}.", self.file.display()))
        })
    }

    /// Removes the file.
    ///
    /// # Errors
    /// It can't be removed.
    pub(super) fn remove(&self) -> Result<(), Failure> {
        std::fs::remove_file(&self.file).map_err(|error| {
            let text =
                format!("{}: all nodes are done, and the journal can't be removed: {error}.", self.file.display());
            Failure::new(crate::framework::Cause::Stale, text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roll.json");
        assert_eq!(Journal::read(&file).unwrap(), None);
        let mut journal =
            Journal::new(file.to_str().unwrap(), Some("prod".to_owned()), Arguments::new(), Before::default());
        journal.add(["pve2", "pve1"]);
        journal.rebooting("pve2", Boot { now: 1000, uptime: 10 }).unwrap();
        let read = Journal::read(&file).unwrap().unwrap();
        assert_eq!((&read, read.current()), (&journal, Some("pve2")));
        journal.reach("pve2", Phase::Done).unwrap();
        assert_eq!(Journal::read(&file).unwrap().unwrap().current(), None);
        std::fs::write(&file, "{").unwrap();
        assert!(Journal::read(&file).unwrap_err().detail.contains("the journal can't be read"));
        journal.remove().unwrap();
        assert!(!file.exists());
    }
}
