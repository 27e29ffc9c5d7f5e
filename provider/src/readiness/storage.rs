//! Whether the disks of HA guests are where HA may start them.

use crate::simulation::live::Guest;
use crate::simulation::{ReplicaState, usable_on};
use pve_ha_manager::config::{Config, Name, Policy, RuleKind};
use pve_schemas::data::failover_simulation::DiskState;

use super::verdict::{Verdict, fail, named, pass, skipped, unknown};
use super::{Demands, Facts};

pub(super) fn disks(facts: &Facts, demands: &Demands) -> Verdict {
    let (mut missing, mut dark, mut looked) = (Vec::new(), Vec::new(), 0);
    let config = facts.planned.config(facts.live.mode, &facts.live.crs);
    for guest in facts.ha_guests() {
        looked += 1;
        for node in may_run(facts, &config, guest) {
            let disk = usable_on(&facts.live, guest, &node);
            let at = format!("{} on {node}: {}", guest.sid, disk.detail);
            match disk.status {
                DiskState::Missing => missing.push(at),
                DiskState::Unknown => dark.push(at),
                DiskState::Replica if is_late(facts, guest, &node, demands.max_lag) => {
                    missing.push(format!("{at}, too old"));
                }
                _ => {}
            }
        }
    }
    if looked == 0 {
        return facts.unseen().unwrap_or_else(|| skipped("there are no HA guests yet"));
    }
    if !missing.is_empty() {
        return fail(
            named(missing),
            "Move the disks to shared storage, add a `pve_replication_job` to each of these nodes, or exclude the \
             nodes with a strict rule or restricted group.",
        );
    }
    if !dark.is_empty() {
        return unknown(named(dark), facts.remedy_of_disks());
    }
    facts.unseen().unwrap_or_else(|| {
        let (are, them) =
            if looked == 1 { ("the disks of one HA guest are", "it") } else { ("the disks are", "their guest") };
        let count = if looked == 1 { String::new() } else { format!(" ({looked} HA guests)") };
        pass(format!("{are} on every node that may run {them}{count}"))
    })
}

/// The other nodes that the guest may be started on; also those that are offline now, and will be back.
fn may_run(facts: &Facts, config: &Config, guest: &Guest) -> Vec<String> {
    let only: Option<Vec<String>> = match &config.policy {
        Policy::Rules(rules) => rules
            .iter()
            .filter(|rule| !rule.disabled && rule.resources.contains(guest.sid.as_str()))
            .find_map(|rule| match &rule.kind {
                RuleKind::NodeAffinity(affinity) if affinity.strict => {
                    let known: Vec<Name> = facts.live.nodes.iter().map(|node| node.name.as_str().into()).collect();
                    Some(affinity.wanted(&known).keys().map(ToString::to_string).collect())
                }
                _ => None,
            }),
        Policy::Groups(groups) => {
            let group = config.resources.get(guest.sid.as_str()).and_then(|resource| resource.group.as_ref());
            let group = group.and_then(|group| groups.get(group)).filter(|group| group.restricted);
            group.map(|group| group.nodes.iter().map(|(node, _)| node.to_string()).collect())
        }
    };
    let all = facts.live.nodes.iter().map(|node| node.name.clone());
    all.filter(|node| *node != guest.node && only.as_ref().is_none_or(|only| only.contains(node))).collect()
}

fn is_late(facts: &Facts, guest: &Guest, node: &str, most: i64) -> bool {
    let replicas = facts.live.replicas.iter().flatten();
    let mut here = replicas.filter(|replica| replica.guest == guest.vmid && replica.target == node);
    here.any(|replica| matches!(replica.state, ReplicaState::Copied { seconds, .. } if seconds > most))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Good;
    use super::*;
    use crate::simulation::testing::{Cluster, replica};

    fn with(edit: impl FnOnce(&mut Cluster)) -> Verdict {
        let mut cluster = Cluster::of(3);
        cluster.service(100, 1).disk(100, "scsi0", "zfs");
        edit(&mut cluster);
        disks(&Good::with(cluster.live()), &Good::demands())
    }

    #[test]
    fn shared_or_replicated_everywhere_it_may_run() {
        assert_eq!(with(|c| c.disk(100, "scsi0", "nfs")).status.as_str(), "pass");
        let bare = with(|_| ());
        assert_eq!(bare.status.as_str(), "fail");
        assert!(bare.detail.contains("vm:100 on pve2") && bare.detail.contains("vm:100 on pve3"), "{}", bare.detail);
        let both = |c: &mut Cluster| c.replicas = vec![replica(100, "pve2", Some(60)), replica(100, "pve3", Some(60))];
        assert_eq!(with(both).status.as_str(), "pass");
        let late =
            |c: &mut Cluster| c.replicas = vec![replica(100, "pve2", Some(60)), replica(100, "pve3", Some(7200))];
        assert!(with(late).detail.ends_with("too old"));
        let one = with(|c| {
            c.replicas = vec![replica(100, "pve2", Some(60))];
            c.rules.push(serde_json::json!({"rule": "pin", "type": "node-affinity", "resources": "vm:100", "nodes": "pve1,pve2", "strict": 1}));
        });
        assert_eq!(one.status.as_str(), "pass");
    }

    #[test]
    fn nothing_to_look_at_and_nothing_to_be_seen() {
        assert_eq!(with(|c| c.resources.clear()).status.as_str(), "skipped");
        assert_eq!(with(|c| c.storages = None).status.as_str(), "unknown");
    }

    #[test]
    fn a_guest_that_may_not_be_seen_is_unknown() {
        let cluster = |shared: bool| {
            let mut cluster = Cluster::of(3);
            cluster.service(100, 1).disk(100, "scsi0", if shared { "nfs" } else { "zfs" });
            let mut live = cluster.live();
            live.hidden.services.insert("vm:200".to_owned());
            disks(&Good::with(live), &Good::demands())
        };
        assert_eq!((cluster(true).status.as_str(), cluster(false).status.as_str()), ("unknown", "fail"));
        assert!(cluster(true).remedy.unwrap().contains("VM.Audit"));
    }

    #[test]
    fn a_node_that_is_offline_is_looked_at_too() {
        let bare = with(|c| {
            c.replicas = vec![replica(100, "pve2", Some(60))];
            c.nodes[2].online = false;
        });
        assert_eq!(bare.status.as_str(), "fail");
        let shared = with(|c| {
            c.disk(100, "scsi0", "nfs");
            c.nodes[2].online = false;
        });
        assert_eq!(shared.status.as_str(), "unknown");
        assert!(shared.detail.starts_with("vm:100 on pve3: "), "{}", shared.detail);
    }
}
