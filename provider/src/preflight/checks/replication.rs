//! Replication jobs that Proxmox refuses, and copies of a guest where the HA manager never puts it.

use crate::framework::Path;
use crate::preflight::finding::Finding;
use crate::preflight::finding::{error, warning};
use crate::preflight::object_index::Family;
use crate::preflight::objects::{CheckedJob, Nodes, Object, guest_of};
use crate::preflight::view::CheckCase;
use pve_ha_manager::config::Name;

/// A target that is the guest's own node.
pub fn replication_to_own_node(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some((name, CheckedJob { guest: Some(guest), target: Some(target), .. })) = case.job() else {
        return Vec::new();
    };
    let home = case.view.cluster.and_then(|cluster| cluster.guests.get(guest)?.node.as_ref());
    // Changed in place, the job goes on between its two nodes, of which the guest may be on either.
    let replaced = case.replaced();
    if home != Some(target) || (case.prior().is_some() && replaced.is_none()) {
        return Vec::new();
    }
    let happened =
        format!("{name}: guest {guest} is on {target} itself, and Proxmox refuses a job to the guest's own node.");
    vec![refused(
        replaced,
        happened,
        "Unless this apply migrates the guest first, the create fails.",
        "Choose another node as `target`, or migrate the guest first.",
    )]
}

/// A target that another job of the guest copies to.
pub fn replication_target_taken(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some((name, job @ CheckedJob { guest: Some(guest), target: Some(target), .. })) = case.job() else {
        return Vec::new();
    };
    let replaced = case.replaced();
    if case.prior().is_some() && replaced.is_none() {
        return Vec::new();
    }
    let home = case.view.cluster.and_then(|cluster| cluster.guests.get(guest)?.node.as_ref());
    // As they are now: what this plan makes of them comes too late for this job, unless it removes them.
    let planned = case.view.planned;
    let is_removed = |id: &Name| planned.overrides(Family::Job, id) && !planned.plans(Family::Job, id);
    let Some(live) = case.view.live.jobs().filter(|_| home != Some(target)) else { return Vec::new() };
    let own = job.number.map(|number| Name::from(format!("{guest}-{number}")));
    let mut others = live.jobs_of(*guest).filter(|id| own.as_ref() != Some(*id) && replaced.as_ref() != Some(*id));
    let copies_there = |id: &&Name| live.jobs.get(*id).is_some_and(|other| other.copies_to.as_ref() == Some(target));
    let Some(other) = others.find(|id| copies_there(id) && !is_removed(id)) else { return Vec::new() };
    let happened =
        format!("{name}: the job {other} copies guest {guest} to {target} already, and Proxmox refuses a second one.");
    vec![refused(
        replaced,
        happened,
        &format!("Unless this apply removes {other} first, the create fails."),
        &format!("Choose another node as `target`, or import {other} to manage that job."),
    )]
}

/// What only a create would meet is a warning, since this apply may change it before; what would be met after the delete of the
/// old job is an error.
fn refused(replaced: Option<Name>, happened: String, unless: &str, remedy: &str) -> Finding {
    let path = Some(Path::attribute("target"));
    match replaced {
        Some(old) => error(
            path,
            format!("{happened} The job {old} would be deleted first, but could not be recreated.\n{remedy}"),
        ),
        None => warning(path, format!("{happened}\n{unless} {remedy}")),
    }
}

/// A replication target outside of the nodes that the guest is bound to.
pub fn replication_outside_placement(case: &CheckCase<'_>) -> Vec<Finding> {
    let view = &case.view;
    let tell = |sid: &str, place: &Name, nodes: &Nodes, job: &CheckedJob, at: &str| -> Option<Finding> {
        let target = job.copies_to.as_ref().filter(|target| nodes.excludes(target) && job.disabled == Some(false))?;
        if !case.is_news(format!("replication-outside-placement {place} {sid} {target}")) {
            return None;
        }
        Some(warning(
            Some(Path::attribute(at)),
            format!(
                "{sid}: it is replicated to {target}, but {place} binds it to other nodes. The copy on {target} is \
                 never used for recovery, and the guest can't start on a node without a copy.\nAdd {target} to the \
                 nodes of {place}, or replicate to one of them."
            ),
        ))
    };
    let jobs = |sid: &Name| guest_of(sid).map(|guest| view.jobs_of(guest)).unwrap_or_default();
    let of_place = |place: &Name, nodes: &Nodes, sids: Vec<&Name>| -> Vec<Finding> {
        let pairs = sids.into_iter().flat_map(|sid| jobs(sid).into_iter().map(move |job| (sid, job.object)));
        pairs.filter_map(|(sid, job)| tell(sid, place, nodes, job, "nodes")).collect()
    };
    match case.changed() {
        Some(Object::Job(job @ CheckedJob { guest: Some(guest), .. })) => {
            let sids = ["vm", "ct"].map(|kind| Name::from(format!("{kind}:{guest}")));
            let places = sids.iter().flat_map(|sid| view.places_of(sid).into_iter().map(move |place| (sid, place)));
            places.filter_map(|(sid, (place, nodes))| tell(sid, place, nodes, job, "target")).collect()
        }
        Some(Object::Rule(rule)) => match (&rule.name, rule.enabled_nodes(), &rule.resources) {
            (Some(name), Some(nodes), Some(sids)) => of_place(name, nodes, sids.iter().collect()),
            _ => Vec::new(),
        },
        Some(Object::Member(_)) => {
            let Some((name, sid)) = case.member() else { return Vec::new() };
            let nodes = case.feasible().and_then(|(_, rule, _)| rule.enabled_nodes());
            let found = nodes.into_iter().flat_map(|nodes| of_place(name, nodes, vec![sid]));
            found.map(|finding| Finding { path: Some(Path::attribute("rule")), ..finding }).collect()
        }
        Some(Object::Group(group)) => {
            let Some(name) = &group.name else { return Vec::new() };
            let users = view.users_of(name);
            of_place(name, &group.nodes, users.iter().filter_map(|user| user.object.sid.as_ref()).collect())
        }
        Some(Object::Resource(resource)) => {
            let Some(sid) = &resource.sid else { return Vec::new() };
            let places = view.places_of(sid);
            let jobs = jobs(sid);
            let pairs = places.iter().flat_map(|place| jobs.iter().map(move |job| (place, job.object)));
            pairs.filter_map(|((place, nodes), job)| tell(sid, place, nodes, job, "sid")).collect()
        }
        _ => Vec::new(),
    }
}
