//! Guests and their HA resources.

use pve_schemas::value::HaState;

use crate::framework::Path;
use crate::preflight::finding::Finding;
use crate::preflight::finding::warning;
use crate::preflight::live::Cluster;
use crate::preflight::object_index::Family;
use crate::preflight::objects::guest_of;
use crate::preflight::view::{CheckCase, View, list};
use pve_ha_manager::config::Name;

/// What the check of guests is called.
pub const MISSING: &str = "missing-guest";

/// The HA resource `sid` of the state, whose guest was removed from the cluster.
pub fn gone(view: &View<'_>, sid: &Name) -> Option<Finding> {
    let id = guest_of(sid).filter(|id| is_missing(view.cluster, sid) && view.sees(*id))?;
    let finding = warning(
        None,
        format!(
            "{sid}: guest {id} no longer exists, so its HA resource has nothing to start.\nRemove the HA resource from \
             the configuration, or restore the guest under the id {id}."
        ),
    );
    Some(finding.of(sid.as_ref()))
}

/// Whether there is a list of guests, and the guest of `sid` is not in it.
pub fn is_missing(cluster: Option<&Cluster>, sid: &Name) -> bool {
    cluster.zip(guest_of(sid)).is_some_and(|(cluster, id)| !cluster.guests.contains_key(&id))
}

/// Guests that don't exist, or are of the other kind.
pub fn missing_guest(case: &CheckCase<'_>) -> Vec<Finding> {
    let view = &case.view;
    let Some(cluster) = view.cluster else { return Vec::new() };
    let (id, name, at) = match (case.resource(), case.job()) {
        (Some((sid, _)), _) => (case.any().guest(), sid.to_string(), "sid"),
        (_, Some((name, job))) => (job.guest, name, "guest"),
        _ => return Vec::new(),
    };
    let Some(id) = id else { return Vec::new() };
    let path = Some(Path::attribute(at));
    match cluster.guests.get(&id) {
        None if case.keeps_its_id() => case.resource().and_then(|(sid, _)| gone(view, sid)).into_iter().collect(),
        None if view.sees(id) => vec![warning(
            path,
            format!(
                "{name}: there is no guest {id} in the cluster. Unless this apply creates it first, Proxmox refuses \
                 this.\nRefer to the id of the resource that creates it, so that Terraform keeps that order."
            ),
        )],
        Some(guest) if case.resource().is_some() && guest.is_container != name.starts_with("ct:") => {
            let (is, right) = if guest.is_container { ("a container", "ct") } else { ("a virtual machine", "vm") };
            // PVE::API2::HA::Resources looks at the type since pve-ha-manager 5.1.1.
            let then = match view.live.is_pve_8() {
                Some(true) => "Proxmox VE 8 accepts the other one, and its service ends in the error state.",
                _ => "Proxmox refuses the other one.",
            };
            vec![warning(path, format!("{name}: guest {id} is {is}, so its HA resource is `{right}:{id}`. {then}"))]
        }
        _ => Vec::new(),
    }
}

/// The HA resource `sid`, which is in the error state.
pub(in crate::preflight) fn in_error(sid: &str) -> Finding {
    warning(Some(Path::attribute("state")), error_state(sid))
}

/// What to do about an HA resource that the HA manager has given up.
pub(in crate::preflight) fn error_state(sid: &str) -> String {
    format!(
        "{sid}: it is in the error state: the HA manager neither starts nor moves it, and Proxmox refuses every change of it but \
         `state = \"disabled\"`.\nSet that, apply, repair the guest, and set the state back."
    )
}

/// What is said once of an HA resource in the error state.
pub(in crate::preflight) fn error_news(sid: &str) -> String {
    format!("service-in-error {sid}")
}

/// HA resources in the error state.
pub fn service_in_error(case: &CheckCase<'_>) -> Vec<Finding> {
    let is_in_error = |sid: &str| case.view.guest(sid).is_some_and(|guest| guest.is_in_error);
    if let Some((sid, resource)) = case.resource() {
        if !is_in_error(sid) || matches!(resource.noun.state(), None | Some(HaState::Disabled)) {
            return Vec::new();
        }
        return if case.is_news(error_news(sid)) { vec![in_error(sid)] } else { Vec::new() };
    }
    let Some((name, rule, at)) = case.feasible() else { return Vec::new() };
    let is_concerned = |sid: &&Name| case.member().is_none_or(|(_, own)| own == *sid);
    let sids = rule.resources.iter().flatten().filter(is_concerned).map(|sid| sid.as_ref());
    let broken: Vec<&str> = sids.filter(|sid| is_in_error(sid)).collect();
    if broken.is_empty() || !rule.is_enabled() {
        return Vec::new();
    }
    let (is, they, it) = if broken.len() == 1 { ("is", "it follows", "it") } else { ("are", "they follow", "them") };
    let detail = format!(
        "{name}: {} {is} in the error state; {they} no rule until that is cleared.\nSet `state = \"disabled\"` in the HA resource, \
         apply, repair the guest, and set the state back: then the HA manager moves {it} where the rule says.",
        list(broken)
    );
    vec![warning(Some(Path::attribute(at.unwrap_or("resources"))), detail)]
}

/// `max_relocate = 0`.
pub fn no_relocation(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some((sid, resource)) = case.resource() else { return Vec::new() };
    if resource.noun.max_relocate() != Some(0) || !resource.is_managed() {
        return Vec::new();
    }
    vec![warning(
        Some(Path::attribute("max_relocate")),
        format!(
            "{sid}: with `max_relocate = 0` a guest that can't start on one node is not started on another. It ends in \
             the error state, also after the failure of a node.\nSet `max_relocate` to 1 or more."
        ),
    )]
}

/// A group that doesn't exist.
pub fn missing_group(case: &CheckCase<'_>) -> Vec<Finding> {
    let view = &case.view;
    let Some((sid, resource)) = case.resource() else { return Vec::new() };
    let Some(Some(group)) = &resource.group else { return Vec::new() };
    let can_tell = view.live.placed().is_some_and(|placed| placed.are_groups);
    if !can_tell || view.planned.has_nameless(Family::Group) || view.group(group).is_some() {
        return Vec::new();
    }
    vec![warning(
        Some(Path::attribute("group")),
        format!(
            "{sid}: there is no HA group {group}. Unless this plan creates it, the HA manager treats the resource as \
             one without a group.\nRefer to `pve_ha_group.NAME.name`, so that Terraform creates the group first."
        ),
    )]
}
