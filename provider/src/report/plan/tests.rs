//! Plans against small clusters: what gets worse, what gets better, and what can't be told.

use pve_schemas::data::failover_simulation::FailoverSimulationArguments;
use serde_json::{Value as Json, json};

use super::*;
use crate::simulation::testing::{Cluster, replica, simulate};

/// A change of a plan.
fn change(kind: &str, actions: &[&str], before: Json, after: Json) -> Json {
    json!({
        "address": format!("{kind}.this"), "mode": "managed", "type": kind, "name": "this",
        "provider_name": "registry.terraform.io/pve-ha/pve",
        "change": {"actions": actions, "before": before, "after": after, "after_unknown": {}, "before_sensitive": false,
                   "after_sensitive": {}}
    })
}

fn create(kind: &str, after: Json) -> Json {
    change(kind, &["create"], Json::Null, after)
}

fn document(changes: &[Json]) -> String {
    json!({"format_version": "1.2", "resource_changes": changes}).to_string()
}

fn compared(cluster: &Cluster, text: &str) -> Comparison {
    let changes = Changes::parse(text).unwrap();
    let live = cluster.live();
    let before = simulate(&live, &FailoverSimulationArguments::default()).unwrap();
    let mut comparison = Comparison {
        format: FORMAT,
        verdict: Verdict::Unknown,
        cluster: "c".into(),
        changes: changes.lines.clone(),
        failures: Vec::new(),
        unmanaged: Vec::new(),
        unknown: Vec::new(),
        warnings: Vec::new(),
        error: None,
    };
    fill(&mut comparison, &live, &before, &changes).unwrap();
    comparison
}

fn worse(comparison: &Comparison) -> Vec<&str> {
    comparison.failures.iter().flat_map(|failure| &failure.worse).map(String::as_str).collect()
}

fn better(comparison: &Comparison) -> Vec<&str> {
    comparison.failures.iter().flat_map(|failure| &failure.better).map(String::as_str).collect()
}

/// Three HA resources on shared storage, one on each node.
fn cluster() -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1).service(101, 2).service(102, 3);
    cluster
}

fn pin(more: Json) -> Json {
    let mut rule = json!({"name": "pin", "resources": ["vm:101"], "nodes": {"pve2": 1}, "strict": true, "affinity": "positive",
        "disabled": false, "comment": null});
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rule
}

