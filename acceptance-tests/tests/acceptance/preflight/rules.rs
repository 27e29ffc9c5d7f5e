//! Rules against each other: an error between two that are planned, a warning against one that is only seen.

use pve_emulator::Release;
use serde_json::json;

use super::{Bench, NODE_RULE, RESOURCE, RESOURCE_RULE, node_rule, resource_rule, with};

fn bench(test: &str) -> Option<Bench> {
    let bench = Bench::new(&format!("preflight::rules::{test}"), Release::V9)?;
    for sid in ["vm:100", "vm:101", "vm:102", "vm:103"] {
        bench.manage(sid);
    }
    Some(bench)
}

#[test]
fn a_resource_in_two_node_affinity_rules() {
    let Some(b) = bench("a_resource_in_two_node_affinity_rules") else { return };
    let check = "node-affinity-overlap";
    let both = json!({"pve1": 1, "pve2": 1});
    b.create(NODE_RULE, node_rule("aa", &["vm:100"], both.clone())).not(check);
    b.create(NODE_RULE, node_rule("bb", &["vm:101"], both.clone())).not(check);
    let said = b.create(NODE_RULE, node_rule("cc", &["vm:100", "vm:102"], both.clone()));
    said.errs(check, "resources", &["cc: vm:100 is also in the node affinity rule aa", "PVE: resource 'vm:100'"]);

    b.rule("live", "node-affinity", "vm:100", ("nodes", "pve1,pve2"));
    let b = b.anew();
    let said = b.create(NODE_RULE, node_rule("aa", &["vm:100"], both.clone()));
    said.warns(check, "resources", &["unless this plan changes live"]);
    // One that is disabled, or changed by this very plan, is no conflict.
    let b = b.anew();
    let live = node_rule("live", &["vm:100"], both.clone());
    b.change(NODE_RULE, live.clone(), with(live.clone(), json!({"disabled": true}))).nothing();
    b.create(NODE_RULE, node_rule("aa", &["vm:100"], both.clone())).not(check);
    let b = b.anew();
    b.create(NODE_RULE, with(node_rule("aa", &["vm:100"], both.clone()), json!({"disabled": true}))).not(check);
    let b = b.anew();
    b.destroy(NODE_RULE, live).nothing();
    b.create(NODE_RULE, node_rule("aa", &["vm:100"], both)).not(check);
}

#[test]
fn one_resource_is_too_few() {
    let Some(b) = bench("one_resource_is_too_few") else { return };
    let check = "too-few-resources";
    b.create(RESOURCE_RULE, resource_rule("aa", &["vm:100"], "positive")).errs(check, "resources", &["aa: "]);
    b.create(RESOURCE_RULE, resource_rule("aa", &["vm:100", "vm:101"], "positive")).not(check);
}

#[test]
fn more_resources_to_keep_apart_than_nodes() {
    let Some(b) = bench("more_resources_to_keep_apart_than_nodes") else { return };
    let check = "more-resources-than-nodes";
    let four = ["vm:100", "vm:101", "vm:102", "vm:103"];
    let said = b.create(RESOURCE_RULE, resource_rule("aa", &four, "negative"));
    said.errs(check, "resources", &["4 resources can't be kept apart on 3 nodes", "PVE: rule defines more resources"]);
    b.create(RESOURCE_RULE, resource_rule("aa", &four[..3], "negative")).not(check);
    b.create(RESOURCE_RULE, resource_rule("aa", &four, "positive")).not(check);
}

#[test]
fn together_and_apart() {
    let Some(b) = bench("together_and_apart") else { return };
    let check = "together-and-apart";
    b.create(RESOURCE_RULE, resource_rule("one", &["vm:100", "vm:101"], "positive")).not(check);
    b.create(RESOURCE_RULE, resource_rule("two", &["vm:101", "vm:102"], "positive")).not(check);
    b.create(RESOURCE_RULE, resource_rule("far", &["vm:101", "vm:103"], "negative")).not(check);
    // 100 and 102 are together by way of 101.
    let said = b.create(RESOURCE_RULE, resource_rule("apart", &["vm:100", "vm:102"], "negative"));
    said.errs(check, "resources", &["keeps resources apart that the rule", "one"]);

    b.rule("live", "resource-affinity", "vm:100,vm:101", ("affinity", "negative"));
    let said = b.anew().create(RESOURCE_RULE, resource_rule("one", &["vm:100", "vm:101"], "positive"));
    said.warns(check, "resources", &["it keeps resources together that the rule live keeps apart"]);
}

