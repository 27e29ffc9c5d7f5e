//! `pve_ha_rule_member`

use std::collections::BTreeSet;
use std::sync::Arc;

use acceptance_tests::life::{Life, Object, Replacement};
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};

const KIND: &str = "pve_ha_rule_member";

/// A cluster of our own, whose rule `web` has the first two of four HA resources.
fn furnished(test: &str) -> Option<Arc<Cluster>> {
    let cluster = Cluster::own(&format!("ha_rule_member::{test}"), Options::default()).map(Arc::new)?;
    for sid in ["vm:100", "vm:101", "vm:102", "vm:103"] {
        cluster.api.post("/cluster/ha/resources", &[("sid", sid), ("state", "ignored")]);
    }
    rule(&cluster, "web", "node-affinity", "vm:100,vm:101", ("nodes", "pve1,pve2"));
    Some(cluster)
}

fn rule(cluster: &Cluster, name: &str, kind: &str, sids: &str, more: (&str, &str)) {
    cluster.api.post("/cluster/ha/rules", &[("rule", name), ("type", kind), ("resources", sids), more]);
}

fn members(cluster: &Cluster, rule: &str) -> BTreeSet<String> {
    let rule = cluster.api.find(&format!("/cluster/ha/rules/{rule}")).unwrap_or_default();
    let sids = rule["resources"].as_str().unwrap_or_default().split(',').filter(|sid| !sid.is_empty());
    sids.map(str::to_owned).collect()
}

fn set(sids: &[&str]) -> BTreeSet<String> {
    sids.iter().map(|sid| (*sid).to_owned()).collect()
}

fn member(name: &str, rule: &str, sid: &str) -> String {
    format!("resource {KIND:?} {name:?} {{\n  rule     = {rule:?}\n  resource = {sid:?}\n}}\n")
}

fn fault(cluster: &Cluster, fault: Json) {
    cluster.emulator().faults().add(serde_json::from_value(fault).unwrap()).unwrap();
}

#[test]
fn a_life() {
    let Some(cluster) = Cluster::of("ha_rule_member::a_life", Release::V9).map(Arc::new) else { return };
    let sids = cluster.guests(5, 0).sids();
    for sid in &sids {
        cluster.api.post("/cluster/ha/resources", &[("sid", sid), ("state", "ignored")]);
    }
    let nodes = cluster.nodes();
    for (name, sid) in [("tfacc-one", &sids[0]), ("tfacc-two", &sids[1])] {
        let nodes = format!("{},{}", nodes[0], nodes[1]);
        rule(&cluster, name, "node-affinity", sid, ("nodes", &nodes));
    }
    let object = |name: &'static str, sid: &str| {
        let timeouts = ("timeouts", "block {\n    read = \"1m\"\n  }");
        let (rule, resource) = ("\"tfacc-one\"", format!("{sid:?}"));
        Object::new(name, &format!("tfacc-one/{sid}"), &[("rule", rule), ("resource", &resource), timeouts])
            .becomes("block {\n    read = \"2m\"\n  }")
    };
    let replaced = |object, attribute, value: &str, rule: &str, sid: &str| Replacement {
        object,
        attribute,
        value: format!("{value:?}"),
        id: format!("{rule}/{sid}"),
    };
    let life = Life {
        kind: KIND,
        objects: vec![object("timeouts", &sids[2]), object("timeouts__other", &sids[3])],
        replacements: vec![
            replaced("timeouts", "resource", &sids[4], "tfacc-one", &sids[4]),
            replaced("timeouts__other", "rule", "tfacc-two", "tfacc-two", &sids[3]),
        ],
        lists: Some(|cluster| {
            let of = |rule: &str| {
                members(cluster, rule).into_iter().map(move |sid| format!("{rule}/{sid}")).collect::<Vec<_>>()
            };
            ["tfacc-one", "tfacc-two"].into_iter().flat_map(of).collect()
        }),
        removes: Some(|cluster, id| {
            let (rule, sid) = id.split_once('/').unwrap();
            let left: Vec<_> = members(cluster, rule).into_iter().filter(|member| member != sid).collect();
            let path = format!("/cluster/ha/rules/{rule}");
            cluster.api.put(&path, &[("type", "node-affinity"), ("resources", &left.join(","))]);
        }),
        ..Life::default()
    };
    life.live(&cluster);
    for name in ["tfacc-one", "tfacc-two"] {
        cluster.api.delete(&format!("/cluster/ha/rules/{name}"), &[]);
    }
}

