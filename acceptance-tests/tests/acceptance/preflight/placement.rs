//! Where resources may be.

use pve_emulator::{Options, Release};
use serde_json::json;

use super::{Bench, GROUP, JOB, NODE_RULE, RESOURCE, RESOURCE_RULE, node_rule, resource_rule, two_nodes, with};

fn bench(test: &str, release: Release) -> Option<Bench> {
    Bench::new(&format!("preflight::placement::{test}"), release)
}

#[test]
fn unknown_nodes() {
    let Some(b) = bench("unknown_nodes", Release::V9) else { return };
    let check = "unknown-node";
    let said = b.create(NODE_RULE, node_rule("aa", &["vm:100"], json!({"pve1": 1, "pve7": 1})));
    said.errs(check, "nodes[\"pve7\"]", &["no node pve7", "pve1, pve2 and pve3"]);
    assert_eq!(said.of(check).unwrap().summary, "Unknown node pve7 in rule aa");
    b.create(NODE_RULE, node_rule("aa", &["vm:100"], json!({"pve1": 1, "pve2": 1}))).not(check);
    let said = b.create(JOB, json!({"guest": 100, "target": "pve7"}));
    said.errs(check, "target", &["pve7"]);
    assert_eq!(said.of(check).unwrap().summary, "Unknown node pve7 in replication of guest 100 to pve7");
    b.create(JOB, json!({"guest": 100, "target": "pve2"})).not(check);

    let Some(b) = bench("unknown_nodes", Release::V8) else { return };
    let said = b.create(GROUP, json!({"name": "web", "nodes": {"pve1": 1, "pve7": 1}}));
    said.warns(check, "nodes[\"pve7\"]", &["nothing ever runs there"]);
    assert_eq!(said.of(check).unwrap().summary, "Unknown node pve7 in group web");
    b.create(GROUP, json!({"name": "web", "nodes": {"pve1": 1}})).not(check);
}

#[test]
fn a_single_node() {
    let Some(b) = bench("a_single_node", Release::V9) else { return };
    let check = "single-node-placement";
    let strict = |nodes| with(node_rule("aa", &["vm:100"], nodes), json!({"strict": true}));
    b.create(NODE_RULE, strict(json!({"pve1": 1}))).warns(check, "nodes", &["aa: with `strict = true` and pve1"]);
    b.create(NODE_RULE, strict(json!({"pve1": 1, "pve2": 1}))).not(check);
    b.create(NODE_RULE, node_rule("aa", &["vm:100"], json!({"pve1": 1}))).not(check);
    b.create(NODE_RULE, with(strict(json!({"pve1": 1})), json!({"disabled": true}))).not(check);

    let Some(b) = bench("a_single_node", Release::V8) else { return };
    let group = |restricted| json!({"name": "web", "nodes": {"pve1": 1}, "restricted": restricted});
    b.create(GROUP, group(true)).warns(check, "nodes", &["web: with `restricted = true`"]);
    b.create(GROUP, group(false)).not(check);
}

#[test]
fn a_node_that_takes_resources_along() {
    let Some(b) = bench("a_node_that_takes_resources_along", Release::V9) else { return };
    let check = "failback-flapping";
    let lonely = |sids: &[&str]| node_rule("aa", sids, json!({"pve1": 2, "pve2": 1, "pve3": 1}));
    b.create(RESOURCE, json!({"sid": "vm:100"})).not(check);
    b.create(RESOURCE, json!({"sid": "vm:101", "failback": false})).not(check);
    b.create(RESOURCE, json!({"sid": "vm:102", "state": "ignored"})).not(check);
    let said = b.create(NODE_RULE, lonely(&["vm:100", "vm:101", "vm:102"]));
    said.warns(check, "nodes", &["aa: pve1 is the only node of the highest priority, so vm:100 goes back"]);
    // Reported once.
    b.create(NODE_RULE, lonely(&["vm:100", "vm:101", "vm:102"])).not(check);
    b.create(NODE_RULE, node_rule("bb", &["vm:100"], json!({"pve1": 2, "pve2": 2, "pve3": 1}))).not(check);
    b.create(NODE_RULE, lonely(&["vm:101", "vm:102"])).not(check);
    // The rule exists already, the resource changes.
    b.manage("vm:103");
    b.rule("live", "node-affinity", "vm:103", ("nodes", "pve1:2,pve2"));
    let b = b.anew();
    let still = json!({"sid": "vm:103", "failback": false});
    b.change(RESOURCE, still.clone(), json!({"sid": "vm:103"})).warns(check, "failback", &["live: pve1"]);
    b.change(RESOURCE, still.clone(), with(still, json!({"comment": "x"}))).not(check);

    let Some(b) = bench("a_node_that_takes_resources_along", Release::V8) else { return };
    let group = |nofailback| json!({"name": "web", "nodes": {"pve1": 2, "pve2": 1}, "nofailback": nofailback});
    b.create(GROUP, group(false)).not(check);
    let said = b.create(RESOURCE, json!({"sid": "vm:100", "group": "web"}));
    said.warns(check, "group", &["nofailback = true"]);
    b.create(GROUP, group(true)).not(check);
    b.create(RESOURCE, json!({"sid": "vm:101", "group": "web"})).not(check);
}