#[test]
fn priorities_and_a_rule_between_resources() {
    let Some(b) = bench("priorities_and_a_rule_between_resources") else { return };
    let check = "affinity-with-priorities";
    b.create(NODE_RULE, node_rule("near", &["vm:100"], json!({"pve1": 2, "pve2": 1}))).not(check);
    b.create(RESOURCE_RULE, resource_rule("other", &["vm:101", "vm:102"], "positive")).not(check);
    let said = b.create(RESOURCE_RULE, resource_rule("pair", &["vm:100", "vm:103"], "positive"));
    said.errs(check, "resources", &["near", "several priorities"]);

    b.rule("live", "resource-affinity", "vm:100,vm:101", ("affinity", "negative"));
    let b = b.anew();
    let said = b.create(NODE_RULE, node_rule("near", &["vm:100"], json!({"pve1": 2, "pve2": 1})));
    said.warns(check, "resources", &["live"]);
    b.create(NODE_RULE, node_rule("even", &["vm:102"], json!({"pve1": 2, "pve2": 2}))).not(check);
}

#[test]
fn together_in_several_node_rules() {
    let Some(b) = bench("together_in_several_node_rules") else { return };
    let check = "together-in-several-node-rules";
    b.create(NODE_RULE, node_rule("left", &["vm:100"], json!({"pve1": 1, "pve2": 1}))).not(check);
    b.create(RESOURCE_RULE, resource_rule("pair", &["vm:100", "vm:101"], "positive")).not(check);
    let said = b.create(NODE_RULE, node_rule("right", &["vm:101"], json!({"pve3": 1, "pve2": 1})));
    said.errs(check, "resources", &["left", "pair"]);

    b.rule("live", "node-affinity", "vm:102", ("nodes", "pve1,pve2"));
    let b = b.anew();
    b.create(NODE_RULE, node_rule("right", &["vm:103"], json!({"pve3": 1, "pve2": 1}))).not(check);
    let said = b.create(RESOURCE_RULE, resource_rule("pair", &["vm:102", "vm:103"], "positive"));
    said.warns(check, "resources", &["live", "right"]);
}

#[test]
fn apart_on_too_few_nodes() {
    let Some(b) = bench("apart_on_too_few_nodes") else { return };
    let check = "apart-on-too-few-nodes";
    let sids = ["vm:100", "vm:101"];
    b.create(RESOURCE_RULE, resource_rule("apart", &sids, "negative")).not(check);
    b.create(NODE_RULE, node_rule("wide", &sids, json!({"pve1": 1, "pve2": 1}))).not(check);
    let said = b.create(NODE_RULE, node_rule("wide", &sids, json!({"pve1": 1})));
    said.errs(check, "resources", &["apart"]);

    b.rule("live", "node-affinity", "vm:102,vm:103", ("nodes", "pve1"));
    let said = b.anew().create(RESOURCE_RULE, resource_rule("apart", &["vm:102", "vm:103"], "negative"));
    said.warns(check, "resources", &["live"]);
}

#[test]
fn rules_over_unmanaged_guests() {
    let Some(b) = bench("rules_over_unmanaged_guests") else { return };
    let check = "unmanaged-resource";
    let two = json!({"pve1": 1, "pve2": 1});
    let said = b.create(NODE_RULE, node_rule("aa", &["vm:100", "vm:104", "vm:105"], two.clone()));
    said.warns(check, "resources", &["aa: vm:104 and vm:105 are not HA resources", "pve_ha_resource.NAME.sid"]);
    b.create(NODE_RULE, node_rule("aa", &["vm:100"], two.clone())).not(check);
    // A rule created by this plan counts, a rule removed by it does not.
    b.create(RESOURCE, json!({"sid": "vm:104"}));
    b.create(NODE_RULE, node_rule("aa", &["vm:104"], two.clone())).not(check);
    b.destroy(RESOURCE, json!({"sid": "vm:100"}));
    b.create(NODE_RULE, node_rule("aa", &["vm:100"], two.clone())).warns(
        check,
        "resources",
        &["vm:100 is not an HA resource"],
    );
    // One whose id isn't known may be any.
    b.create_partly(RESOURCE, json!({}), &["sid"]);
    b.create(NODE_RULE, node_rule("aa", &["vm:105"], two)).not(check);
}

const MEMBER: &str = "pve_ha_rule_member";

