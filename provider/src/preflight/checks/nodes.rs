//! Where resources may be: nodes that don't exist, and placements without a second node.

use crate::framework::Path;
use crate::preflight::finding::Finding;
use crate::preflight::finding::{error, warning};
use crate::preflight::maintenance;
use crate::preflight::objects::{CheckedRule, CheckedRuleKind, Nodes, Object};
use crate::preflight::view::{CheckCase, list};
use pve_ha_manager::config::Name;

/// Nodes that the cluster doesn't have.
pub fn unknown_node(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some(cluster) = case.view.cluster else { return Vec::new() };
    let known = || list(cluster.nodes.iter().map(|node| node.as_ref()));
    let unknown = |nodes: &Nodes| -> Vec<Name> {
        let named = nodes.priorities.iter().flatten().map(|(node, _)| node);
        named.filter(|node| !cluster.nodes.contains(*node)).cloned().collect()
    };
    let at = |node: &Name| Some(Path::attribute("nodes").key(node.as_ref()));
    let head = |node: &Name| format!("Unknown node {node} in {}", case.title());
    if let Some((name, CheckedRule { kind: CheckedRuleKind::Nodes(nodes), .. })) = case.rule() {
        let tell = |node: Name| {
            error(
                at(&node),
                format!(
                    "{name}: the cluster has no node {node}, and Proxmox refuses a rule that names one.\nIts nodes are {}.",
                    known()
                ),
            )
            .headed(head(&node))
        };
        return unknown(nodes).into_iter().map(tell).collect();
    }
    if let Some((name, group)) = case.group() {
        let tell = |node: Name| {
            warning(
                at(&node),
                format!(
                    "{name}: the cluster has no node {node}. Proxmox accepts the group, but nothing ever runs there.\nIts nodes are {}.",
                    known()
                ),
            )
            .headed(head(&node))
        };
        return unknown(&group.nodes).into_iter().map(tell).collect();
    }
    if let Some(Object::Hosted(hosted)) = case.changed() {
        let tell = |(path, node): &(Path, Option<Name>)| {
            let node = node.as_ref().filter(|node| !cluster.nodes.contains(*node))?;
            let detail = format!("The cluster has no node {node}.\nIts nodes are {}.", known());
            let tell = if hosted.is_on_them { error } else { warning };
            Some(tell(Some(path.clone()), detail).headed(head(node)))
        };
        return hosted.nodes.iter().filter_map(tell).collect();
    }
    if let Some((name, job)) = case.job()
        && let Some(target) = job.target.as_ref().filter(|target| !cluster.nodes.contains(*target))
    {
        let detail = format!(
            "{name}: the cluster has no node {target}, and Proxmox refuses a job to it.\nIts nodes are {}.",
            known()
        );
        return vec![error(Some(Path::attribute("target")), detail).headed(head(target))];
    }
    Vec::new()
}

/// Resources that may run on one node only.
pub fn single_node_placement(case: &CheckCase<'_>) -> Vec<Finding> {
    let (name, nodes, switch, at) = match (case.feasible(), case.group()) {
        (Some((name, rule, at)), _) => (name, rule.enabled_nodes(), "strict", at.map_or("nodes", |_| "rule")),
        (_, Some((name, group))) => (name, Some(&group.nodes), "restricted", "nodes"),
        _ => return Vec::new(),
    };
    let Some(node) = nodes.and_then(|nodes| nodes.only_node(case.view.cluster)) else { return Vec::new() };
    let remedy = if nodes.is_some_and(Nodes::avoids) { "Avoid one node less" } else { "Name a second node" };
    vec![warning(
        Some(Path::attribute(at)),
        format!(
            "{name}: with `{switch} = true` and {node} as the only node, nothing is recovered when {node} fails: its \
             resources wait until {node} returns.\n{remedy}, or leave `{switch}` out."
        ),
    )]
}

