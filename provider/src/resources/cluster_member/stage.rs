//! How far a join has come, decided from what the member and the joining node say, and from nothing else.

use super::joiner::Joiner;
use crate::framework::{Failure, Path};
use crate::resources::membership::Membership;

/// How far a join has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The node has nothing of a cluster, and the member nothing of the node.
    NotBegun,
    /// The joining node is at work on it.
    Running(String),
    /// The member lists the node, which has the configuration, or gives no answer while it takes it over.
    TakingOver,
    /// The member lists the node, which has nothing of the cluster, or no more than its key: a join stopped before the node took the
    /// configuration over, or the entry is of an older machine with this name.
    Unclaimed,
    /// The node is online.
    Complete,
    /// Only a person can decide how it continues.
    Stuck(Stuck),
}

/// Why a join can't continue by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// The member does not list the node, which gives no answer.
    OutOfSight,
    /// The node has the key or the configuration of this cluster, which does not list it: it has been removed, or a join has failed.
    Leftovers,
    /// The node is in another cluster.
    Elsewhere(String),
    /// The machine at the address is another one, of this name.
    OtherMachine(String),
}

/// How far the join of `node` has come.
pub(super) fn stage(member: &Membership, node: &str, joiner: Option<&Joiner>) -> Stage {
    if member.has_online(node) {
        return Stage::Complete;
    }
    let Some(joiner) = joiner else {
        return if member.lists(node) { Stage::TakingOver } else { Stage::Stuck(Stuck::OutOfSight) };
    };
    // First: whatever else it says is of another machine, which may be a healthy member.
    if joiner.name != node {
        return Stage::Stuck(Stuck::OtherMachine(joiner.name.clone()));
    }
    if let Some(task) = &joiner.task {
        return Stage::Running(task.clone());
    }
    let cluster = member.name.as_deref().or(member.configured.as_deref());
    match (member.lists(node), joiner.cluster.as_deref()) {
        (_, Some(other)) if Some(other) != cluster => Stage::Stuck(Stuck::Elsewhere(other.to_owned())),
        // A cluster of the same name that works is another one.
        (false, Some(other)) if joiner.has_peers => Stage::Stuck(Stuck::Elsewhere(other.to_owned())),
        (true, Some(_)) => Stage::TakingOver,
        (true, None) => Stage::Unclaimed,
        (false, Some(_)) => Stage::Stuck(Stuck::Leftovers),
        (false, None) if joiner.has_key => Stage::Stuck(Stuck::Leftovers),
        (false, None) => Stage::NotBegun,
    }
}

impl Stuck {
    /// The error, with the commands that continue from there.
    pub(super) fn failure(&self, node: &str, address: &str, member: &Membership) -> Failure {
        let cluster = member.name.as_deref().unwrap_or_default();
        let local = &member.local;
        match self {
            Self::OutOfSight => Failure::refused(format!(
                "{node}: it can't be asked at {address}, and {local} does not list it as a member. Nothing was changed.\nBring it up, \
                 or correct `address`, then apply again."
            )),
            Self::Leftovers => Failure::refused(format!(
                "{node}: it has the key or the configuration of a cluster, and {cluster} does not list it: it was removed, or a join has \
                 failed. Nothing was changed.\nInstall it anew, or run on {node}:\n{SEPARATE}\nThen apply again."
            )),
            Self::Elsewhere(other) => Failure::refused(format!(
                "{node}: it is a member of another cluster, {other:?}, and can't join {cluster:?}, too. Nothing was changed.\nCheck `address`. To move \
                 it, remove it from that cluster first, and install it anew."
            )),
            Self::OtherMachine(name) => {
                let which =
                    if member.lists(name) { format!(", which is a member of {cluster:?}") } else { String::new() };
                Failure::refused(format!(
                    "{node}: the machine at {address} calls itself {name:?}{which}. Nothing was changed.\nCorrect `node`, `address`, or the \
                     `node` block of that name in the `ssh` block, then apply again."
                ))
                .at(Path::attribute("node"))
            }
        }
    }
}

/// The entry of a node that has nothing of the cluster is not that of the joining one: `why`.
pub(super) fn unclaimed(node: &str, address: &str, member: &Membership, why: &str) -> Failure {
    let (cluster, local) = (member.name.as_deref().unwrap_or_default(), &member.local);
    Failure::refused(format!(
        "{node}: the cluster {cluster} lists it as a member that is offline, and the machine at {address} is not part of it. {why} Nothing \
         was changed.\nRemove the entry: run `pvecm delnode {node}` on {local}. Then apply again: the node joins anew."
    ))
}

/// The cluster has lost its quorum to the entry of a node that has nothing of it.
pub(super) fn without_quorum(node: &str, member: &Membership) -> Failure {
    let (cluster, local) = (member.name.as_deref().unwrap_or_default(), &member.local);
    let others = member.votes_without(node).present;
    Failure::refused(format!(
        "{node}: a join has stopped half-way. The cluster {cluster} lists the node, and has no quorum without it. Nothing was changed.\nIf \
         no other node is missing, run `pvecm expected {others}` on {local}, then apply again: the join is completed."
    ))
}