#[test]
fn everything_else_of_the_rule_remains() {
    let Some(cluster) = furnished("everything_else_of_the_rule_remains") else { return };
    let path = "/cluster/ha/rules/web";
    cluster.api.put(path, &[("type", "node-affinity"), ("comment", "theirs"), ("strict", "1")]);
    let (before, w) = (cluster.api.read(path), Workspace::new(&cluster));
    w.configure(&member("a", "web", "vm:102"));
    w.apply();
    w.plan_is_empty();
    assert_eq!(members(&cluster, "web"), set(&["vm:100", "vm:101", "vm:102"]));
    // Others add and remove members: no plan shows that.
    cluster.api.put(path, &[("type", "node-affinity"), ("resources", "vm:100,vm:102,vm:103")]);
    w.plan_is_empty();
    cluster.api.put(path, &[("type", "node-affinity"), ("resources", "vm:100,vm:101,vm:102")]);
    w.destroy();
    let mut after = cluster.api.read(path);
    after["digest"] = before["digest"].clone();
    assert_eq!(after, before);
}

#[test]
fn members_of_one_rule_in_one_apply_all_join_and_all_leave() {
    let Some(cluster) = furnished("members_of_one_rule_in_one_apply_all_join_and_all_leave") else { return };
    let w = Workspace::new(&cluster);
    w.configure(&[member("a", "web", "vm:102"), member("b", "web", "vm:103")].concat());
    w.apply();
    assert_eq!(members(&cluster, "web"), set(&["vm:100", "vm:101", "vm:102", "vm:103"]));
    w.plan_is_empty();
    w.destroy();
    assert_eq!(members(&cluster, "web"), set(&["vm:100", "vm:101"]));
}

/// Another client writes the same rule between the read and the write, more than once.
#[test]
fn what_another_client_writes_in_between_is_kept() {
    let Some(cluster) = furnished("what_another_client_writes_in_between_is_kept") else { return };
    let w = Workspace::new(&cluster);
    let edit = |params: Json| {
        let path = "/cluster/ha/rules/web";
        fault(
            &cluster,
            json!({"method": "PUT", "path": format!("^{path}$"), "kind": "edit-before", "edit": {"path": path, "params": params}}),
        );
    };
    edit(json!({"type": "node-affinity", "resources": "vm:100,vm:101,vm:103"}));
    edit(json!({"type": "node-affinity", "comment": "theirs"}));
    w.configure(&member("a", "web", "vm:102"));
    w.apply();
    assert_eq!(cluster.emulator().faults().clear(), 2);
    assert_eq!(members(&cluster, "web"), set(&["vm:100", "vm:101", "vm:102", "vm:103"]));
    assert_eq!(cluster.api.read("/cluster/ha/rules/web")["comment"], "theirs");
    edit(json!({"type": "node-affinity", "resources": "vm:100,vm:102"}));
    w.destroy();
    assert_eq!(members(&cluster, "web"), set(&["vm:100"]));
}

