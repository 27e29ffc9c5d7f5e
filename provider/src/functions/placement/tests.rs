use serde_json::{Value as Json, json};

use super::super::testing::{call, refused};
use super::*;

/// Three nodes, and an HA resource on each of the first two; `more` replaces members.
fn cluster(more: Json) -> Json {
    let mut cluster = json!({
        "nodes": ["pve1", "pve2", "pve3"],
        "resources": [{"sid": "vm:100", "node": "pve1"}, {"sid": "ct:101", "node": "pve2"}],
    });
    for (name, value) in more.as_object().unwrap() {
        cluster[name] = value.clone();
    }
    cluster
}

fn place(more: Json) -> Json {
    call::<Placement>(&[cluster(more)]).unwrap()
}

#[test]
fn without_rules_the_node_with_the_fewest_takes_over() {
    let placed = place(json!({"failed": ["pve1"]}));
    assert_eq!(placed["vm:100"]["node"], "pve3");
    assert_eq!((&placed["ct:101"]["node"], &placed["ct:101"]["state"]), (&json!("pve2"), &json!("started")));
    assert_eq!(placed["ct:101"]["reason"], "the HA manager leaves it where it is");
}

#[test]
fn without_a_failure_resources_go_where_the_rules_prefer() {
    let rules = json!([{"name": "home", "resources": ["vm:100"], "nodes": {"pve3": 2, "pve2": 1}}]);
    assert_eq!(place(json!({"rules": rules}))["vm:100"]["node"], "pve3");
    let placed = place(json!({"rules": rules, "failed": ["pve3"]}));
    assert_eq!(placed["vm:100"]["node"], "pve2");
    assert_eq!(placed["vm:100"]["reason"], "rule 'home': highest priority online is 1 (pve2)");
}

#[test]
fn a_strict_rule_and_resources_apart_leave_one_without_a_node() {
    let strict = json!([{"name": "pin", "resources": ["vm:100"], "nodes": {"pve1": null}, "strict": true}]);
    let placed = &place(json!({"rules": strict, "failed": ["pve1"]}))["vm:100"];
    assert_eq!((&placed["node"], &placed["state"]), (&Json::Null, &json!("recovery")));
    assert!(placed["reason"].as_str().unwrap().contains("rule 'pin' allows only pve1"));

    let apart = json!([{"name": "apart", "resources": ["vm:100", "ct:101"], "affinity": "negative"}]);
    let placed = place(json!({"rules": apart, "failed": ["pve1", "pve3"]}));
    assert_eq!((&placed["vm:100"]["node"], &placed["ct:101"]["node"]), (&Json::Null, &json!("pve2")));
    let together = json!([{"name": "both", "resources": ["vm:100", "ct:101"], "affinity": "positive"}]);
    let placed = place(json!({"rules": together, "failed": ["pve1"]}));
    assert_eq!(placed["vm:100"]["node"], placed["ct:101"]["node"]);
    // A rule that is switched off does nothing.
    let off = json!([{"name": "pin", "resources": ["vm:100"], "nodes": {"pve1": 1}, "strict": true, "disabled": true}]);
    assert_eq!(place(json!({"rules": off, "failed": ["pve1"]}))["vm:100"]["node"], "pve3");
}

#[test]
fn nodes_are_avoided() {
    let rules = json!([{"name": "off", "resources": ["vm:100"], "nodes": {"pve3": 0}, "affinity": "negative"}]);
    assert_eq!(place(json!({"rules": rules, "failed": ["pve1"]}))["vm:100"]["node"], "pve2");
}

#[test]
fn groups_of_pve_8_are_followed() {
    let resources = json!([{"sid": "vm:100", "node": "pve1", "group": "web"}]);
    let groups = json!([{"name": "web", "nodes": {"pve1": 2, "pve2": 1}, "restricted": true}]);
    let placed = |failed| place(json!({"resources": resources, "groups": groups, "failed": failed}));
    assert_eq!(placed(json!(["pve1"]))["vm:100"]["node"], "pve2");
    assert_eq!(placed(json!(["pve1", "pve2"]))["vm:100"]["node"], Json::Null);
    let groups = json!([{"name": "web", "nodes": {"pve2": 1, "pve1": 0}, "nofailback": true}]);
    assert_eq!(place(json!({"resources": resources, "groups": groups}))["vm:100"]["node"], "pve1");
}