#[test]
fn two_nodes_and_nothing_that_decides() {
    let check = "two-nodes-without-qdevice";
    let name = "preflight::placement::two_nodes_and_nothing_that_decides";
    let options = Options { seed: Some(two_nodes(&[])), ..Options::default() };
    let Some(b) = Bench::on(name, options, &[]) else { return };
    b.create(RESOURCE, json!({"sid": "vm:100", "state": "ignored"})).not(check);
    b.create(RESOURCE, json!({"sid": "vm:100"})).warns(check, "", &["no QDevice"]);
    b.create(RESOURCE, json!({"sid": "vm:101"})).not(check);
    b.cluster.emulator().cluster().world().add_qdevice(None);
    b.anew().create(RESOURCE, json!({"sid": "vm:100"})).not(check);

    let Some(b) = bench("two_nodes_and_nothing_that_decides", Release::V9) else { return };
    b.create(RESOURCE_RULE, resource_rule("aa", &["vm:100", "vm:101"], "positive")).not(check);
}

#[test]
fn a_copy_where_the_guest_never_runs() {
    let Some(b) = bench("a_copy_where_the_guest_never_runs", Release::V9) else { return };
    let check = "replication-outside-placement";
    let strict = |nodes| with(node_rule("aa", &["vm:100"], nodes), json!({"strict": true}));
    b.manage("vm:100");
    b.create(NODE_RULE, strict(json!({"pve1": 1, "pve2": 1}))).not(check);
    b.create(JOB, json!({"guest": 100, "target": "pve2"})).not(check);
    b.create(JOB, json!({"guest": 100, "target": "pve3"})).warns(check, "target", &["aa binds it to other nodes"]);
    b.create(JOB, json!({"guest": 101, "target": "pve3"})).not(check);
    // The other way round: the jobs come first.
    let b = b.anew();
    b.create(JOB, json!({"guest": 100, "target": "pve3"})).not(check);
    b.create(JOB, json!({"guest": 101, "target": "pve3", "disabled": true})).not(check);
    b.create(NODE_RULE, node_rule("aa", &["vm:100"], json!({"pve1": 1, "pve2": 1}))).not(check);
    b.create(NODE_RULE, strict(json!({"pve1": 1, "pve2": 1}))).warns(check, "nodes", &["vm:100", "pve3"]);

    let Some(b) = bench("a_copy_where_the_guest_never_runs", Release::V8) else { return };
    b.create(GROUP, json!({"name": "web", "nodes": {"pve1": 1, "pve2": 1}, "restricted": true})).not(check);
    b.create(JOB, json!({"guest": 100, "target": "pve3"})).not(check);
    b.create(RESOURCE, json!({"sid": "vm:100", "group": "web"})).warns(check, "sid", &["pve3"]);
    b.create(RESOURCE, json!({"sid": "vm:101", "group": "web"})).not(check);
}

