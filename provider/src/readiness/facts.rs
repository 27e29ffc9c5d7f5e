//! What was found out about the cluster.

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::data::HaStatus;
use pve_schemas::data::failover_simulation::Scenario;
use serde_json::Value as Json;

use crate::simulation::HaConfig;
use crate::simulation::live::SimulatedCluster;

use super::corosync::Corosync;
use super::safeguards::{Alerts, Backups};
use super::shell::Shell;
use super::verdict::{Verdict, named, unknown};

/// Everything that the checks go by. What could not be read is none.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The time, in seconds since 1970.
    pub now: i64,
    /// Nodes, votes, guests, storages, replicas, HA configuration.
    pub live: SimulatedCluster,
    /// The HA configuration with planned objects in it. The HA manager knows nothing of those yet: what it does is judged by
    /// what is live.
    pub planned: HaConfig,
    /// What the HA manager does.
    pub status: HaStatus,
    /// Corosync's configuration.
    pub corosync: Corosync,
    /// The version of each online node; none if it did not answer.
    pub versions: BTreeMap<String, Option<String>>,
    /// The nodes that are online and did not answer, as far as the node that was asked could tell (595, 596, or nothing in time).
    pub silent: BTreeSet<String>,
    /// What Proxmox finds wrong with rules and resources: object and complaint.
    pub complaints: Vec<(String, String)>,
    pub options: Json,
    /// What single failures do.
    pub scenarios: Vec<Scenario>,
    pub backups: Backups,
    /// The backup runs of each online node, the newest first; none if it did not answer.
    pub backup_runs: BTreeMap<String, Option<Vec<Task>>>,
    /// What each online node did in the last hour; none if it did not answer.
    pub recent: BTreeMap<String, Option<Vec<Task>>>,
    pub alerts: Alerts,
    /// What was found out on the nodes themselves.
    pub shell: Shell,
}

/// A task of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its type, such as `vzdump`.
    pub kind: String,
    /// What it was about, such as the number of a guest.
    pub id: String,
    /// How it ended; none while it runs.
    pub status: Option<String>,
    /// When it began, in seconds since 1970.
    pub began: i64,
}

impl Facts {
    /// Whether the cluster has any HA resource.
    pub(super) fn uses_ha(&self) -> bool {
        !self.live.config.resources.is_empty()
    }

    /// The guests that HA would recover once plans are applied.
    pub(super) fn ha_guests(&self) -> impl Iterator<Item = &crate::simulation::live::Guest> {
        let ignored = |sid: &str| {
            let state = self.planned.resources.get(sid).and_then(|resource| resource.state);
            state == Some(pve_schemas::value::HaState::Ignored)
        };
        let sids = self.planned.resources.keys().filter(move |sid| !ignored(sid));
        sids.filter_map(|sid| self.live.guests.get(sid))
    }

    /// What can't be known of HA guests that the user may not see, if there are any: what holds for all the others need not hold
    /// for them.
    pub(super) fn unseen(&self) -> Option<Verdict> {
        let services = &self.live.hidden.services;
        (!services.is_empty()).then(|| {
            unknown(
                format!("the user may not see {}", named(services)),
                "Give the user VM.Audit on these guests, or on /vms.",
            )
        })
    }

    /// What makes known what these nodes don't tell: each for the reason that it has.
    pub(super) fn remedy<'a>(&self, nodes: impl IntoIterator<Item = &'a str>, privileges: &str) -> String {
        let (mut silent, mut down, mut closed) = (Vec::new(), Vec::new(), Vec::new());
        for node in nodes {
            let list = match node {
                _ if self.silent.contains(node) => &mut silent,
                _ if !self.online().any(|online| online == node) => &mut down,
                _ => &mut closed,
            };
            list.push(node);
        }
        let parts = [
            (silent, "The proxy of a node does not answer: see `systemctl status pveproxy pvedaemon` on ".to_owned()),
            (down, "Bring online: ".to_owned()),
            (closed, format!("Give the user {privileges} on ")),
        ];
        let parts = parts.into_iter().filter(|(nodes, _)| !nodes.is_empty());
        parts.map(|(nodes, to)| format!("{to}{}.", nodes.join(", "))).collect::<Vec<_>>().join(" ")
    }

    /// What makes known what is on disks: the nodes that don't answer, where there are such.
    pub(super) fn remedy_of_disks(&self) -> String {
        if self.silent.is_empty() {
            return "Bring these nodes online, and give the user VM.Audit and Datastore.Audit.".to_owned();
        }
        self.remedy(self.silent.iter().map(String::as_str), "")
    }

    /// How it is told that these nodes don't tell something.
    pub(super) fn untold(&self, node: &str, what: &str) -> String {
        if self.silent.contains(node) {
            format!("the proxy of {node} does not answer")
        } else {
            format!("{node} does not report its {what}")
        }
    }

    /// The nodes that are online.
    pub(super) fn online(&self) -> impl Iterator<Item = &str> {
        self.live.nodes.iter().filter(|node| node.online).map(|node| node.name.as_str())
    }
}
