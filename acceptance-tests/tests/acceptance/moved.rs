//! From the bpg provider to this one by a `moved` block for each object.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace, cli};
use pve_emulator::Release;
use serde_json::{Value as Json, json};

#[test]
fn what_another_provider_has_made_plans_empty() {
    let Some(cluster) = Cluster::of("moved::what_another_provider_has_made_plans_empty", Release::V9).map(Arc::new)
    else {
        return;
    };
    let sids = cluster.guests(2, 0).sids();
    let listed = sids.join(",");
    let node = &cluster.nodes()[0];
    for sid in &sids {
        cluster.api.post("/cluster/ha/resources", &[("sid", sid), ("state", "ignored"), ("comment", "web")]);
    }
    let rule = |name: &str, kind: &str, more: (&str, &str)| {
        cluster.api.post("/cluster/ha/rules", &[("rule", name), ("type", kind), ("resources", &listed), more]);
    };
    rule("tfacc-near", "node-affinity", ("nodes", &format!("{node}:2")));
    rule("tfacc-apart", "resource-affinity", ("affinity", "positive"));

    let w = Workspace::new(&cluster);
    let resource =
        |sid: &str| json!({"id": sid, "resource_id": sid, "state": "ignored", "comment": "web", "type": "vm"});
    let near = json!({"id": "tfacc-near", "rule": "tfacc-near", "type": "node-affinity", "resources": sids, "nodes": {node: 2}, "strict": false, "disable": false});
    let apart = json!({"id": "tfacc-apart", "rule": "tfacc-apart", "type": "resource-affinity", "resources": sids, "affinity": "positive", "disable": false});
    let objects = [
        ("proxmox_virtual_environment_haresource", "a", resource(&sids[0])),
        ("proxmox_haresource", "b", resource(&sids[1])),
        ("proxmox_harule", "near", near),
        ("proxmox_virtual_environment_harule", "apart", apart),
    ];
    write_state(&w, &objects);
    let moves = [
        ("proxmox_virtual_environment_haresource.a", "pve_ha_resource.a"),
        ("proxmox_haresource.b", "pve_ha_resource.b"),
        ("proxmox_harule.near", "pve_ha_node_affinity_rule.near"),
        ("proxmox_virtual_environment_harule.apart", "pve_ha_resource_affinity_rule.apart"),
    ];
    let moves = moves.map(|(from, to)| format!("moved {{\n  from = {from}\n  to   = {to}\n}}\n")).concat();
    let resources = |name: &str, sid: &str| {
        format!(
            "resource \"pve_ha_resource\" \"{name}\" {{\n  sid = {sid:?}\n  state = \"ignored\"\n  comment = \"web\"\n}}\n"
        )
    };
    w.configure(&format!(
        "{moves}{}{}resource \"pve_ha_node_affinity_rule\" \"near\" {{\n  name = \"tfacc-near\"\n  resources = {sids:?}\n  nodes = {{ {node} = 2 }}\n}}\n\
         resource \"pve_ha_resource_affinity_rule\" \"apart\" {{\n  name = \"tfacc-apart\"\n  resources = {sids:?}\n  affinity = \"positive\"\n  \
         depends_on = [pve_ha_resource.a, pve_ha_resource.b]\n}}\n",
        resources("a", &sids[0]),
        resources("b", &sids[1]),
    ));
    let plan = w.plan();
    assert!(plan.changes().is_empty(), "{:?}", plan.changes());
    w.apply_plan();
    w.plan_is_empty();
    let kinds: Vec<String> = w.state().into_iter().map(|(address, _)| address).collect();
    assert!(kinds.len() == 4 && kinds.iter().all(|address| address.starts_with("pve_")), "{kinds:?}");
    w.destroy();
}

/// A state as the other provider leaves it. Core wants that provider at hand, although it never asks it anything.
fn write_state(w: &Workspace, objects: &[(&str, &str, Json)]) {
    let resources: Vec<Json> = objects
        .iter()
        .map(|(kind, name, attributes)| {
            json!({"mode": "managed", "type": kind, "name": name, "provider": "provider[\"registry.terraform.io/bpg/proxmox\"]",
                   "instances": [{"schema_version": 0, "attributes": attributes, "private": "b3RoZXI="}]})
        })
        .collect();
    let state = json!({"version": 4, "terraform_version": "1.5.0", "serial": 1, "lineage": "a", "outputs": {}, "resources": resources});
    w.write("terraform.tfstate", &state.to_string());
    let folder = w.path("other");
    std::fs::create_dir(&folder).unwrap();
    symlink(cli::provider_folder().join("terraform-provider-pve"), folder.join("terraform-provider-proxmox")).unwrap();
    let both = cli::configuration(&cli::provider_folder())
        .replace("dev_overrides {\n", &format!("dev_overrides {{\n    \"bpg/proxmox\" = {folder:?}\n"));
    w.write("cli.tfrc", &both);
}
