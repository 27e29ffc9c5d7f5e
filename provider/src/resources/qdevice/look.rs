//! The parts of a QDevice that exist: in the configuration of the cluster, in the votes, and on each node.

use std::time::Duration;

use pve_schemas::Qdevice;
use pve_schemas::corosync::{CorosyncConf, Device, PATH};
use pve_schemas::qdevice::Votes;
use serde_json::Value as Json;

use super::SUBJECT;
use crate::client::Collection;
use crate::framework::{Cause, Failure};
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::{Member, any_node, get, members, ssh_failure};
use crate::ssh::{Command, node_file};

/// How often it is looked whether another `pvecm` is still at work.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The nodes, and the device in `corosync.conf`.
pub(super) struct Look {
    pub(super) members: Vec<Member>,
    pub(super) device: Option<Device>,
    /// Whether the node that answers is in a cluster at all.
    pub(super) is_clustered: bool,
}

impl Look {
    pub(super) async fn new(op: &OpContext<'_>) -> Result<Self, Failure> {
        let members = members(op).await?;
        let node = any_node(&members, None)?;
        let text = node_file::read(&op.ssh()?, node, PATH, &op.call()).await.map_err(ssh_failure(SUBJECT))?;
        Ok(Self {
            device: text.as_deref().map(CorosyncConf::parse).and_then(|conf| Device::find(&conf)),
            is_clustered: text.is_some(),
            members,
        })
    }

    /// The QDevice as the API of the node that answers and `pvecm status` show it.
    pub(super) async fn found(&self, op: &OpContext<'_>) -> Result<Option<Qdevice>, Failure> {
        let Some(device) = &self.device else { return Ok(None) };
        let answer: Json = get(op, SUBJECT, Collection::Qdevice).await?;
        let votes = match device.votes {
            Some(votes) => Some(votes),
            // With `lms` Proxmox writes none, and corosync takes one less than there are nodes.
            None => self.votes(op).await?.qdevice().map(|member| member.configured_votes).filter(|votes| *votes > 0),
        };
        let state = state(answer["State"].as_str(), &self.idle(op).await?);
        let none_less = || i64::try_from(self.members.len()).ok().map(|count| count - 1);
        Ok(Some(Qdevice {
            address: device.host.clone().unwrap_or_default(),
            // Proxmox doesn't keep it, and with an odd number of nodes there is no QDevice without.
            force: (self.members.len() % 2 == 1).then_some(true),
            algorithm: device.algorithm.clone(),
            votes: votes.or_else(none_less),
            state: Some(state),
        }))
    }

    /// The votes as votequorum counts them.
    pub(super) async fn votes(&self, op: &OpContext<'_>) -> Result<Votes, Failure> {
        let node = any_node(&self.members, None)?;
        crate::ssh::votes(&op.ssh()?, node, &op.call()).await.map_err(ssh_failure(SUBJECT))
    }

    /// The online nodes whose daemon doesn't run.
    pub(super) async fn idle(&self, op: &OpContext<'_>) -> Result<Vec<&str>, Failure> {
        let ssh = op.ssh()?;
        let mut idle = Vec::new();
        for member in self.members.iter().filter(|member| member.online) {
            let command = Command::new("systemctl").args(["is-active", "corosync-qdevice"]).reading();
            let output = ssh.run(&member.name, &command, &op.call()).await.map_err(ssh_failure(&member.name))?;
            if !output.is_success() {
                idle.push(member.name.as_str());
            }
        }
        Ok(idle)
    }

    /// `pvecm` changes something on every node, and refuses without all of them.
    pub(super) fn demand_all_online(&self) -> Result<(), Failure> {
        let down: Vec<&str> = self.members.iter().filter(|m| !m.online).map(|m| m.name.as_str()).collect();
        if down.is_empty() {
            return Ok(());
        }
        Err(Failure::refused(format!(
            "All nodes have to be online to set up or remove a QDevice, and {} is not. Nothing was changed.\nBring it back, or \
             remove it from the cluster if it is gone for good (`pvecm delnode`).",
            down.join(", ")
        )))
    }

    /// A `pvecm` whose connection was cut may go on for a while; two of them would get in each other's way.
    pub(super) async fn wait_for_others(&self, op: &OpContext<'_>) -> Result<(), Failure> {
        let node = any_node(&self.members, None)?;
        loop {
            let command = Command::new("pgrep").args(["-x", "pvecm"]).reading();
            let output = op.ssh()?.run(node, &command, &op.call()).await.map_err(ssh_failure(node))?;
            // pgrep answers 1 where nothing is found, and has more codes for trouble of its own.
            if !output.is_success() {
                return Ok(());
            }
            tracing::info!(node, "waiting for another pvecm");
            if !op.call().pause(POLL_INTERVAL).await {
                return Err(Failure::new(
                    Cause::Refused,
                    format!(
                        "{node}: another `pvecm` is still running there. Nothing was changed. Apply again when it has \
                         ended."
                    ),
                ));
            }
        }
    }
}

/// What the daemon of the node that answers says, unless one doesn't run.
fn state(said: Option<&str>, idle: &[&str]) -> String {
    match said {
        _ if !idle.is_empty() => format!("Not running on {}", idle.join(", ")),
        Some(said) => said.to_owned(),
        // PVE::API2::ClusterConfig answers {} where the daemon runs and its socket isn't there yet.
        None => "No answer from the daemon".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::state;

    #[test]
    fn the_state_is_the_daemons_word_or_says_why_there_is_none() {
        assert_eq!(state(Some("Connected"), &[]), "Connected");
        assert_eq!(state(Some("Connected"), &["pve2", "pve3"]), "Not running on pve2, pve3");
        assert_eq!(state(None, &[]), "No answer from the daemon");
    }
}