#[test]
fn a_member_that_exists_is_imported_or_adopted() {
    let Some(cluster) = furnished("a_member_that_exists_is_imported_or_adopted") else { return };
    let w = Workspace::new(&cluster);
    w.configure(&member("a", "web", "vm:100"));
    let plan = w.run(&["plan", "-no-color", "-input=false"]);
    assert!(plan.text.contains("Already on the cluster") || plan.text.contains("exists"), "{}", plan.text);
    let failed = w.apply_fails();
    let error = failed.only_error();
    assert!(error.summary.contains("The HA rule member web/vm:100 exists already"), "{}", failed.text);
    assert!(
        error.detail.contains("import {\n  to = pve_ha_rule_member.<name>\n  id = \"web/vm:100\"\n}"),
        "{}",
        failed.text
    );
    w.configure(&format!("{}import {{\n  to = {KIND}.a\n  id = \"web/vm:100\"\n}}\n", member("a", "web", "vm:100")));
    w.apply();
    w.plan_is_empty();
    let other = Workspace::new(&cluster);
    other.configure(&format!("provider \"pve\" {{\n  adopt_existing = true\n}}\n{}", member("b", "web", "vm:101")));
    assert!(other.apply().warnings().iter().any(|warning| warning.summary.contains("Adopted")));
    other.plan_is_empty();
    for id in ["web", "web/100", "/vm:100", "web/vm:999"] {
        w.expect(1, &["import", "-no-color", &format!("{KIND}.a"), id]);
    }
}

#[test]
fn without_a_rule_there_is_no_member() {
    let Some(cluster) = furnished("without_a_rule_there_is_no_member") else { return };
    let w = Workspace::new(&cluster);
    w.configure(&member("a", "no-such", "vm:102"));
    let failed = w.apply_fails();
    assert!(failed.only_error().flat().contains("no-such/vm:102: the cluster has no such HA rule"), "{}", failed.text);
    assert!(failed.warnings().iter().any(|warning| warning.summary.contains("The HA rule does not exist")));
    // A rule that goes takes its members along.
    w.configure(&member("a", "web", "vm:102"));
    w.apply();
    cluster.api.delete("/cluster/ha/rules/web", &[]);
    assert_eq!(w.plan().changes(), [format!("{KIND}.a create")]);
    w.destroy();
}

#[test]
fn what_a_purge_has_removed_joins_again() {
    let Some(cluster) = furnished("what_a_purge_has_removed_joins_again") else { return };
    let w = Workspace::new(&cluster);
    let managed = "resource \"pve_ha_resource\" \"a\" {\n  sid   = \"vm:900\"\n  state = \"ignored\"\n}\n";
    w.configure(&format!(
        "{managed}resource {KIND:?} \"a\" {{\n  rule     = \"web\"\n  resource = pve_ha_resource.a.sid\n}}\n"
    ));
    w.apply();
    cluster.api.delete("/cluster/ha/resources/vm:900", &[]);
    assert_eq!(members(&cluster, "web"), set(&["vm:100", "vm:101"]));
    let _hurry = cluster.hurry();
    assert_eq!(w.plan().changes(), ["pve_ha_resource.a create".to_owned(), format!("{KIND}.a create")]);
    w.apply_plan();
    w.plan_is_empty();
    w.destroy();
    assert_eq!(members(&cluster, "web"), set(&["vm:100", "vm:101"]));
}

#[test]
fn the_last_member_stays() {
    let Some(cluster) = furnished("the_last_member_stays") else { return };
    rule(&cluster, "pair", "resource-affinity", "vm:102,vm:103", ("affinity", "positive"));
    let w = Workspace::new(&cluster);
    let import = |name: &str, rule: &str, sid: &str| {
        format!("{}import {{\n  to = {KIND}.{name}\n  id = \"{rule}/{sid}\"\n}}\n", member(name, rule, sid))
    };
    w.configure(&[import("a", "web", "vm:100"), import("b", "pair", "vm:102")].concat());
    w.apply();
    // One of two may leave a node affinity rule.
    w.configure(&member("b", "pair", "vm:102"));
    w.apply();
    assert_eq!(members(&cluster, "web"), set(&["vm:101"]));
    // One of two may not leave a resource affinity rule.
    let other = member("c", "web", "vm:100");
    w.configure(&[other.as_str(), &member("b", "pair", "vm:102")].concat());
    w.apply();
    w.configure(&other);
    let refused = w.plan_fails();
    let error = refused.only_error();
    assert!(error.summary.contains("The HA rule needs this member: pair/vm:102"), "{}", refused.text);
    assert!(error.flat().contains("add another HA resource to it first"), "{}", refused.text);
    // One that is switched off is not refused.
    cluster.api.put("/cluster/ha/rules/pair", &[("type", "resource-affinity"), ("disable", "1")]);
    w.apply();
    assert_eq!(members(&cluster, "pair"), set(&["vm:103"]));
    // What has become the last one after the plan.
    w.configure("# nothing");
    w.plan();
    cluster.api.put("/cluster/ha/rules/web", &[("type", "node-affinity"), ("resources", "vm:100")]);
    let failed = w.expect(1, &["apply", "-json", "plan"]);
    assert!(failed.only_error().summary.contains("vm:100 can't leave the HA rule web"), "{}", failed.text);
    assert_eq!(members(&cluster, "web"), set(&["vm:100"]));
}

