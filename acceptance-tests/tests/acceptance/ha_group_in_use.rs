//! A group that is removed or renamed by the apply that takes its HA resources out of it (PVE 8).
//!
//! Core destroys the group before it changes what referred to it, unless the group has `create_before_destroy`.

use std::sync::Arc;

use acceptance_tests::output::Run;
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};

const WEB: &str = "  name  = \"web\"\n  nodes = { pve1 = 1, pve2 = 1 }\n";
const FIRST: &str = "  lifecycle {\n    create_before_destroy = true\n  }\n";

fn group(name: &str, body: &str) -> String {
    format!("resource \"pve_ha_group\" \"{name}\" {{\n{body}}}\n")
}

fn resource(name: &str, sid: &str, body: &str) -> String {
    format!("resource \"pve_ha_resource\" \"{name}\" {{\n  sid   = {sid:?}\n  state = \"ignored\"\n{body}}}\n")
}

/// Two HA resources, each with this group.
fn both(of: &str) -> String {
    let body = if of.is_empty() { String::new() } else { format!("  group = {of}\n") };
    resource("a", "vm:100", &body) + &resource("b", "vm:101", &body)
}

fn cluster(test: &str) -> Option<Arc<Cluster>> {
    Cluster::own(test, Options { release: Release::V8, ..Options::default() }).map(Arc::new)
}

fn groups(cluster: &Cluster) -> Vec<String> {
    cluster.api.list("/cluster/ha/groups", "group").into_keys().collect()
}

fn group_of(cluster: &Cluster, sid: &str) -> Option<String> {
    let entry = cluster.api.read(&format!("/cluster/ha/resources/{sid}"));
    entry["group"].as_str().map(str::to_owned)
}

fn warnings(run: &Run) -> Vec<String> {
    run.warnings().iter().map(|warning| warning.summary.clone()).collect()
}

/// Both ways out.
#[track_caller]
fn assert_names_the_ways_out(text: &str) {
    for word in ["web", "-target", "create_before_destroy = true"] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}

#[test]
fn a_group_and_its_references_go_in_one_apply() {
    let Some(cluster) = cluster("ha_group_in_use::a_group_and_its_references_go_in_one_apply") else { return };
    let w = Workspace::new(&cluster);
    w.configure(&(group("web", WEB) + &both("pve_ha_group.web.name")));
    w.apply();
    // What else changes of the HA resources is left to themselves.
    w.configure(&(resource("a", "vm:100", "") + &resource("b", "vm:101", "  comment = \"new\"\n")));
    let plan = w.expect(0, &["plan", "-json", "-out=plan"]);
    assert!(warnings(&plan).is_empty(), "{}", plan.text);
    cluster.emulator().counters().reset();
    let run = w.apply_plan();
    assert!(warnings(&run).is_empty(), "{}", run.text);
    assert!(groups(&cluster).is_empty() && group_of(&cluster, "vm:100").is_none());
    assert_eq!(cluster.api.read("/cluster/ha/resources/vm:101")["comment"], "new");
    // Once each, and the comment.
    let sent = cluster.emulator().counters().report();
    assert_eq!(sent["requests"]["PUT /cluster/ha/resources/{sid}"], 3, "{sent}");
    w.plan_is_empty();

    // From one group into another one that stays, and beside one that goes with the HA resource.
    let db = group("db", &WEB.replace("web", "db"));
    w.configure(&(group("web", WEB) + &db + &both("pve_ha_group.web.name")));
    w.apply();
    w.configure(&(db + &resource("a", "vm:100", "  group = pve_ha_group.db.name\n")));
    let run = w.apply();
    assert!(warnings(&run).is_empty(), "{}", run.text);
    assert_eq!((groups(&cluster), group_of(&cluster, "vm:100").as_deref()), (vec!["db".to_owned()], Some("db")));
    w.plan_is_empty();
    w.destroy();
}

