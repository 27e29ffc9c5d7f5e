//! How Proxmox removes a job: a delete only marks it. The scheduler of the guest's node then removes the copies on the other
//! node and the snapshots on its own, and last the job; while one of these nodes is down, the job stays.

use std::time::Duration;

use pve_schemas::replication_job::{Ends, is_being_removed};
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use super::ends::home;
use crate::client::Collection;
use crate::framework::Failure;
use crate::resources::explain;
use crate::resources::operations::OpContext;

/// How often a job that is being removed is looked at; the scheduler works once a minute.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Why a job can't be removed now.
pub(super) enum DownNode {
    /// The node that has the guest is down.
    Source(String),
    /// The node that has the copies is down.
    Target(String),
}

impl DownNode {
    pub(super) fn node(&self) -> &str {
        match self {
            Self::Source(node) | Self::Target(node) => node,
        }
    }
}

/// What keeps Proxmox from removing the job in `entry`.
pub(super) async fn obstacle(op: &OpContext<'_>, entry: &Json) -> Option<DownNode> {
    let ends = ends(op, entry).await;
    let nodes = op.client().list(Collection::Nodes, &op.call()).await.ok()?;
    let is_down = |node: &String| {
        let entry = nodes.find::<Json>(node).ok().flatten();
        entry.is_some_and(|entry| entry["status"] == "offline")
    };
    // With `local` the copies are left alone.
    let copies = ends.copies_to.filter(|_| entry["remove_job"] != "local");
    let source = ends.source.filter(is_down).map(DownNode::Source);
    source.or_else(|| copies.filter(is_down).map(DownNode::Target))
}

/// Whether the job in `entry` is going to be gone by itself.
pub(super) async fn is_under_way(op: &OpContext<'_>, entry: &Json) -> bool {
    is_being_removed(entry) && obstacle(op, entry).await.is_none()
}

/// Waits until the job called `key`, whose removal has been asked for, is gone.
pub(super) async fn finish(op: &OpContext<'_>, key: &str, path: &str) -> Result<(), Failure> {
    let call = op.call();
    let mut looks = call.looks("Proxmox to remove a replication job");
    loop {
        let entry = op.client().find::<Json>(path, &call).await.map_err(|error| explain(key, &error))?;
        let Some(entry) = entry else { return Ok(()) };
        let obstacle = obstacle(op, &entry).await;
        if obstacle.is_some() || !looks.pause(POLL_INTERVAL).await {
            let source = ends(op, &entry).await.source;
            return Err(Failure::refused(stuck(key, obstacle.as_ref(), source.as_deref())));
        }
    }
}

async fn ends(op: &OpContext<'_>, entry: &Json) -> Ends {
    let home = match Entry(entry).integer("guest") {
        Some(guest) => home(op, guest).await,
        None => None,
    };
    Ends::of(Entry(entry)).at(home.as_deref())
}

fn stuck(key: &str, obstacle: Option<&DownNode>, source: Option<&str>) -> String {
    let Some(obstacle) = obstacle else {
        let node = source.unwrap_or("the guest's node");
        return format!(
            "{key}: it is marked for removal, but the scheduler of {node} has not removed it yet.\nIf the job is \
             running, apply again in a minute; otherwise `pvesr status` on {node} shows the error."
        );
    };
    let why = match obstacle {
        DownNode::Target(_) => "has the copies that are to be removed first",
        DownNode::Source(_) => "has the guest, and its scheduler removes the job",
    };
    let node = obstacle.node();
    format!(
        "{key}: it is marked for removal, but node {node} is down, which {why}.\nBring {node} back: Proxmox then \
         removes the job, and the next apply continues. If {node} is gone for good, set `force_destroy = true`, apply, \
         and destroy: Proxmox removes the entry at once, and snapshots and copies remain. To keep the job, remove the \
         mark: `pvesh set /cluster/replication/{key} --delete remove_job` on a node."
    )
}
