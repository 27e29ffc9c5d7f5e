//! `pve_quorum`: membership, votes and the QDevice daemon; the votes themselves over SSH, where that is configured.

use pve_schemas::data::{NoArguments, Quorum};
use serde_json::Value as Json;

use super::adapter::{Reader, Source};
use crate::client::Collection;
use crate::framework::Failure;
use crate::session::SshAccess;

impl Source for Quorum {
    type Arguments = NoArguments;

    async fn read(reader: &Reader<'_>, _: NoArguments) -> Result<Self, Failure> {
        let (status, voters, qdevice) = tokio::try_join!(
            reader.list(Collection::ClusterStatus),
            reader.list(Collection::ClusterVotes),
            reader.object(Collection::Qdevice),
        )?;
        let quorum = Self::from_answers(&status, &voters, &qdevice).map_err(|problem| reader.unexpected(problem))?;
        let (SshAccess::Ready(ssh), Some(node), Some(_)) = (&reader.ssh, answering(&status), &quorum.cluster_name)
        else {
            return Ok(quorum);
        };
        match crate::ssh::votes(ssh, node, &reader.call).await {
            Ok(votes) => Ok(quorum.counted(&votes)),
            Err(problem) => {
                reader.cx.warn(
                    "The votes are derived from the API",
                    format!(
                        "`pvecm status` failed on {node}; the votes are derived from the API instead.\n{}",
                        problem.quote()
                    ),
                );
                Ok(quorum)
            }
        }
    }
}

/// The node that answers the API.
fn answering(status: &Json) -> Option<&str> {
    let rows = status.as_array().into_iter().flatten();
    rows.filter(|row| row["type"] == "node" && row["local"] == 1).find_map(|row| row["name"].as_str())
}