/// The group that they go to is created last in this apply, and its HA resources are changed before that.
#[test]
fn a_group_gives_way_to_one_that_the_same_apply_creates() {
    let Some(cluster) = cluster("ha_group_in_use::a_group_gives_way_to_one_that_the_same_apply_creates") else {
        return;
    };
    let w = Workspace::new(&cluster);
    let chain = ["vm:102", "vm:900", "ct:950"];
    let link = |(i, sid): (usize, &&str)| {
        let after = i.checked_sub(1).map(|i| format!("  depends_on = [pve_ha_resource.c{i}]\n"));
        resource(&format!("c{i}"), sid, &after.unwrap_or_default())
    };
    let chained: String = chain.iter().enumerate().map(link).collect();
    let db = WEB.replace("web", "db") + "  depends_on = [pve_ha_resource.c2]\n";
    w.configure(&(group("web", WEB) + &both("pve_ha_group.web.name")));
    w.apply();
    w.configure(&(group("db", &db) + &chained + &both("pve_ha_group.db.name")));
    let plan = w.expect(0, &["plan", "-json", "-out=plan"]);
    assert!(!warnings(&plan).iter().any(|summary| summary.contains("still in use")), "{}", plan.text);
    cluster.emulator().counters().reset();
    w.apply_plan();
    assert_eq!((groups(&cluster), group_of(&cluster, "vm:100").as_deref()), (vec!["db".to_owned()], Some("db")));
    assert_eq!(group_of(&cluster, "vm:101").as_deref(), Some("db"));
    // Once each, and at least once in vain.
    let sent = cluster.emulator().counters().report();
    let puts = sent["requests"]["PUT /cluster/ha/resources/{sid}"].as_u64().unwrap_or_default();
    assert!(puts > 2, "{sent}");
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn a_group_that_goes_after_one_that_is_nowhere_is_kept_and_reported() {
    let name = "ha_group_in_use::a_group_that_goes_after_one_that_is_nowhere_is_kept_and_reported";
    let Some(cluster) = cluster(name) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&(group("web", WEB) + &both("pve_ha_group.web.name")));
    w.apply();
    // Nothing creates it.
    w.configure(&both("\"db\""));
    let failed = w.apply_fails();
    let failed = failed.only_error().flat();
    for part in ["web: vm:10", "is planned to refer to db, which does not exist yet", "web was not deleted", "PVE: "] {
        assert!(failed.contains(part), "{part}: {failed}");
    }
    assert_eq!((groups(&cluster), group_of(&cluster, "vm:100").as_deref()), (vec!["web".to_owned()], Some("web")));
    // The create of it fails, after everything was given up that could be.
    let fault = |path: &str| {
        let fault = serde_json::json!({"method": "PUT", "path": path, "kind": "401", "count": 1});
        cluster.emulator().faults().add(serde_json::from_value(fault).unwrap()).unwrap();
    };
    w.configure(&both(""));
    fault("/cluster/ha/resources/vm:101$");
    let failed = w.apply_fails();
    let failed = failed.only_error().flat();
    assert!(!failed.contains("Nothing was changed"), "{failed}");
    let gave_up = group_of(&cluster, "vm:100").is_none();
    assert_eq!(
        failed.contains("Before that, the references to it were removed from vm:100, as planned."),
        gave_up,
        "{failed}"
    );
    assert!(gave_up, "vm:100 comes first: {failed}");
    assert_eq!((groups(&cluster), group_of(&cluster, "vm:101").as_deref()), (vec!["web".to_owned()], Some("web")));
    w.apply();
    assert!(groups(&cluster).is_empty());
    w.destroy();
}

#[test]
fn destroying_groups_with_their_resources_warns_of_nothing() {
    let name = "ha_group_in_use::destroying_groups_with_their_resources_warns_of_nothing";
    let Some(cluster) = cluster(name) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&(group("web", WEB) + &both("pve_ha_group.web.name")));
    w.apply();
    let run = w.expect(0, &["plan", "-destroy", "-json"]);
    assert!(warnings(&run).is_empty(), "{}", run.text);
    w.configure("");
    let run = w.apply();
    assert!(warnings(&run).is_empty() && groups(&cluster).is_empty(), "{}", run.text);
}

#[test]
fn what_is_not_planned_to_give_it_up_is_left_alone_and_named() {
    let name = "ha_group_in_use::what_is_not_planned_to_give_it_up_is_left_alone_and_named";
    let Some(cluster) = cluster(name) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&(group("web", WEB) + &both("pve_ha_group.web.name")));
    w.apply();
    // Outside of Terraform; and one whose plan keeps the group.
    cluster.api.post("/cluster/ha/resources", &[("sid", "vm:102"), ("group", "web")]);
    let kept = || {
        assert_eq!(groups(&cluster), ["web"]);
        for sid in ["vm:100", "vm:101", "vm:102"] {
            assert_eq!(group_of(&cluster, sid).as_deref(), Some("web"), "{sid}");
        }
    };
    for (now, users) in [(both(""), "vm:102"), (both("\"web\""), "vm:100, vm:101 and vm:102")] {
        w.configure(&now);
        let run = w.expect(0, &["plan", "-json"]);
        assert_eq!(warnings(&run), ["The HA group is still in use: web"], "{}", run.text);
        assert!(run.warnings()[0].detail.contains(users), "{}", run.text);
        assert_names_the_ways_out(&run.warnings()[0].flat());
        let run = w.apply_fails();
        assert_names_the_ways_out(&run.only_error().flat());
        kept();
    }
    cluster.api.delete("/cluster/ha/resources/vm:102", &[]);
    w.configure(&both(""));
    w.apply();
    assert!(groups(&cluster).is_empty());
    w.destroy();
}

