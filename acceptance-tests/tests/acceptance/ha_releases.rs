//! What the HA manager of PVE 9.2.6 brought: nodes to avoid; and `auto_rebalance`, which PVE 9.2 has.

use std::sync::Arc;

use acceptance_tests::life::{Life, Object};
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release, Seed, Version};
use serde_json::{Value as Json, json};

const NEWER: Version = Version::new(9, 2, 6);
const OLDER: Version = Version::new(9, 2, 5);

fn cluster(test: &str, release: Release) -> Option<Arc<Cluster>> {
    cluster_with(test, Options { release, ..Options::default() })
}

fn cluster_with(test: &str, options: Options) -> Option<Arc<Cluster>> {
    Cluster::own(&format!("ha_releases::{test}"), options).map(Arc::new)
}

/// An HA resource and a node affinity rule that names it.
fn rule(nodes: &str, more: &str) -> String {
    format!(
        "resource \"pve_ha_resource\" \"a\" {{\n  sid   = \"vm:900\"\n  state = \"ignored\"\n}}\n\
         resource \"pve_ha_node_affinity_rule\" \"a\" {{\n  name      = \"tfacc-a\"\n  resources = [pve_ha_resource.a.sid]\n  \
         nodes     = {nodes}\n{more}}}\n"
    )
}

const NEGATIVE: &str = "  affinity  = \"negative\"\n";

fn off_pve3(more: &str) -> String {
    rule("{ pve3 = null }", &format!("{NEGATIVE}{more}"))
}

fn rules_cfg(cluster: &Cluster) -> String {
    cluster.emulator().cluster().world().file("/etc/pve/ha/rules.cfg").to_owned()
}

fn install(cluster: &Cluster, node: Option<&str>, version: Version) {
    cluster.emulator().cluster().world().install(node, version);
}

/// How often versions of nodes were asked for since the emulator started.
fn asked(cluster: &Cluster) -> u64 {
    cluster.emulator().counters().report()["requests"]["GET /nodes/{node}/version"].as_u64().unwrap_or_default()
}

#[test]
fn a_life_with_nodes_to_avoid() {
    let Some(cluster) = cluster("a_life_with_nodes_to_avoid", Release::At(NEWER)) else { return };
    let sids = cluster.guests(3, 0).sids();
    let object = |name: &'static str, index: usize, base: &[(&'static str, &str)]| {
        let (id, resources) = (format!("tfacc-{name}"), format!("[pve_ha_resource.r[{index}].sid]"));
        let quoted = format!("{id:?}");
        let common = [("name", quoted.as_str()), ("resources", resources.as_str()), ("nodes", "{ pve3 = 0 }")];
        Object::new(name, &id, &[&common, base].concat())
    };
    let objects = vec![
        object("affinity", 0, &[]).becomes("\"negative\"").drifts(&[("delete", "affinity")]),
        object("affinity__back", 1, &[("affinity", "\"negative\"")])
            .becomes("\"positive\"")
            .drifts(&[("affinity", "negative")]),
        object("affinity__unset", 2, &[("affinity", "\"negative\"")]).drifts(&[("affinity", "negative")]),
    ];
    let life = Life {
        kind: "pve_ha_node_affinity_rule",
        collection: "/cluster/ha/rules",
        key: "rule",
        needs: format!(
            "resource \"pve_ha_resource\" \"r\" {{\n  count = 3\n  sid   = {sids:?}[count.index]\n  state = \"ignored\"\n}}\n"
        ),
        objects,
        always: vec![("type", "node-affinity".to_owned())],
        ..Life::default()
    };
    life.live(&cluster);
}

#[test]
fn the_file_has_the_affinity_only_where_it_is_negative() {
    let Some(cluster) = cluster("the_file_has_the_affinity", Release::At(NEWER)) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&off_pve3("  strict    = true\n"));
    w.apply();
    let text = rules_cfg(&cluster);
    assert!(text.contains("\tnodes pve3\n\tresources vm:900\n\taffinity negative\n\tstrict 1\n"), "{text}");
    w.plan_is_empty();
    w.configure(&rule("{ pve3 = null }", "  strict    = true\n"));
    let plan = w.plan();
    assert_eq!(plan.changed("pve_ha_node_affinity_rule.a"), ["affinity".to_owned()].into());
    w.apply_plan();
    assert!(!rules_cfg(&cluster).contains("affinity positive"), "{}", rules_cfg(&cluster));
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn the_update_from_9_2_0_to_9_2_6_plans_nothing() {
    let Some(cluster) = cluster("the_update_plans_nothing", Release::V9) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&rule("{ pve1 = 2, pve2 = 1 }", ""));
    w.apply();
    // A state of this provider's older releases has neither attribute.
    let state = std::fs::read_to_string(w.path("terraform.tfstate")).unwrap();
    let mut state: Json = serde_json::from_str(&state).unwrap();
    for resource in state["resources"].as_array_mut().unwrap() {
        let attributes = resource["instances"][0]["attributes"].as_object_mut().unwrap();
        attributes.remove("affinity");
        attributes.remove("auto_rebalance");
    }
    w.write("terraform.tfstate", &state.to_string());
    w.plan_is_empty();
    for node in ["pve2", "pve1", "pve3"] {
        install(&cluster, Some(node), NEWER);
        w.plan_is_empty();
    }
    assert_eq!(cluster.api.read("/cluster/ha/rules/tfacc-a")["affinity"], "positive");
    let run = w.apply();
    assert!(run.text.contains("0 added, 0 changed, 0 destroyed"), "{}", run.text);
}

