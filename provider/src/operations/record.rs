//! What was done to the guests of a node when it was emptied: a file of the cluster, so that any node and any door can undo it.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::Run;
use crate::call::Call;
use crate::client::{AT_ONCE, LockDomain};
use crate::explain;
use crate::framework::Failure;
use crate::resources::over_ssh::{any_node, members, members_now};
use crate::ssh::{ClusterFile, Edit};

/// The record of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// By HA resource id.
    pub(super) guests: BTreeMap<String, Left>,
}

/// How a guest left the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Left {
    /// It was moved to this node.
    MovedTo(String),
    /// It was shut down.
    ShutDown,
}

impl Record {
    /// The record of `node`; an empty one where there is no file.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) async fn read(run: &Run<'_>, node: &str) -> Result<Self, Failure> {
        let host = any_node(&members(&run.op).await?, Some(node))?.to_owned();
        let (ssh, call) = (run.ssh()?, run.call());
        let text = file(node).read(&ssh, &host, &call).await.map_err(|error| explain::ssh::explain(node, &error))?;
        text.map_or_else(|| Ok(Self::default()), |text| Self::parse(node, &text))
    }

    fn parse(node: &str, text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(|error| {
            Failure::refused(format!(
                "{node}: {} can't be read: {error}. Nothing was changed. Remove the file if the guests of {node} are \
                 where they belong.",
                file(node).path()
            ))
        })
    }

    /// Changes the record of `node`, under the lock of the HA configuration; an empty record has no file.
    ///
    /// # Errors
    /// The file can't be read or written.
    pub(super) async fn edit(
        run: &Run<'_>,
        call: &Call,
        node: &str,
        change: impl FnOnce(&mut Self) + Send,
    ) -> Result<(), Failure> {
        let ssh = run.ssh()?;
        let host = any_node(&members_now(run.client(), call).await?, Some(node))?.to_owned();
        let permit = run.client().permit(LockDomain::Ha, call).await.map_err(|error| explain::explain(node, &error))?;
        let edited = file(node)
            .edit(&ssh, &host, call, |now| -> Result<Edit, Refused> {
                let mut record = now.map_or_else(|| Ok(Self::default()), |text| Self::parse(node, text))?;
                change(&mut record);
                if record.guests.is_empty() {
                    return Ok(Edit::Remove);
                }
                let text = serde_json::to_string_pretty(&record).map_err(|error| {
                    Failure::refused(format!("{node}: the record of its guests can't be written: {error}."))
                })?;
                Ok(Edit::Write(text + "\n"))
            })
            .await;
        drop(permit);
        let edited = edited.map_err(|refused| match refused {
            Refused::Ssh(error) => explain::ssh::explain(node, &error),
            Refused::Failure(failure) => failure,
        });
        match edited {
            // What is as it was changes nothing.
            Ok(false) => Ok(()),
            edited => run.begun_by(edited.map(|_| ())),
        }
    }

    /// The other nodes that an evacuation has emptied and no restoration has taken back, by their records.
    ///
    /// # Errors
    /// A record can't be read.
    pub(super) async fn others(run: &Run<'_>, node: &str) -> Result<Vec<String>, Failure> {
        let members = members(&run.op).await?;
        let others = members.into_iter().map(|member| member.name).filter(|name| name != node);
        let read = others.map(|other| async move {
            let record = Self::read(run, &other).await?;
            Ok((!record.guests.is_empty()).then_some(other))
        });
        let read: Vec<Result<_, Failure>> = stream::iter(read.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await;
        Ok(read.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

/// Why an edit did not happen.
enum Refused {
    Ssh(crate::ssh::Error),
    Failure(Failure),
}

impl From<crate::ssh::Error> for Refused {
    fn from(error: crate::ssh::Error) -> Self {
        Self::Ssh(error)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn file(node: &str) -> ClusterFile {
    ClusterFile::new(format!("/etc/pve/ha/evacuated-{node}.json"), LockDomain::Ha.lock_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_as_it_is_written() {
        let guests = [("ct:101".to_owned(), Left::ShutDown), ("vm:100".to_owned(), Left::MovedTo("pve2".to_owned()))];
        let record = Record { guests: guests.into() };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(text, r#"{"guests":{"ct:101":"shut_down","vm:100":{"moved_to":"pve2"}}}"#);
        assert_eq!(Record::parse("pve1", &text).unwrap(), record);
        assert!(Record::parse("pve1", "{").unwrap_err().detail.contains("/etc/pve/ha/evacuated-pve1.json"));
    }
}