#[test]
fn where_core_plans_the_group_first_both_ways_out_lead_out() {
    let name = "ha_group_in_use::where_core_plans_the_group_first_both_ways_out_lead_out";
    let Some(cluster) = cluster(name) else { return };
    let w = Workspace::new(&cluster);
    // What refers to one instance is planned after all of them.
    let each = |names: &str, of: &str, lifecycle: &str| {
        let body =
            format!("  for_each = toset([{names}])\n  name     = each.key\n  nodes    = {{ pve1 = 1 }}\n{lifecycle}");
        group("of", &body) + &both(&format!("pve_ha_group.of[{of:?}].name"))
    };
    let is_in = |group: &str, all: &[&str]| {
        assert_eq!(
            (groups(&cluster), group_of(&cluster, "vm:100").as_deref()),
            (all.iter().map(|name| (*name).to_owned()).collect(), Some(group))
        );
    };
    w.configure(&each("\"db\", \"web\"", "web", ""));
    w.apply();
    w.configure(&each("\"db\"", "db", ""));
    let run = w.apply_fails();
    assert_names_the_ways_out(&run.only_error().flat());
    assert_names_the_ways_out(&run.warnings()[0].flat());
    is_in("web", &["db", "web"]);
    // In two applies.
    w.configure(&each("\"db\", \"web\"", "db", ""));
    w.apply();
    w.configure(&each("\"db\"", "db", ""));
    w.apply();
    is_in("db", &["db"]);
    w.plan_is_empty();
    // By the line of the example, which has to be in the state before.
    w.configure(&each("\"db\", \"web\"", "web", FIRST));
    w.apply();
    w.configure(&each("\"db\"", "db", FIRST));
    w.apply();
    is_in("db", &["db"]);
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn a_group_in_use_is_renamed_where_the_new_one_comes_first() {
    let name = "ha_group_in_use::a_group_in_use_is_renamed_where_the_new_one_comes_first";
    let Some(cluster) = cluster(name) else { return };
    let w = Workspace::new(&cluster);
    let of = |name: &str, lifecycle: &str| group("web", &format!("{}{lifecycle}", WEB.replace("web", name)));
    w.configure(&(of("web", "") + &both("pve_ha_group.web.name")));
    w.apply();
    w.configure(&(of("www", "") + &both("pve_ha_group.web.name")));
    let run = w.expect(0, &["plan", "-json"]);
    assert_eq!(warnings(&run), ["Renaming an HA group in use needs create_before_destroy: web"], "{}", run.text);
    let run = w.apply_fails();
    assert_names_the_ways_out(&run.only_error().flat());
    assert_eq!((groups(&cluster), group_of(&cluster, "vm:100").as_deref()), (vec!["web".to_owned()], Some("web")));
    w.configure(&(of("www", FIRST) + &both("pve_ha_group.web.name")));
    w.apply();
    assert_eq!((groups(&cluster), group_of(&cluster, "vm:101").as_deref()), (vec!["www".to_owned()], Some("www")));
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn a_rule_that_gives_up_a_removed_resource_is_not_warned_of() {
    let name = "ha_group_in_use::a_rule_that_gives_up_a_removed_resource_is_not_warned_of";
    let Some(cluster) = Cluster::of(name, Release::V9).map(Arc::new) else { return };
    let sids = cluster.guests(2, 0).sids();
    let node = &cluster.nodes()[0];
    let w = Workspace::new(&cluster);
    let rule = |of: &str| {
        format!(
            "resource \"pve_ha_node_affinity_rule\" \"r\" {{\n  name      = \"tfacc-r\"\n  resources = [{of}]\n  nodes     = {{ {node} = 1 }}\n}}\n"
        )
    };
    let a = resource("a", &sids[0], "");
    w.configure(&(a.clone() + &resource("b", &sids[1], "") + &rule("pve_ha_resource.a.sid, pve_ha_resource.b.sid")));
    w.apply();
    w.configure(&(a + &rule("pve_ha_resource.a.sid")));
    let run = w.apply();
    assert!(!warnings(&run).iter().any(|summary| summary.contains("still names")), "{}", run.text);
    assert_eq!(cluster.api.read("/cluster/ha/rules/tfacc-r")["resources"], sids[0].as_str());
    w.plan_is_empty();
    w.destroy();
}