#[test]
fn what_a_node_keeps_in_maintenance() {
    const KIND: &str = "pve_node_maintenance";
    let (check, release) = ("stays-in-maintenance", Release::At("9.2.6".parse().unwrap()));
    let name = "preflight::placement::what_a_node_keeps_in_maintenance";
    let on = |release| Bench::on(name, Options { release, ssh: true, ..Options::default() }, &[]);
    let Some(b) = on(release) else { return };
    let vms = ["100", "101", "102"];
    let advance = |b: &Bench, seconds: f64| b.cluster.emulator().cluster().world().advance(seconds);
    for (vm, node) in vms.iter().zip(["pve1", "pve2", "pve3"]) {
        b.cluster.emulator().cluster().world().move_guest(vm.parse().unwrap(), node);
        b.manage(&format!("vm:{vm}"));
    }
    b.cluster.emulator().cluster().world().clock.stop();
    advance(&b, 120.0);
    let here = json!({"node": "pve1"});
    let rules = |b: &Bench, list: &[&[(&str, &str)]]| {
        for rule in b.cluster.api.list("/cluster/ha/rules", "rule").into_keys() {
            b.cluster.api.delete(&format!("/cluster/ha/rules/{rule}"), &[]);
        }
        list.iter().for_each(|rule| drop(b.cluster.api.post("/cluster/ha/rules", rule)));
    };
    b.create(KIND, here.clone()).not(check);
    // Nodes to avoid.
    let away = |strict| {
        [
            ("rule", "away"),
            ("type", "node-affinity"),
            ("resources", "vm:100"),
            ("nodes", "pve2,pve3"),
            ("affinity", "negative"),
            ("strict", strict),
        ]
    };
    rules(&b, &[&away("1")]);
    let b = b.anew();
    let reported = ["pve1: vm:100 (rule away) has no other node to run on that is online, and stays there"];
    b.create(KIND, here.clone()).warns(check, "node", &reported);
    b.create(KIND, with(here.clone(), json!({"wait_for_evacuation": false}))).not(check);
    b.create(KIND, json!({"node": "pve2"})).not(check);
    // The plan takes the rule away.
    b.destroy(
        NODE_RULE,
        with(node_rule("away", &["vm:100"], json!({"pve2": 0, "pve3": 0})), json!({"affinity": "negative"})),
    );
    b.create(KIND, here.clone()).not(check);
    rules(&b, &[&away("0")]);
    let b = b.anew();
    b.create(KIND, here.clone()).not(check);
    // As many services that are kept apart as there are nodes.
    let apart = [
        ("rule", "apart"),
        ("type", "resource-affinity"),
        ("resources", "vm:100,vm:101,vm:102"),
        ("affinity", "negative"),
    ];
    rules(&b, &[&apart]);
    let b = b.anew();
    b.create(KIND, here.clone()).warns(check, "node", &["vm:100 (rule apart) has no other node"]);
    // The other node of a strict rule is offline.
    let pair =
        [("rule", "pair"), ("type", "node-affinity"), ("resources", "vm:100"), ("nodes", "pve1,pve2"), ("strict", "1")];
    rules(&b, &[&pair]);
    let b = b.anew();
    b.create(KIND, here.clone()).not(check);
    b.cluster.emulator().cluster().world().power("pve2", false);
    advance(&b, 30.0);
    let b = b.anew();
    b.create(KIND, here.clone()).warns(check, "node", &["vm:100 (rule pair) has no other node"]);
    // A rule of this plan that isn't wholly known may say anything.
    b.create_partly(NODE_RULE, node_rule("web", &["vm:101"], json!({"pve1": 1})), &["resources"]);
    b.create(KIND, here).not(check);

    let Some(b) = on(Release::V8) else { return };
    b.cluster.emulator().cluster().world().move_guest(100, "pve1");
    b.cluster.api.post("/cluster/ha/groups", &[("group", "web"), ("nodes", "pve1"), ("restricted", "1")]);
    b.cluster.api.post("/cluster/ha/resources", &[("sid", "vm:100"), ("group", "web")]);
    b.cluster.emulator().cluster().world().clock.stop();
    advance(&b, 120.0);
    let here = json!({"node": "pve1"});
    b.create(KIND, here.clone()).warns(check, "node", &["vm:100 (group web) has no other node"]);
    b.cluster.api.put("/cluster/ha/groups/web", &[("restricted", "0")]);
    b.anew().create(KIND, here).not(check);
}
