//! What concerns the cluster as a whole, the user who logs in, or every type of object.

use crate::client::Who;
use crate::framework::Path;
use crate::preflight::finding::Finding;
use crate::preflight::finding::{error, general_warning, warning};
use crate::preflight::key::Key;
use crate::preflight::objects::Object;
use crate::preflight::view::{CheckCase, list};
use crate::privileges::{self, Need, On, Release};
use pve_ha_manager::config::Name;

/// Two nodes and nothing that decides between them.
pub fn two_nodes_without_qdevice(case: &CheckCase<'_>) -> Vec<Finding> {
    let view = &case.view;
    let concerned = match case.changed() {
        Some(Object::Resource(resource)) => resource.is_managed(),
        Some(Object::Rule(_) | Object::Group(_) | Object::Member(_)) => true,
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
        "This cluster has two nodes and no QDevice. When one fails, the other has one of two votes and no quorum. \
         Nothing is recovered, and the remaining node resets itself after a minute if HA resources run on it.\nUnless \
         this plan adds one, set up a QDevice (`pvecm qdevice setup`) on a third machine, or add a node."
            .to_owned(),
    )]
}

/// A cluster that takes no write now.
pub fn no_quorum(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some(lack) = case.view.live.lack_of_quorum() else { return Vec::new() };
    if !case.any().needs_quorum() || !case.is_news("no-quorum".to_owned()) {
        return Vec::new();
    }
    vec![general_warning(format!(
        "The cluster has no quorum now, as seen by the node that answers. {lack}\nWithout quorum /etc/pve is \
         read-only: an apply would wait for quorum until its `timeouts` expire, and then fail without changes. Bring \
         nodes, or the QNetd host, back first."
    ))]
}

/// An object that two resources of the configuration are to create.
pub fn planned_twice(case: &CheckCase<'_>) -> Vec<Finding> {
    let twice = names(case, |key| case.changed().is_some() && case.view.planned.creates_twice(key));
    let Some(first) = twice.first() else { return Vec::new() };
    let detail = match case.any() {
        Object::Options => format!(
            "{}: also set by another resource of this configuration, so the two would overwrite each other at every \
             apply.\nKeep each option in one of the two.",
            list(twice.iter().copied())
        ),
        Object::Membership(_) => format!(
            "{first}: another resource of this configuration is also about it. Both would be one object of the cluster, and the destroy \
             of either would remove it.\nRemove one of the two."
        ),
        object => format!(
            "{first}: another resource of this configuration also creates it. Apply would create it once and fail for \
             the other, and one object can't be managed twice.\nRemove one of the two{}.",
            if matches!(object, Object::Rule(_) | Object::Group(_)) { ", or give it a name of its own" } else { "" },
        ),
    };
    vec![error(case.any().attribute_of(first), detail)]
}

/// An object to be created that the cluster has, and this configuration does not.
pub fn exists_already(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some((at, name)) = existing(case).filter(|_| replaced(case).is_none()) else { return Vec::new() };
    let kind = case.kind();
    vec![warning(
        Some(Path::attribute(at)),
        format!(
            "{name}: it exists on the cluster, but not in the state. Apply does not replace it: unless it is removed \
             first, the create fails and changes nothing.\nTo manage it, import it instead of creating it:\n\nimport \
             {{\n  to = {kind}.<name>\n  id = {name:?}\n}}\n\n`adopt_existing = true` in the provider block takes over \
             objects that equal the configuration."
        ),
    )]
}

/// An object that is to be created in place of another one, and that the cluster has.
pub fn replaced_by_existing(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some(((at, name), old)) = existing(case).zip(replaced(case)) else { return Vec::new() };
    vec![error(
        Some(Path::attribute(at)),
        format!(
            "{old}: its replacement {name} exists already on the cluster, and is not in the state. Once {old} is \
             deleted, {name} could not be created.\nChoose another `{at}`, or remove {name} from the cluster first. To \
             manage {name} itself, import it at a separate address."
        ),
    )]
}

/// The object to be created, where the cluster has one of its id that is not in the state, and the attribute that says so.
fn existing(case: &CheckCase<'_>) -> Option<(&'static str, Name)> {
    let created = case.created().filter(|_| case.view.is_on_cluster(case.any()))?;
    // What the state has, this plan destroys, keeps or makes anew, and each has a finding of its own.
    let is_ours = case.keys().iter().any(|key| case.view.planned.has_in_state(key));
    (!is_ours).then_some(created)
}

/// The object that it replaces. Without a refresh it is unknown what else the state has, which may make room.
fn replaced<'a>(case: &CheckCase<'a>) -> Option<&'a str> {
    let old = case.replaces()?;
    case.view.planned.was_refreshed(&Key::named(case.kind(), old)).then_some(old)
}

/// The names of what the object is about, as far as `is_wrong` says so.
fn names<'a>(case: &CheckCase<'a>, is_wrong: impl Fn(&Key) -> bool) -> Vec<&'a str> {
    case.keys().iter().filter(|key| is_wrong(key)).map(Key::name).collect()
}

/// Privileges that this plan will need.
pub fn missing_privileges(case: &CheckCase<'_>) -> Vec<Finding> {
    let live = case.view.live;
    let (Some(held), Some(is_pve_8)) = (live.permissions(), live.is_pve_8()) else { return Vec::new() };
    let release = if is_pve_8 { Release::Pve8 } else { Release::Pve9 };
    let guest = case.any().guest().map(|guest| guest.to_string());
    let needs = privileges::of_resource(case.kind()).iter().filter(|need| need.is_for(release));
    let backup = case.any().backup_places();
    let paths = needs.filter_map(|need| {
        let id = match need.on {
            On::Guest => Some(guest.as_deref()?),
            On::BackupStorage => Some(backup.as_ref()?.storage()?),
            On::FleecingStorage => Some(backup.as_ref()?.fleecing()?),
            On::Pool => Some(backup.as_ref()?.pool()?),
            _ => guest.as_deref(),
        };
        Some((need, need.on.path(id.unwrap_or_default())))
    });
    let missing = paths.filter(|(need, path)| !need.is_met(|privilege| held.holds(path, privilege)));
    let news = missing.filter(|(need, path)| case.is_news(format!("missing-privileges {path} {}", need.privilege)));
    news.map(|(need, path)| missing_privilege(need, &path, live.who())).collect()
}

fn missing_privilege(need: &Need, path: &str, who: Option<&Who>) -> Finding {
    let Need { privilege, to, .. } = need;
    let (user, token) = who.map_or(("USER@REALM", None), |who| (who.user.as_str(), who.token.as_deref()));
    let role = format!("Terraform-{privilege}");
    let separated = token.map_or_else(String::new, |token| {
        format!("\nA token with privilege separation also needs it: --tokens '{token}' in place of --users {user}.")
    });
    let detail = format!(
        "{user} does not have {privilege} on {path}, which is needed to {to}. Unless this plan grants it, apply fails with 403 Permission \
         check failed.\nOn a node, grant a role that has it:\n  pveum role add {role} --privs {privilege}\n  pveum acl modify {path} \
         --users {user} --roles {role}{separated}"
    );
    general_warning(detail).of(format!("{privilege} on {path}"))
}
