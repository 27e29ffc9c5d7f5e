//! What concerns the cluster as a whole, the user who logs in, or every type of object.

use crate::preflight::Finding;
use crate::preflight::key::Key;
use crate::preflight::objects::Object;
use crate::preflight::view::{Case, error, general_warning, list};

/// Two nodes and nothing that decides between them.
pub fn two_nodes_without_qdevice(case: &Case<'_>) -> Vec<Finding> {
    let view = &case.view;
    let concerned = match case.changed() {
        Some(Object::Resource(resource)) => resource.is_managed(),
        Some(Object::Rule(_) | Object::Group(_)) => true,
        _ => false,
    };
    let two = view.cluster.is_some_and(|cluster| cluster.nodes.len() == 2);
    if !concerned || !two || view.live.has_qdevice() != Some(false) || view.planned.has_qdevice {
        return Vec::new();
    }
    if !case.is_news("two-nodes-without-qdevice".to_owned()) {
        return Vec::new();
    }
    vec![general_warning(
        "This cluster has two nodes and no QDevice: when one fails, the other has one of two votes and no quorum, so that nothing is \
         recovered, and it resets itself after a minute if HA resources run on it.\nUnless this plan adds one, set up a QDevice \
         (`pvecm qdevice setup`) on a third machine, or add a node."
            .to_owned(),
    )]
}

/// A cluster that takes no write now.
pub fn no_quorum(case: &Case<'_>) -> Vec<Finding> {
    let Some(lack) = case.view.live.lack_of_quorum() else { return Vec::new() };
    if !case.any().needs_quorum() || !case.is_news("no-quorum".to_owned()) {
        return Vec::new();
    }
    vec![general_warning(format!(
        "The cluster has no quorum now, as the node that answers sees it. {lack}\nWithout quorum /etc/pve is read-only: an apply would \
         wait for quorum until its `timeouts` run out, and then fail with nothing changed. Bring nodes, or the QNetd host, back \
         first."
    ))]
}

/// An object that two resources of the configuration are to create.
pub fn planned_twice(case: &Case<'_>) -> Vec<Finding> {
    let twice = names(case, |key| case.changed().is_some() && case.view.planned.creates_twice(key));
    let Some(first) = twice.first() else { return Vec::new() };
    let detail = match case.any() {
        Object::Options => format!(
            "{}: set by another resource of this configuration, too, so that each apply would undo the other.\nKeep each option in one \
             of the two.",
            list(twice.iter().copied())
        ),
        object => format!(
            "{first}: another resource of this configuration creates it, too. Apply would make it once and fail for the other, and what \
             is one object can't be managed twice.\nRemove one of the two{}.",
            if matches!(object, Object::Rule(_) | Object::Group(_)) { ", or give it a name of its own" } else { "" },
        ),
    };
    vec![error(case.any().attribute_of(first), detail)]
}

/// The names of what the object is about, as far as `is_wrong` says so.
fn names<'a>(case: &Case<'a>, is_wrong: impl Fn(&Key) -> bool) -> Vec<&'a str> {
    case.keys().iter().filter(|key| is_wrong(key)).map(Key::name).collect()
}

/// Privileges that the writes of this plan will need.
pub fn missing_privileges(case: &Case<'_>) -> Vec<Finding> {
    let live = case.view.live;
    let Some(held) = live.permissions() else { return Vec::new() };
    let on_root = |privileges: [&'static str; 2]| privileges.map(|privilege| ("/".to_owned(), privilege)).to_vec();
    let needed = match case.any() {
        Object::Resource(_) | Object::Rule(_) | Object::Group(_) => on_root(["Sys.Audit", "Sys.Console"]),
        Object::Options => on_root(["Sys.Audit", "Sys.Modify"]),
        Object::Job(job) => {
            let Some(guest) = job.guest.map(|guest| format!("/vms/{guest}")) else { return Vec::new() };
            let write = match live.is_pve_8() {
                Some(true) => ("/storage".to_owned(), "Datastore.Allocate"),
                Some(false) => (guest.clone(), "VM.Replicate"),
                None => return Vec::new(),
            };
            vec![(guest, "VM.Audit"), write]
        }
        Object::Qdevice | Object::Hosted(_) => return Vec::new(),
    };
    let missing = needed.into_iter().filter(|(path, privilege)| !held.holds(path, privilege));
    let news = missing.filter(|(path, privilege)| case.is_news(format!("missing-privileges {path} {privilege}")));
    news.map(|(path, privilege)| {
        general_warning(
            format!(
                "The user or token of the provider block does not have {privilege} on {path}, and this change needs it. Unless this \
                 plan gives it, apply will fail with 403 Permission check failed.\nAdd a role with {privilege} on {path}; for a token \
                 with privilege separation, to the user and to the token."
            ),
        )
    })
    .collect()
}
