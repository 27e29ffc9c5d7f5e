//! Objects that are to be destroyed while others name them.

use crate::framework::WAYS_OUT;
use crate::preflight::finding::Finding;
use crate::preflight::finding::warning;
use crate::preflight::objects::Object;
use crate::preflight::view::{CheckCase, list};
use pve_ha_manager::config::Name;

/// An HA resource that rules go on naming.
pub fn named_by_rule(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some(Object::Resource(resource)) = case.destroyed() else { return Vec::new() };
    let Some(sid) = &resource.sid else { return Vec::new() };
    if resource.noun.purge_rules() != Some(false) {
        return Vec::new();
    }
    let rules = case.view.rules_naming(sid);
    let names: Vec<&str> = rules.iter().filter_map(|rule| rule.object.name.as_deref()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let (rule, it) = if names.len() == 1 { ("the rule", "it") } else { ("the rules", "them") };
    let names = list(names);
    vec![warning(
        None,
        format!(
            "{sid}: {rule} {names} still names it. Unless this plan changes or removes {it} too, the name stays there without an HA \
             resource behind it, and Proxmox refuses later changes of {it}.\nTake {sid} out of {names}, or set `purge_rules = true` and \
             apply before the HA resource is removed."
        ),
    )]
}

/// An HA group that resources go on naming.
pub fn group_in_use(case: &CheckCase<'_>) -> Vec<Finding> {
    let (destroyed, renamed) = (case.destroyed().and_then(name_of_group), replaced(case));
    let Some(name) = destroyed.or(renamed) else { return Vec::new() };
    let users = case.view.users_of(name);
    let users: Vec<&str> = users.iter().filter_map(|user| user.object.sid.as_deref()).collect();
    if users.is_empty() {
        return Vec::new();
    }
    let is_of = format!("{name}: it is the group of {}", list(users));
    if renamed.is_some() {
        let detail = format!(
            "{is_of}. Without `create_before_destroy` Terraform destroys the group before it changes the references to \
             it. Proxmox refuses that, and nothing is changed.\n{WAYS_OUT}"
        );
        let head = format!("Renaming an HA group in use needs create_before_destroy: {name}");
        return vec![warning(None, detail).headed(head)];
    }
    vec![warning(
        None,
        format!(
            "{is_of}, and this plan does not remove that reference so far. Proxmox refuses to remove a group in use, \
             and Terraform removes it before it changes the references to it.\n{WAYS_OUT}"
        ),
    )]
}

/// The old name of a group that gets another one.
fn replaced<'a>(case: &CheckCase<'a>) -> Option<&'a Name> {
    let old = case.prior().and_then(name_of_group)?;
    (Some(old) != case.changed().and_then(name_of_group)).then_some(old)
}

fn name_of_group(object: &Object) -> Option<&Name> {
    match object {
        Object::Group(group) => group.name.as_ref(),
        _ => None,
    }
}