fn member(rule: &str, sid: &str) -> serde_json::Value {
    json!({"rule": rule, "resource": sid})
}

/// The rule is checked with the member in it, also where another object of the plan is checked.
#[test]
fn a_rule_with_the_member_that_joins_it() {
    let Some(b) = bench("a_rule_with_the_member_that_joins_it") else { return };
    let check = "node-affinity-overlap";
    let two = json!({"pve1": 1, "pve2": 1});
    b.rule("live", "node-affinity", "vm:100", ("nodes", "pve1,pve2"));
    b.rule("other", "node-affinity", "vm:101", ("nodes", "pve1,pve2"));
    let b = b.anew();
    b.create(MEMBER, member("live", "vm:102")).nothing();
    // Against a rule that the cluster has, one that is planned, and another member.
    let said = b.create(MEMBER, member("live", "vm:101"));
    said.warns(
        check,
        "resource",
        &["live: vm:101 is also in the node affinity rule other", "unless this plan changes"],
    );
    let b = b.anew();
    b.create(NODE_RULE, node_rule("new", &["vm:103"], two.clone())).not(check);
    b.create(MEMBER, member("live", "vm:103")).errs(check, "resource", &["vm:103", "new"]);
    let b = b.anew();
    b.create(MEMBER, member("live", "vm:103")).nothing();
    b.create(NODE_RULE, node_rule("new", &["vm:103"], two.clone())).errs(check, "resources", &["vm:103", "live"]);
    let b = b.anew();
    b.create(MEMBER, member("live", "vm:103")).nothing();
    b.create(MEMBER, member("other", "vm:103")).errs(check, "resource", &["vm:103", "live"]);
    // One that leaves makes room for one that joins.
    let b = b.anew();
    b.destroy(MEMBER, member("other", "vm:101")).not(check);
    b.create(MEMBER, member("live", "vm:101")).not(check);
}

#[test]
fn a_member_that_is_one_too_many() {
    let Some(b) = bench("a_member_that_is_one_too_many") else { return };
    b.rule("apart", "resource-affinity", "vm:100,vm:101", ("affinity", "negative"));
    b.rule("together", "resource-affinity", "vm:102,vm:103", ("affinity", "positive"));
    let b = b.anew();
    b.create(MEMBER, member("apart", "vm:102")).not("more-resources-than-nodes");
    b.create(MEMBER, member("apart", "vm:103")).errs(
        "more-resources-than-nodes",
        "resource",
        &["4 resources can't be kept apart on 3 nodes"],
    );
    let b = b.anew();
    b.create(MEMBER, member("together", "vm:100")).not("together-and-apart");
    b.create(MEMBER, member("together", "vm:101")).warns("together-and-apart", "resource", &["apart"]);
}

#[test]
fn a_member_that_exists_is_unmanaged_or_has_no_rule() {
    let Some(b) = bench("a_member_that_exists_is_unmanaged_or_has_no_rule") else { return };
    b.rule("live", "node-affinity", "vm:100", ("nodes", "pve1,pve2"));
    b.rule("one", "node-affinity", "vm:101", ("nodes", "pve1"));
    b.cluster.api.put("/cluster/ha/rules/one", &[("type", "node-affinity"), ("strict", "1")]);
    let b = b.anew();
    let said = b.create(MEMBER, member("live", "vm:100"));
    said.warns(
        "exists-already",
        "resource",
        &["live/vm:100", "to = pve_ha_rule_member.<name>", "id = \"live/vm:100\""],
    );
    let said = b.create(MEMBER, member("live", "vm:900"));
    said.warns("unmanaged-resource", "resource", &["live: vm:900 is not an HA resource", "in `resource`"]);
    b.create(MEMBER, member("none", "vm:102")).warns("missing-rule", "rule", &["the cluster has no HA rule none"]);
    b.create(MEMBER, member("one", "vm:103")).warns(
        "single-node-placement",
        "rule",
        &["one: ", "pve1 as the only node"],
    );
    let b = b.anew();
    b.create(MEMBER, member("live", "vm:102")).not("planned-twice");
    b.create(MEMBER, member("live", "vm:102")).errs("planned-twice", "resource", &["live/vm:102"]);
    // A rule of the same plan.
    b.create(NODE_RULE, node_rule("new", &["vm:103"], json!({"pve1": 1, "pve2": 1})));
    b.create(MEMBER, member("new", "vm:900")).not("missing-rule");
}