#[test]
fn older_releases_refuse_nodes_to_avoid_at_plan() {
    let recorded = json!({"pve9": {"pve-manager": "9.2.11", "release": "9.2", "pve-ha-manager": "5.2.0"}});
    let mut seed = json!({
        "nodes": [{"node": "pve1", "nodeid": 1, "ring0_addr": "10.0.0.1"}, {"node": "pve3", "nodeid": 3, "ring0_addr": "10.0.0.3"}],
        "guests": [{"vmid": 900, "type": "qemu", "node": "pve1", "name": "tfacc-a", "cores": 1, "memory": 512}],
        "users": [{"userid": "root@pam", "tokens": [{"tokenid": "t", "privsep": 0, "secret": "s"}]}],
    });
    seed["versions"] = recorded;
    seed["files"] = json!({
        "/etc/pve/ha/resources.cfg": "vm: 900\n\n",
        "/etc/pve/ha/rules.cfg": "node-affinity: other\n\tnodes pve1\n\tresources vm:900\n\n",
    });
    let seed = Some(Seed::parse(&seed.to_string()).unwrap());
    for (options, why) in [
        (Options { release: Release::V9, ..Options::default() }, "tfacc-a: pve1 runs 9.2.0"),
        (Options { release: Release::At(OLDER), ..Options::default() }, "tfacc-a: pve1 runs 9.2.5"),
        // pve-manager is newer than its dependencies.
        (Options { seed, ..Options::default() }, "the HA manager of pve1 is older than 5.2.5"),
    ] {
        let Some(cluster) = cluster_with("older_releases_refuse", options) else { return };
        let w = Workspace::new(&cluster);
        w.configure(&off_pve3(""));
        let run = w.plan_fails();
        let error = run.only_error();
        assert!(error.flat().contains(why) && error.flat().contains("reads the rule as its opposite"), "{}", run.text);
        assert!(error.summary.contains("needs PVE 9.2.6 on every node"), "{}", error.summary);
        assert!(error.line.contains("affinity"), "{}", error.line);
        assert_eq!(asked(&cluster), 0, "one version says it all");
        // Where the nodes are to be used it is no trouble.
        w.configure(&rule("{ pve3 = null }", ""));
        w.plan();
    }
}

#[test]
fn every_node_has_to_know_nodes_to_avoid() {
    let Some(cluster) = cluster("every_node_has_to_know", Release::At(NEWER)) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&rule("{ pve3 = null }", ""));
    w.plan();
    assert_eq!(asked(&cluster), 0, "only a rule that is to be negative is worth the requests");
    w.configure(&off_pve3(""));
    install(&cluster, Some("pve2"), OLDER);
    let run = w.plan_fails();
    assert!(run.only_error().flat().contains("tfacc-a: pve2 runs 9.2.5. An older HA manager"), "{}", run.text);
    assert_eq!(asked(&cluster), 3, "one request for each node");
    install(&cluster, Some("pve2"), NEWER);
    cluster.emulator().cluster().world().power("pve3", false);
    let run = w.plan_fails();
    assert!(run.only_error().flat().contains("pve3 does not respond, so its version is unknown"), "{}", run.text);
    cluster.emulator().cluster().world().power("pve3", true);
    w.apply();
    // A rule that is negative already costs nothing, and stays what it is.
    let before = asked(&cluster);
    install(&cluster, Some("pve2"), OLDER);
    w.plan_is_empty();
    assert_eq!(asked(&cluster), before);
}

#[test]
fn an_affinity_known_only_in_apply_is_checked_there() {
    let Some(cluster) = cluster("an_affinity_known_only_in_apply", Release::At(NEWER)) else { return };
    install(&cluster, Some("pve3"), OLDER);
    let w = Workspace::new(&cluster);
    let later = "resource \"terraform_data\" \"later\" {\n  input = \"negative\"\n}\n";
    w.configure(&(later.to_owned() + &rule("{ pve3 = null }", "  affinity  = terraform_data.later.output\n")));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("pve3 runs 9.2.5"), "{}", run.text);
    assert_eq!(rules_cfg(&cluster), "");
}