#[test]
fn a_strict_rule_makes_a_guest_unsurvivable() {
    let comparison = compared(&cluster(), &document(&[create("pve_ha_node_affinity_rule", pin(json!({})))]));
    assert_eq!(comparison.verdict, Verdict::NotReady);
    assert_eq!(
        worse(&comparison),
        ["losing pve2 leaves vm:101 without a node: rule 'pin' allows only pve2, and none of them is online"]
    );
    let text = markdown::render(&comparison);
    for part in [
        "**After it, 1 of 3 simulated failures is not survived; before it, 0.**",
        "- losing pve2 leaves vm:101 without a node",
        "| pve2 | survived | **not survived** | 0 | 1 |",
        "Simulated: create `pve_ha_node_affinity_rule.this`.",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn a_rule_that_is_removed_makes_it_better() {
    let mut cluster = cluster();
    cluster
        .rules
        .push(json!({"rule": "pin", "type": "node-affinity", "resources": "vm:101", "nodes": "pve2", "strict": 1}));
    let removed = change("pve_ha_node_affinity_rule", &["delete"], pin(json!({})), Json::Null);
    let comparison = compared(&cluster, &document(&[removed]));
    assert_eq!((comparison.verdict, worse(&comparison).len()), (Verdict::Ready, 0));
    assert_eq!(better(&comparison), ["losing pve2 no longer costs vm:101"]);
    assert_eq!(compared(&cluster, &document(&[])).verdict, Verdict::NotReady);
}

#[test]
fn a_replication_job_that_is_removed_takes_its_copy_with_it() {
    let mut cluster = cluster();
    cluster.disk(101, "scsi0", "zfs");
    cluster.replicas.extend([replica(101, "pve1", Some(60)), replica(101, "pve3", Some(60))]);
    let job = |target: &str| json!({"guest": 101, "job_number": 0, "target": target, "copies_to": target});
    assert_eq!(compared(&cluster, &document(&[])).verdict, Verdict::Ready);
    let removed = ["pve1", "pve3"].map(|target| change("pve_replication_job", &["delete"], job(target), Json::Null));
    let comparison = compared(&cluster, &document(&removed));
    assert_eq!(comparison.verdict, Verdict::NotReady);
    assert!(worse(&comparison)[0].starts_with("losing pve2 leaves vm:101 without its disks on "), "{comparison:?}");
    // And the other way round.
    cluster.replicas.clear();
    let created = ["pve1", "pve3"].map(|target| create("pve_replication_job", job(target)));
    let comparison = compared(&cluster, &document(&created));
    assert_eq!((comparison.verdict, better(&comparison)), (Verdict::Ready, vec!["losing pve2 no longer costs vm:101"]));
}

#[test]
fn an_unknown_value_is_no_guess_and_touches_only_what_depends_on_it() {
    let mut rule = create("pve_ha_node_affinity_rule", pin(json!({})));
    rule["change"]["after"].as_object_mut().unwrap().remove("nodes");
    rule["change"]["after_unknown"] = json!({"nodes": true, "comment": true});
    let comparison = compared(&cluster(), &document(&[rule]));
    assert_eq!(comparison.verdict, Verdict::Unknown);
    assert_eq!(comparison.unknown[0].reason, "`nodes` is unknown until apply");
    let after: Vec<_> = comparison.failures.iter().map(|failure| failure.after).collect();
    assert_eq!(after, [Survival::Survived, Survival::Unknown, Survival::Survived]);
    assert!(
        worse(&comparison)[0].starts_with("whether vm:101 survives losing pve2 can't be predicted"),
        "{comparison:?}"
    );

    let mut resource = create("pve_ha_resource", json!({"state": "started"}));
    resource["change"]["after_unknown"] = json!({"sid": true});
    let comparison = compared(&cluster(), &document(&[resource]));
    assert_eq!((comparison.verdict, worse(&comparison).len()), (Verdict::Unknown, 0));
    let text = markdown::render(&comparison);
    assert!(text.contains("- `pve_ha_resource.this`: `sid` is unknown until apply"), "{text}");
}

#[test]
fn a_sensitive_value_is_never_used_or_printed() {
    let secret = json!({"comment": "geheim", "resources": ["vm:101"], "nodes": {"geheim-node": 1}});
    let mut rule = create("pve_ha_node_affinity_rule", pin(secret));
    rule["change"]["after_sensitive"] = json!({"comment": true, "nodes": true});
    let comparison = compared(&cluster(), &document(&[rule]));
    assert_eq!(comparison.verdict, Verdict::Unknown);
    assert!(comparison.unknown[0].reason.contains("`nodes` is sensitive"), "{comparison:?}");
    for text in [markdown::render(&comparison), serde_json::to_string(&comparison).unwrap()] {
        assert!(!text.contains("geheim"), "{text}");
    }
    let mut removed = change("pve_ha_resource", &["delete"], json!({"sid": "vm:geheim"}), Json::Null);
    removed["change"]["before_sensitive"] = json!({"sid": true});
    let comparison = compared(&cluster(), &document(&[removed]));
    assert_eq!(comparison.verdict, Verdict::Unknown);
    assert!(!markdown::render(&comparison).contains("geheim"));
}

#[test]
fn a_resource_that_leaves_ha_is_named_and_a_forgotten_one_stays() {
    let delete =
        |actions: &[&str]| document(&[change("pve_ha_resource", actions, json!({"sid": "vm:101"}), Json::Null)]);
    let comparison = compared(&cluster(), &delete(&["delete"]));
    assert_eq!((comparison.verdict, comparison.unmanaged.as_slice()), (Verdict::Ready, &["vm:101".to_owned()][..]));
    assert!(markdown::render(&comparison).contains("- vm:101 is no HA resource: no failure recovers it"));
    let comparison = compared(&cluster(), &delete(&["forget"]));
    assert_eq!((comparison.unmanaged.len(), comparison.changes.len()), (0, 0));
}

#[test]
fn a_guest_that_does_not_exist_yet_can_t_be_told() {
    let comparison = compared(&cluster(), &document(&[create("pve_ha_resource", json!({"sid": "vm:555"}))]));
    assert_eq!((comparison.verdict, comparison.unknown[0].address.as_str()), (Verdict::Unknown, "vm:555"));
}

#[test]
fn members_join_the_rules_of_others() {
    let mut cluster = cluster();
    cluster.rules.push(
        json!({"rule": "pin", "type": "node-affinity", "resources": "vm:100", "nodes": "pve1,pve2", "strict": 1}),
    );
    cluster.rules.push(
        json!({"rule": "two", "type": "node-affinity", "resources": "vm:102", "nodes": "pve3,pve1", "strict": 1}),
    );
    let member = |rule: &str| create("pve_ha_rule_member", json!({"rule": rule, "resource": "vm:101"}));
    let comparison = compared(&cluster, &document(&[member("pin")]));
    assert_eq!((comparison.verdict, comparison.unknown.len()), (Verdict::Ready, 0));
    let comparison = compared(&cluster, &document(&[member("nosuch")]));
    assert_eq!(comparison.verdict, Verdict::Unknown);
    assert!(comparison.unknown[0].reason.contains("nosuch"), "{comparison:?}");
}

#[test]
fn what_the_simulation_leaves_out_could_not_tell() {
    let qdevice = create("pve_qdevice", json!({"address": "10.0.0.9"}));
    assert_eq!(compared(&cluster(), &document(&[qdevice])).verdict, Verdict::Unknown);
    let options = |crs: &str| {
        let before = json!({"crs": {"ha": "basic"}, "console": "applet"});
        change("pve_datacenter_options", &["update"], before, json!({"crs": {"ha": crs}, "console": "xtermjs"}))
    };
    assert_eq!(compared(&cluster(), &document(&[options("basic")])).verdict, Verdict::Ready);
    assert_eq!(compared(&cluster(), &document(&[options("static")])).verdict, Verdict::Unknown);
    let other = create("random_id", json!({}));
    assert_eq!(compared(&cluster(), &document(&[other])).verdict, Verdict::Ready);
}

#[test]
fn several_configurations_of_the_provider_may_be_several_clusters() {
    let with = |aliases: Json| {
        let mut plan: Json = serde_json::from_str(&document(&[create("pve_qdevice", json!({}))])).unwrap();
        plan["configuration"] = json!({"provider_config": aliases});
        Changes::parse(&plan.to_string())
    };
    let ours = json!({"name": "pve", "full_name": "registry.terraform.io/pve-ha/pve"});
    assert!(with(json!({"pve": ours, "random": {"full_name": "registry.terraform.io/hashicorp/random"}})).is_ok());
    assert!(with(json!({"pve": ours, "pve.b": ours})).unwrap_err().contains("several configurations"));
}