#[test]
fn the_requested_state_decides() {
    let resource = |state: &str| json!([{"sid": "vm:100", "node": "pve1", "state": state}]);
    let place = |state| place(json!({"resources": resource(state), "failed": ["pve1"]}));
    assert_eq!(place("stopped")["vm:100"]["node"], "pve2");
    let disabled = place("disabled");
    assert_eq!(disabled["vm:100"]["node"], Json::Null, "{disabled}");
    assert_eq!(place("ignored"), json!({}));
    let stays = json!([{"sid": "vm:100", "node": "pve1", "failback": false}]);
    let rules = json!([{"name": "home", "resources": ["vm:100"], "nodes": {"pve3": 2, "pve1": 1}}]);
    assert_eq!(super::tests::place(json!({"resources": stays, "rules": rules}))["vm:100"]["node"], "pve1");
}

#[test]
fn what_is_not_in_the_argument_or_refused_by_proxmox_is_an_error() {
    let rule = |name: &str, more: Json| {
        let mut rule = json!({"name": name, "resources": ["vm:100"]});
        more.as_object().unwrap().iter().for_each(|(name, value)| rule[name] = value.clone());
        rule
    };
    let group = json!({"name": "web", "nodes": {"pve1": 1}});
    for (more, problem) in [
        (json!({"nodes": []}), "cluster[\"nodes\"]: needs at least 1 element"),
        (json!({"nodes": ["pve.1"]}), "must be a node name"),
        (json!({"nodes": null}), "cluster[\"nodes\"]: is required"),
        (json!({"failed": ["pve9"]}), "cluster.failed: pve9 is not one of `nodes`"),
        (json!({"failed": ["pve1", "pve2", "pve3"]}), "cluster.failed: no node is left"),
        (json!({"resources": [{"sid": "vm:100", "node": "pve9"}]}), "cluster.resources[0].node: pve9 is not one of"),
        (json!({"resources": [{"sid": "vm:100"}]}), "is required"),
        (json!({"resources": [{"sid": "vm:1", "node": "pve1"}]}), "must be vm:ID or ct:ID"),
        (json!({"resources": [{"sid": "vm:100", "node": "pve1", "state": "on"}]}), "must be one of started"),
        (
            json!({"resources": [{"sid": "vm:100", "node": "pve1"}, {"sid": "vm:100", "node": "pve1"}]}),
            "cluster.resources[1].sid: vm:100 is there twice",
        ),
        (
            json!({"resources": [{"sid": "vm:100", "node": "pve1", "group": "no"}]}),
            "cluster.resources[0].group: no is not one of `groups`",
        ),
        (json!({"groups": [group, group]}), "cluster.groups[1].name: web is there twice"),
        (json!({"groups": [{"name": "web", "nodes": {"pve9": 1}}]}), "cluster.groups[0].nodes: pve9 is not one of"),
        (
            json!({"groups": [group], "rules": [rule("aa", json!({"nodes": {"pve1": 1}}))]}),
            "cluster.groups: a cluster has either groups (PVE 8) or rules (PVE 9)",
        ),
        (json!({"rules": [rule("aa", json!({}))]}), "cluster.rules[0]: a rule needs `nodes`"),
        (json!({"rules": [rule("aa", json!({"nodes": {"pve9": 1}}))]}), "cluster.rules[0].nodes: pve9 is not one of"),
        (
            json!({"rules": [rule("aa", json!({"nodes": {"pve1": 1}, "resources": ["vm:999"]}))]}),
            "cluster.rules[0].resources: vm:999 is not one of `resources`",
        ),
        (
            json!({"rules": [rule("aa", json!({"nodes": {"pve1": 1}})), rule("aa", json!({"nodes": {"pve2": 1}}))]}),
            "cluster.rules[1].name: aa is there twice",
        ),
        (
            json!({"rules": [rule("aa", json!({"affinity": "negative"}))]}),
            "cluster.rules: Proxmox refuses the rule 'aa': rule is ineffective",
        ),
    ] {
        let (argument, text) = refused::<Placement>(&[cluster(more)]);
        assert_eq!(argument, Some(0), "{text}");
        assert!(text.contains(problem), "{text}");
    }
}