/// The last member of a rule is replaced, and removed together with the rule or with its HA resource.
#[test]
fn the_last_member_goes_along() {
    let Some(cluster) = furnished("the_last_member_goes_along") else { return };
    let w = Workspace::new(&cluster);
    let own = |first: bool| {
        let lifecycle = if first { "  lifecycle {\n    create_before_destroy = true\n  }\n" } else { "" };
        let sid = if first { "vm:103" } else { "vm:102" };
        format!("resource {KIND:?} \"a\" {{\n  rule     = \"own\"\n  resource = {sid:?}\n{lifecycle}}}\n")
    };
    rule(&cluster, "own", "node-affinity", "vm:102", ("nodes", "pve1"));
    let import = format!("import {{\n  to = {KIND}.a\n  id = \"own/vm:102\"\n}}\n");
    w.configure(&format!("{}{import}", own(false)));
    w.apply();
    w.configure(&own(false).replace("vm:102", "vm:103"));
    let failed = w.apply_fails();
    assert!(
        failed.warnings().iter().any(|warning| warning.summary.contains("needs create_before_destroy")),
        "{}",
        failed.text
    );
    assert!(failed.only_error().flat().contains("create_before_destroy"), "{}", failed.text);
    assert_eq!(members(&cluster, "own"), set(&["vm:102"]));
    w.configure(&own(true));
    w.apply();
    assert_eq!(members(&cluster, "own"), set(&["vm:103"]));
    w.plan_is_empty();
    cluster.api.delete("/cluster/ha/rules/own", &[]);
    w.configure("");
    w.apply();

    // All members that the rule has are in the configuration, and so are their HA resources, or the rule.
    let managed = "resource \"pve_ha_resource\" \"r\" {\n  for_each = toset([\"vm:900\", \"vm:901\"])\n  sid      = each.key\n  \
                   state    = \"ignored\"\n  purge_rules = true\n}\n";
    let members_of = |rule: &str| {
        format!(
            "resource {KIND:?} \"m\" {{\n  for_each = pve_ha_resource.r\n  rule     = {rule}\n  resource = each.value.sid\n}}\n"
        )
    };
    rule(&cluster, "short", "node-affinity", "vm:102", ("nodes", "pve1"));
    w.configure(&format!("{managed}{}", members_of("\"short\"")));
    w.apply();
    cluster.api.put("/cluster/ha/rules/short", &[("type", "node-affinity"), ("resources", "vm:900,vm:901")]);
    let run = w.destroy();
    assert!(
        run.warnings().iter().any(|warning| warning.summary.contains("The HA rule needs this member")),
        "{}",
        run.text
    );
    assert!(cluster.api.list("/cluster/ha/resources", "sid").keys().all(|sid| !sid.starts_with("vm:90")));
    assert!(members(&cluster, "short").is_empty());

    let rule = "resource \"pve_ha_node_affinity_rule\" \"own\" {\n  name      = \"own\"\n  resources = [\"vm:102\"]\n  nodes     = { pve1 = 1 }\n  \
                lifecycle {\n    ignore_changes = [resources]\n  }\n}\n";
    let kept = "resource \"pve_ha_resource\" \"r\" {\n  for_each    = toset([\"vm:900\", \"vm:901\"])\n  sid      = each.key\n  state    = \"ignored\"\n}\n";
    let all = format!("{kept}{rule}{}", members_of("pve_ha_node_affinity_rule.own.name"));
    let _hurry = cluster.hurry();
    w.configure(&all);
    w.apply();
    cluster.api.put("/cluster/ha/rules/own", &[("type", "node-affinity"), ("resources", "vm:900,vm:901")]);
    w.configure(kept);
    w.apply();
    assert!(members(&cluster, "own").is_empty());
    w.destroy();
}