/// HA resources that a node keeps in maintenance, since they may run nowhere else.
pub fn stays_in_maintenance(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some(Object::Hosted(hosted)) = case.changed() else { return Vec::new() };
    let (true, Some((_, Some(node)))) = (hosted.empties, hosted.nodes.first()) else { return Vec::new() };
    let stay = maintenance::stays_on(&case.view, node).unwrap_or_default();
    if stay.is_empty() {
        return Vec::new();
    }
    let (stays, have) = if stay.len() == 1 { ("stays", "has") } else { ("stay", "have") };
    let services: Vec<String> = stay.iter().map(|stay| format!("{} ({})", stay.sid, stay.reason())).collect();
    vec![warning(
        Some(Path::attribute("node")),
        format!(
            "{node}: {} {have} no other node to run on that is online, and {stays} there while {node} is in \
             maintenance. Apply would wait until its timeout, and the node would not become empty.\nChange the rule or \
             group first, set `state = \"stopped\"`, or set `wait_for_evacuation = false`.",
            list(services.iter().map(String::as_str))
        ),
    )]
}

/// One best node, to which resources go back each time it comes online.
pub fn failback_flapping(case: &CheckCase<'_>) -> Vec<Finding> {
    const OF_RESOURCE: &str = "set `failback = false` in the HA resources that should stay where they are";
    const OF_GROUP: &str = "set `nofailback = true` in the group";
    let view = &case.view;
    let news = |place: &str, sid: &Name| case.is_news(format!("failback-flapping {place} {sid}"));
    let findings = |place: &str, nodes: &Nodes, sids: Vec<&Name>, at: &str, remedy: &str| -> Vec<Finding> {
        let Some(top) = nodes.lonely_top(view.cluster) else { return Vec::new() };
        let sids: Vec<&str> = sids.into_iter().filter(|sid| news(place, sid)).map(|sid| sid.as_ref()).collect();
        if sids.is_empty() {
            return Vec::new();
        }
        let (which, second) = if nodes.avoids() {
            ("only node that is not avoided", "Avoid one node less")
        } else {
            ("only node of the highest priority", "Give a second node the same priority")
        };
        let (go, them) = if sids.len() == 1 { ("goes", "it") } else { ("go", "them") };
        let by_hand = if remedy == OF_GROUP {
            String::new()
        } else {
            format!(
                " PVE 9.2.6 and newer refuse to move {them} elsewhere manually. Older versions move {them}, and the HA \
                 manager moves {them} back."
            )
        };
        let detail = format!(
            "{place}: {top} is the {which}, so {} {go} back to it each time it comes online. A node that fails \
             repeatedly moves {them} each time.{by_hand}\n{second}, or {remedy}.",
            list(sids)
        );
        vec![warning(Some(Path::attribute(at)), detail)]
    };
    match case.changed() {
        Some(Object::Rule(rule)) => {
            let (Some(name), Some(nodes), Some(sids)) = (&rule.name, rule.enabled_nodes(), &rule.resources) else {
                return Vec::new();
            };
            let returns = |sid: &&Name| view.resource(sid).is_some_and(|resource| view.returns(resource.object));
            findings(name, nodes, sids.iter().filter(returns).collect(), "nodes", OF_RESOURCE)
        }
        Some(Object::Member(_)) => {
            let Some((name, sid)) = case.member() else { return Vec::new() };
            let nodes = case.feasible().and_then(|(_, rule, _)| rule.enabled_nodes());
            let returns = view.resource(sid).is_some_and(|resource| view.returns(resource.object));
            nodes
                .filter(|_| returns)
                .map_or_else(Vec::new, |nodes| findings(name, nodes, vec![sid], "rule", OF_RESOURCE))
        }
        Some(Object::Group(group)) => {
            let Some(name) = &group.name else { return Vec::new() };
            let users = view.users_of(name);
            let sids =
                users.iter().filter(|user| view.returns(user.object)).filter_map(|user| user.object.sid.as_ref());
            findings(name, &group.nodes, sids.collect(), "nodes", OF_GROUP)
        }
        Some(Object::Resource(resource)) if view.returns(resource) => {
            let Some(sid) = &resource.sid else { return Vec::new() };
            let in_group = resource.group.as_ref().is_some_and(Option::is_some);
            let (at, remedy) = if in_group { ("group", OF_GROUP) } else { ("failback", "set `failback = false` here") };
            let places = view.places_of(sid).into_iter();
            places.flat_map(|(place, nodes)| findings(place, nodes, vec![sid], at, remedy)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::framework::{Severity, Value};
    use crate::preflight::live::{Cluster, ClusterLists};
    use crate::preflight::planned_objects::PlannedObjects;
    use crate::preflight::view::View;
    use crate::preflight::{Subject, Task};

    fn unknown(kind: &str, object: &Value) -> Vec<(Severity, String)> {
        let object = Object::of(kind, object).unwrap();
        let (live, cluster, planned, reported) =
            (ClusterLists::default(), Cluster::of(&["pve1"]), PlannedObjects::default(), Mutex::default());
        let view = View { live: &live, cluster: Some(&cluster), planned: &planned };
        let subject = Subject { kind, keys: &[], prior: None, replaces: None, task: Task::Create };
        let found = unknown_node(&CheckCase::new(&object, subject, view, &reported));
        let title = kind.trim_start_matches("pve_").replace('_', " ");
        assert!(found.iter().all(|finding| finding.head == Some(format!("Unknown node pve7 in {title}"))), "{found:?}");
        found.into_iter().map(|finding| (finding.severity, finding.path.unwrap().to_string())).collect()
    }

    #[test]
    fn what_is_managed_on_nodes_names_nodes_that_exist() {
        let on = |node: Value| Value::object([("node", node)]);
        for kind in ["pve_node_maintenance", "pve_node_watchdog"] {
            assert_eq!(unknown(kind, &on("pve7".into())), [(Severity::Error, "node".to_owned())]);
            assert!(unknown(kind, &on("pve1".into())).is_empty());
            assert!(unknown(kind, &on(Value::Unknown)).is_empty());
        }
        let device = |nodes: Vec<Value>| Value::object([("connect", Value::List(nodes))]);
        let found = unknown("pve_fence_device", &device(vec![on("pve1".into()), on("pve7".into())]));
        assert_eq!(found, [(Severity::Warning, "connect[1].node".to_owned())]);
        assert!(unknown("pve_fence_device", &device(vec![on("pve1".into())])).is_empty());
    }

    #[test]
    fn nodes_to_avoid_leave_the_others() {
        let nodes = |affinity: Value, strict: bool| {
            let listed = Value::object([("pve2", Value::Null), ("pve3", 0.into())]);
            let value = Value::object([("affinity", affinity), ("nodes", listed), ("strict", strict.into())]);
            let Some(Object::Rule(CheckedRule { kind: CheckedRuleKind::Nodes(nodes), .. })) =
                Object::of("pve_ha_node_affinity_rule", &value)
            else {
                panic!("a node affinity rule")
            };
            nodes
        };
        let (three, one) = (Cluster::of(&["pve1", "pve2", "pve3"]), Some(Name::from("pve1")));
        let (strict, loose) = (nodes("negative".into(), true), nodes("negative".into(), false));
        assert_eq!((strict.only_node(Some(&three)), strict.lonely_top(Some(&three))), (one.clone(), None));
        assert_eq!((loose.only_node(Some(&three)), loose.lonely_top(Some(&three))), (None, one));
        assert!(strict.excludes("pve2") && !strict.excludes("pve1") && !loose.excludes("pve2"));
        // Without the cluster, or while `affinity` is unknown, the remaining nodes are unknown.
        assert_eq!((strict.only_node(None), loose.lonely_top(None)), (None, None));
        let open = nodes(Value::Unknown, true);
        assert_eq!(open.only_node(Some(&three)), None);
        assert!(!open.excludes("pve1") && !open.excludes("pve2"));
        let positive = nodes("positive".into(), true);
        assert!(positive.excludes("pve1") && !positive.excludes("pve2"));
    }
}
