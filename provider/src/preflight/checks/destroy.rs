//! Objects that are to be destroyed while others name them.

use crate::placement::config::Name;
use crate::preflight::Finding;
use crate::preflight::objects::Object;
use crate::preflight::view::{Case, list, warning};

/// An HA resource that rules go on naming.
pub fn named_by_rule(case: &Case<'_>) -> Vec<Finding> {
    let Some(Object::Resource(resource)) = case.destroyed() else { return Vec::new() };
    let Some(sid) = &resource.sid else { return Vec::new() };
    if resource.purge_rules != Some(false) {
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
pub fn group_in_use(case: &Case<'_>) -> Vec<Finding> {
    let Some(name) = case.destroyed().or_else(|| replaced(case)).and_then(name_of_group) else { return Vec::new() };
    let advice = if case.destroyed().is_some() {
        ""
    } else {
        "\nTo give it another name, let the new group come first: `lifecycle { create_before_destroy = true }`."
    };
    let users = case.view.users_of(name);
    let users: Vec<&str> = users.iter().filter_map(|user| user.object.sid.as_deref()).collect();
    if users.is_empty() {
        return Vec::new();
    }
    vec![warning(
        None,
        format!(
            "{name}: it is the group of {}. Unless this plan takes them out of it or removes them first, Proxmox refuses to remove the \
             group.{advice}",
            list(users)
        ),
    )]
}

/// What the object was, if it gets another name.
fn replaced<'a>(case: &Case<'a>) -> Option<&'a Object> {
    case.prior().filter(|prior| name_of_group(prior) != case.changed().and_then(name_of_group))
}

fn name_of_group(object: &Object) -> Option<&Name> {
    match object {
        Object::Group(group) => group.name.as_ref(),
        _ => None,
    }
}
