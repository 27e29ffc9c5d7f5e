//! The cluster as it is once a plan is applied.

use std::collections::BTreeSet;

use super::changes::{Affected, Changes, Job, Member};
use super::comparison::Unknown;
use crate::simulation::live::SimulatedCluster;
use crate::simulation::{Affects, HaConfig, InvalidArgument, Replica, ReplicaState};

/// How old the copy of a planned job is called.
const PLANNED_COPY: &str = "planned: there once the job has run";

/// The cluster with these changes, and what of them could not be applied to it.
///
/// # Errors
/// The plan is of another release of Proxmox VE.
pub(super) fn applied(
    live: &SimulatedCluster,
    changes: &Changes,
) -> Result<(SimulatedCluster, Vec<Unknown>), InvalidArgument> {
    let mut after = live.clone();
    after.config = live.config.clone().with(&changes.plans, live.mode)?;
    let mut unknown = Vec::new();
    for member in &changes.members {
        if !join(&mut after.config, member) {
            let why = format!("neither the cluster nor the plan has the rule {}", member.rule);
            after.config.unknown.add(&member.address, why.clone(), Affects::These([member.sid.clone()].into()), true);
            unknown.push(Unknown { address: member.address.clone(), reason: why });
        }
    }
    for job in &changes.jobs {
        copy(&mut after, job);
    }
    for open in &changes.open {
        unknown.push(Unknown { address: open.address.clone(), reason: open.why.clone() });
        if let Some(affects) = affects(&mut after, open.affects.as_ref()) {
            after.config.unknown.add(&open.address, open.why.clone(), affects, true);
        }
    }
    for planned in changes.plans.resources.iter().flatten() {
        let sid = planned.object.sid.to_string();
        if !live.guests.contains_key(&sid) {
            let reason = "the guest does not exist yet, or the token has no VM.Audit on it".to_owned();
            unknown.push(Unknown { address: sid, reason });
        }
    }
    Ok((after, unknown))
}

/// Adds or removes a member; whether there is such a rule.
fn join(config: &mut HaConfig, member: &Member) -> bool {
    let Ok(sid) = member.sid.parse() else { return false };
    let node = config.node_rules.get_mut(&member.rule).map(|rule| &mut rule.resources.0);
    let resource = config.resource_rules.get_mut(&member.rule).map(|rule| &mut rule.resources.0);
    let Some(members) = node.or(resource) else { return false };
    if member.is_added {
        members.insert(sid)
    } else {
        members.remove(&sid)
    };
    true
}

fn copy(after: &mut SimulatedCluster, job: &Job) {
    let (Some(replicas), Ok(guest)) = (&mut after.replicas, u64::try_from(job.guest)) else { return };
    let is_there = |replica: &Replica| replica.guest == guest && replica.target == job.target;
    if !job.is_added {
        replicas.retain(|replica| !is_there(replica));
    } else if !replicas.iter().any(is_there) {
        let state = ReplicaState::Copied { age: PLANNED_COPY.to_owned(), seconds: 0 };
        replicas.push(Replica { guest, target: job.target.clone(), state });
    }
}

/// The HA resources that depend on something unknown.
fn affects(after: &mut SimulatedCluster, affected: Option<&Affected>) -> Option<Affects> {
    Some(match affected? {
        Affected::Sids(sids) => sids.clone(),
        Affected::Guest(guest) => {
            let sids = ["vm", "ct"].map(|kind| format!("{kind}:{guest}"));
            Affects::These(sids.into())
        }
        Affected::Rule(name, planned) => {
            let node = after.config.node_rules.remove(name).map(|rule| rule.resources);
            let resource = after.config.resource_rules.remove(name).map(|rule| rule.resources);
            let live = [node, resource].into_iter().flatten().flat_map(|sids| sids.0).map(|sid| sid.to_string());
            match planned {
                Some(planned) => Affects::These(live.chain(planned.iter().cloned()).collect::<BTreeSet<_>>()),
                None => Affects::All,
            }
        }
    })
}