/// The commands by which Proxmox's manual takes the rest of a cluster off a node ("Separate a Node Without Reinstalling").
pub(super) const SEPARATE: &str = "  systemctl stop pve-cluster corosync\n  pmxcfs -l\n  rm /etc/pve/corosync.conf\n  rm -r /etc/corosync/*\n  \
                        killall pmxcfs\n  systemctl start pve-cluster";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn member(listed: bool, online: bool) -> Membership {
        let status = [
            json!({"type": "cluster", "name": "newclu", "quorate": 1}),
            json!({"type": "node", "name": "pva", "local": 1, "online": 1}),
            json!({"type": "node", "name": "pvb", "online": i32::from(online)}),
        ];
        let entry = |name: &str| json!({"name": name, "nodeid": "1", "quorum_votes": "1"});
        let entries = if listed { vec![entry("pva"), entry("pvb")] } else { vec![entry("pva")] };
        Membership::of(&status, &entries, &json!({"cluster_name": "newclu"}))
    }

    fn joiner(cluster: Option<&str>, has_key: bool, task: Option<&str>) -> Joiner {
        let (name, cluster, task) = ("pvb".to_owned(), cluster.map(str::to_owned), task.map(str::to_owned));
        Joiner { name, cluster, has_key, task, ..Joiner::default() }
    }

    #[test]
    fn every_moment_of_a_join_is_recognised() {
        let running = Stage::Running("UPID".to_owned());
        let elsewhere = Stage::Stuck(Stuck::Elsewhere("other".to_owned()));
        let (alone, ours) = (joiner(None, false, None), joiner(Some("newclu"), true, None));
        for (listed, online, joiner, expected) in [
            // Before anything was sent.
            (false, false, Some(alone.clone()), Stage::NotBegun),
            (false, false, None, Stage::Stuck(Stuck::OutOfSight)),
            // The recorded timeline: the task runs, the member lists the node, the node refuses everyone, it is online.
            (false, false, Some(joiner(None, false, Some("UPID"))), running.clone()),
            (true, false, Some(joiner(None, false, Some("UPID"))), running.clone()),
            (true, false, Some(joiner(Some("newclu"), true, Some("UPID"))), running),
            (true, false, None, Stage::TakingOver),
            (true, true, None, Stage::Complete),
            (true, true, Some(ours.clone()), Stage::Complete),
            // Where it stopped for good.
            (true, false, Some(alone), Stage::Unclaimed),
            (true, false, Some(joiner(None, true, None)), Stage::Unclaimed),
            (true, false, Some(ours.clone()), Stage::TakingOver),
            (false, false, Some(ours), Stage::Stuck(Stuck::Leftovers)),
            (false, false, Some(joiner(None, true, None)), Stage::Stuck(Stuck::Leftovers)),
            (false, false, Some(joiner(Some("other"), true, None)), elsewhere.clone()),
            (true, false, Some(joiner(Some("other"), true, None)), elsewhere),
            // A cluster of the same name, and another machine, whatever that has.
            (
                false,
                false,
                Some(Joiner { has_peers: true, ..joiner(Some("newclu"), true, None) }),
                Stage::Stuck(Stuck::Elsewhere("newclu".to_owned())),
            ),
            (
                false,
                false,
                Some(Joiner { name: "pva".to_owned(), ..joiner(Some("newclu"), true, Some("UPID")) }),
                Stage::Stuck(Stuck::OtherMachine("pva".to_owned())),
            ),
        ] {
            let found = stage(&member(listed, online), "pvb", joiner.as_ref());
            assert_eq!(found, expected, "listed {listed}, online {online}, {joiner:?}");
        }
    }

    #[test]
    fn what_is_stuck_has_a_remedy() {
        let (member, address) = (member(true, false), "10.0.0.12");
        for (stuck, remedy) in [
            (Stuck::OutOfSight, "Bring it up"),
            (Stuck::Leftovers, "rm -r /etc/corosync/*"),
            (Stuck::Elsewhere("other".to_owned()), "remove it from that cluster first"),
            (Stuck::OtherMachine("pva".to_owned()), "calls itself \"pva\", which is a member of \"newclu\""),
        ] {
            let text = stuck.failure("pvb", address, &member).detail;
            assert!(text.contains(remedy) && text.contains("Nothing was changed."), "{text}");
        }
        let lost = Membership { quorate: false, ..member };
        assert!(without_quorum("pvb", &lost).detail.contains("`pvecm expected 1` on pva"));
        assert!(unclaimed("pvb", address, &lost, "It has guests.").detail.contains("`pvecm delnode pvb` on pva"));
    }
}