#[test]
fn nodes_to_avoid_have_no_priorities_and_leave_a_node() {
    let Some(cluster) = cluster("nodes_to_avoid_have_no_priorities", Release::At(NEWER)) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&rule("{ pve2 = 0, pve3 = 2 }", NEGATIVE));
    let run = w.plan_fails();
    let error = run.only_error();
    assert_eq!(error.summary, "Nodes to avoid have no priorities", "{}", run.text);
    assert!(error.flat().contains("write null or 0 for pve3"), "{}", run.text);
    w.configure(&rule("{ pve1 = null, pve2 = null, pve3 = null }", NEGATIVE));
    let run = w.plan_fails();
    let error = run.only_error();
    assert!(error.flat().contains("must not specify all cluster nodes"), "{}", run.text);
    assert!(error.line.contains("nodes"), "{}", error.line);
    w.configure(&rule("{ pve1 = null, pve2 = null }", &format!("{NEGATIVE}  strict    = true\n")));
    let run = w.expect(0, &["plan", "-json"]);
    let reported = run.warnings().iter().map(|warning| warning.flat()).collect::<String>();
    assert!(reported.contains("pve3 as the only node") && reported.contains("Avoid one node less"), "{}", run.text);
}

#[test]
fn auto_rebalance_is_written_and_taken_back() {
    let Some(cluster) = cluster("auto_rebalance_is_written", Release::V9) else { return };
    let w = Workspace::new(&cluster);
    let with = |more: &str| {
        format!(
            "resource \"pve_ha_resource\" \"a\" {{\n  sid   = \"vm:900\"\n  state = \"stopped\"\n{more}}}\n\
             data \"pve_ha_resources\" \"all\" {{\n  depends_on = [pve_ha_resource.a]\n}}\n\
             data \"pve_ha_status\" \"all\" {{\n  depends_on = [pve_ha_resource.a]\n}}\n\
             output \"seen\" {{\n  value = [\n    data.pve_ha_resources.all.resources[0].auto_rebalance,\n    \
             data.pve_ha_status.all.services[0].auto_rebalance,\n    data.pve_ha_status.all.imbalance,\n  ]\n}}\n"
        )
    };
    let file = || cluster.emulator().cluster().world().file("/etc/pve/ha/resources.cfg").to_owned();
    let seen = || {
        let run = w.expect(0, &["output", "-json", "seen"]);
        run.text.lines().collect::<String>().replace(' ', "")
    };
    w.configure(&with("  auto_rebalance = false\n"));
    w.apply();
    assert!(file().contains("\tauto-rebalance 0\n"), "{}", file());
    assert_eq!(seen(), "[false,false,null]");
    w.plan_is_empty();
    w.configure(&with(""));
    w.apply();
    assert!(!file().contains("auto-rebalance"), "{}", file());
    assert_eq!(seen(), "[true,true,null]");
    w.plan_is_empty();
    // What is true by default and what is written as true are the same.
    w.configure(&with("  auto_rebalance = true\n"));
    w.plan_is_empty();
    cluster.api.put("/cluster/ha/resources/vm:900", &[("auto-rebalance", "1")]);
    w.plan_is_empty();
    // Switched off outside of Terraform: one change, and back.
    cluster.api.put("/cluster/ha/resources/vm:900", &[("auto-rebalance", "0")]);
    assert_eq!(w.plan().changed("pve_ha_resource.a"), ["auto_rebalance".to_owned()].into());
    w.apply_plan();
    assert!(!file().contains("auto-rebalance"), "{}", file());
    w.destroy();
}

#[test]
fn the_imbalance_is_shown() {
    let Some(cluster) = cluster("the_imbalance_is_shown", Release::At(NEWER)) else { return };
    let w = Workspace::new(&cluster);
    w.configure(
        "data \"pve_ha_status\" \"all\" {}\noutput \"imbalance\" {\n  value = data.pve_ha_status.all.imbalance\n}\n",
    );
    cluster.api.post("/cluster/ha/resources", &[("sid", "vm:900")]);
    cluster.emulator().cluster().world().write_file("/etc/pve/datacenter.cfg", "crs: ha=static\n");
    cluster.emulator().cluster().world().advance(60.0);
    w.apply();
    // One guest on one of three equal nodes.
    let run = w.expect(0, &["output", "-json", "imbalance"]);
    assert!((run.text.trim().parse::<f64>().unwrap() - 1.0).abs() < 1e-9, "{}", run.text);
}

#[test]
fn releases_without_load_balancer_refuse_auto_rebalance_at_plan() {
    for (release, sid) in [(Release::V8, "vm:900"), (Release::V9Unmigrated, "vm:900")] {
        let Some(cluster) = cluster("releases_without_load_balancer", release) else { return };
        let w = Workspace::new(&cluster);
        let with = |value: &str| {
            format!(
                "resource \"pve_ha_resource\" \"a\" {{\n  sid = {sid:?}\n  state = \"ignored\"\n  auto_rebalance = {value}\n}}\n"
            )
        };
        if release == Release::V8 {
            w.configure(&with("false"));
            let run = w.plan_fails();
            let error = run.only_error();
            assert_eq!(error.summary, "auto_rebalance = false needs PVE 9.2", "{}", run.text);
            assert!(error.flat().contains("runs 8.4.21") && error.line.contains("auto_rebalance"), "{}", run.text);
        }
        w.configure(&with("true"));
        w.apply();
        w.plan_is_empty();
    }
}