const OWN_RULE: &str = "pve_ha_node_affinity_rule.own";

fn own_rule(resources: &str, more: &str) -> String {
    format!(
        "resource \"pve_ha_node_affinity_rule\" \"own\" {{\n  name      = \"own\"\n  resources = {resources}\n  nodes     = {{ pve1 = 1, \
         pve2 = 1 }}\n{more}}}\n"
    )
}

const IGNORES: &str = "  lifecycle {\n    ignore_changes = [resources]\n  }\n";

fn own_member(name: &str, sid: &str) -> String {
    format!("resource {KIND:?} {name:?} {{\n  rule     = {OWN_RULE}.name\n  resource = {sid:?}\n}}\n")
}

#[test]
fn a_rule_that_manages_the_same_members_is_refused() {
    let Some(cluster) = furnished("a_rule_that_manages_the_same_members_is_refused") else { return };
    let w = Workspace::new(&cluster);
    let twice = "An HA resource of a rule is managed twice: own/vm:103";
    // Both would add it.
    w.configure(&[own_rule("[\"vm:102\", \"vm:103\"]", ""), own_member("a", "vm:103")].concat());
    let refused = w.plan_fails();
    let error = refused.only_error();
    assert_eq!((error.summary.as_str(), error.address.as_str()), (twice, "pve_ha_rule_member.a"), "{}", refused.text);
    for word in ["pve_ha_rule_member", "pve_ha_node_affinity_rule", "ignore_changes = [resources]"] {
        assert!(error.flat().contains(word), "{word}: {}", refused.text);
    }
    // Whether the rule will remove it shows once it is there.
    w.configure(&[own_rule("[\"vm:102\"]", ""), own_member("a", "vm:103")].concat());
    let run = w.apply();
    assert!(run.warnings().iter().any(|warning| warning.summary == twice), "{}", run.text);
    assert_eq!(members(&cluster, "own"), set(&["vm:102", "vm:103"]));
    let refused = w.plan_fails();
    assert_eq!(refused.only_error().summary, twice, "{}", refused.text);
    assert!(refused.only_error().flat().contains("which removes vm:103"), "{}", refused.text);
    // The way out that the error names.
    w.configure(&[own_rule("[\"vm:102\"]", IGNORES), own_member("a", "vm:103")].concat());
    w.plan_is_empty();
    // The next members join without a word, and an update of the rule leaves them alone.
    cluster.api.delete("/cluster/ha/rules/web", &[]);
    let comment = format!("  comment   = \"ours\"\n{IGNORES}");
    w.configure(
        &[own_rule("[\"vm:102\"]", &comment), own_member("a", "vm:103"), member("b", "own", "vm:100")].concat(),
    );
    let run = w.apply();
    assert!(run.warnings().is_empty(), "{}", run.text);
    assert_eq!(members(&cluster, "own"), set(&["vm:100", "vm:102", "vm:103"]));
    assert_eq!(cluster.api.read("/cluster/ha/rules/own")["comment"], "ours");
    w.plan_is_empty();
    // A rule that takes a member over.
    w.configure(&own_rule("[\"vm:100\", \"vm:102\", \"vm:103\"]", "  comment   = \"ours\"\n"));
    w.apply();
    w.apply();
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn pve_8_has_no_rules() {
    for release in [Release::V8, Release::V9Unmigrated] {
        let Some(cluster) = Cluster::of("ha_rule_member::pve_8_has_no_rules", release).map(Arc::new) else { continue };
        let w = Workspace::new(&cluster);
        w.configure(&member("a", "web", "vm:900"));
        let run = w.plan_fails();
        assert!(run.only_error().flat().contains("`pve_ha_group`"), "{}", run.text);
        if release == Release::V8 {
            assert!(run.only_error().summary.contains("HA rules need PVE 9"), "{}", run.text);
        }
    }
}
