//! `pve_node_maintenance`

use std::collections::BTreeSet;
use std::sync::Arc;

use acceptance_tests::core::{self, Core};
use acceptance_tests::life::{Life, Object, Replacement};
use acceptance_tests::{Cluster, Workspace, runtime};
use pve_emulator::{Options, Release};
use serde_json::json;

fn requested(cluster: &Cluster) -> BTreeSet<String> {
    let status = cluster.api.read("/cluster/ha/status/manager_status");
    let nodes = status["manager_status"]["node_request"].as_object().cloned().unwrap_or_default();
    nodes.into_iter().filter(|(_, request)| request["maintenance"] == 1).map(|(node, _)| node).collect()
}

fn until(what: &str, done: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed() < std::time::Duration::from_secs(300), "{what}");
        std::thread::yield_now();
    }
}

fn end(cluster: &Cluster, node: &str) {
    cluster.run("pve1", &format!("ha-manager crm-command node-maintenance disable {node}"));
    until("the maintenance doesn't end", || !requested(cluster).contains(node));
}

fn life(release: Release, test: &str) {
    let Some(cluster) = Cluster::of_nodes(test, release, 5).map(Arc::new) else { return };
    let _hurry = cluster.hurry();
    for vm in ["vm:100", "vm:101", "vm:102"] {
        cluster.api.post("/cluster/ha/resources", &[("sid", vm)]);
    }
    let object = |name, node: &str| Object::new(name, node, &[("node", &format!("{node:?}"))]);
    let objects = vec![
        object("wait_for_evacuation", "pve1").becomes("false"),
        object("timeouts__gone", "pve2").becomes("block {\n    delete = \"3m\"\n  }"),
    ];
    let replacements = vec![Replacement {
        object: "wait_for_evacuation",
        attribute: "node",
        value: "\"pve3\"".to_owned(),
        id: "pve3".to_owned(),
    }];
    Life {
        kind: "pve_node_maintenance",
        objects,
        replacements,
        removes: Some(end),
        lists: Some(requested),
        ..Life::default()
    }
    .live(&cluster);
    assert!(requested(&cluster).is_empty());
}

#[test]
fn a_life_on_pve_9() {
    life(Release::V9, "node_maintenance::a_life_on_pve_9");
}

#[test]
fn a_life_on_pve_8() {
    life(Release::V8, "node_maintenance::a_life_on_pve_8");
}

fn maintenance(node: &str, more: &str) -> String {
    format!("resource \"pve_node_maintenance\" \"a\" {{\n  node = \"{node}\"\n{more}}}\n")
}

fn node_of(cluster: &Cluster, sid: &str) -> String {
    let status = cluster.api.read("/cluster/ha/status/manager_status");
    status["manager_status"]["service_status"][sid]["node"].as_str().unwrap_or_default().to_owned()
}

fn state_of(cluster: &Cluster, sid: &str) -> String {
    let status = cluster.api.read("/cluster/ha/status/manager_status");
    status["manager_status"]["service_status"][sid]["state"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn services_leave_the_node_and_come_back() {
    let name = "node_maintenance::services_leave_the_node_and_come_back";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    let _hurry = cluster.hurry();
    let vms = cluster.guests(3, 0).vms;
    let sids: Vec<String> = vms.iter().map(|vm| format!("vm:{vm}")).collect();
    for sid in &sids {
        cluster.api.post("/cluster/ha/resources", &[("sid", sid)]);
    }
    until("the services don't start", || sids.iter().all(|sid| state_of(&cluster, sid) == "started"));
    let there: Vec<&String> = sids.iter().filter(|sid| node_of(&cluster, sid) == "pve2").collect();
    assert!(!there.is_empty());
    let w = Workspace::new(&cluster);
    w.configure(&maintenance("pve2", ""));
    assert!(w.apply().warnings().is_empty());
    assert!(there.iter().all(|sid| node_of(&cluster, sid) != "pve2"));
    assert_eq!(w.attributes("pve_node_maintenance.a")["evacuated"], true);
    w.plan_is_empty();
    w.destroy();
    until("the services don't come back", || there.iter().all(|sid| node_of(&cluster, sid) == "pve2"));
}

#[test]
fn what_can_not_leave_is_named_and_waited_for_again() {
    let name = "node_maintenance::what_can_not_leave_is_named_and_waited_for_again";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    let _hurry = cluster.hurry();
    let vm = cluster.guests(3, 0).vms[1].clone();
    let (sid, node) = (format!("vm:{vm}"), cluster.node_of(&vm));
    cluster.api.post("/cluster/ha/resources", &[("sid", &sid)]);
    let bound = [
        ("rule", "bound"),
        ("type", "node-affinity"),
        ("resources", sid.as_str()),
        ("nodes", node.as_str()),
        ("strict", "1"),
    ];
    cluster.api.post("/cluster/ha/rules", &bound);
    until("the service doesn't start", || state_of(&cluster, &sid) == "started");
    let w = Workspace::new(&cluster);
    // The plan says what will stay, and the wait ends by itself soon after nothing moves any more.
    w.configure(&maintenance(&node, ""));
    let run = w.expect(0, &["plan", "-json"]);
    let stays = format!("{node}: {sid} (rule bound) has no other node to run on that is online");
    assert!(run.warnings().iter().any(|warning| warning.detail.contains(&stays)), "{}", run.text);
    let reported = w.apply().warnings().iter().map(|warning| warning.flat()).collect::<String>();
    assert!(
        reported.contains(&format!("- {sid} is started, and has no other node to run on that is online: rule bound"))
            && reported.contains("check its rules"),
        "{reported}"
    );
    assert!(!w.is_tainted("pve_node_maintenance.a"));
    assert_eq!(w.plan().changed("pve_node_maintenance.a"), BTreeSet::from(["evacuated".to_owned()]));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains(&format!("- {sid} is started")), "{}", run.text);
    // Whoever doesn't wait has nothing to do.
    let kept = maintenance(&node, "  wait_for_evacuation = false\n");
    w.configure(&kept);
    w.apply();
    w.plan_is_empty();
    assert_eq!(w.attributes("pve_node_maintenance.a")["evacuated"], false);
    // Whoever imports it has nothing to do either.
    let listing = runtime::block_on(async {
        Core::new(&cluster, &[]).await.provider().resource("pve_node_maintenance").unwrap().list_all().await
    });
    assert_eq!(listing.objects[0].object.at("wait_for_evacuation"), &false.into());
    // Once the rule is gone, the waiting has an end.
    w.configure(&maintenance(&node, ""));
    cluster.api.delete("/cluster/ha/rules/bound", &[]);
    w.apply();
    w.plan_is_empty();
    assert_eq!(w.attributes("pve_node_maintenance.a")["evacuated"], true);
    w.destroy();
}

#[test]
fn what_the_ha_manager_has_not_taken_yet_is_not_lost() {
    let name = "node_maintenance::what_the_ha_manager_has_not_taken_yet_is_not_lost";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    // No round passes.
    cluster.emulator().cluster().world().clock.stop();
    let wanted = json!({"node": "pve1"});
    let mut object = core::Object::new("pve_node_maintenance");
    let said = runtime::block_on(async {
        let core = Core::new(&cluster, &[]).await;
        let interrupt = async {
            while !cluster.shared_file("/etc/pve/ha/crm_commands").unwrap_or_default().contains("enable") {
                tokio::task::yield_now().await;
            }
            core.stop();
        };
        tokio::join!(core.apply(&mut object, Some(&wanted)), interrupt).0
    });
    assert!(!said.has_error() && !object.is_tainted && !object.state.is_null(), "{said:?}");
    assert!(requested(&cluster).is_empty());
    // Whoever ends it at once, ends it.
    let said = runtime::block_on(async { Core::new(&cluster, &[]).await.apply(&mut object, None).await });
    assert!(!said.has_error() && object.state.is_null(), "{said:?}");
    cluster.emulator().cluster().world().advance(60.0);
    assert!(requested(&cluster).is_empty());
}

#[test]
fn what_the_ha_manager_would_ignore_is_refused() {
    let name = "node_maintenance::what_the_ha_manager_would_ignore_is_refused";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&maintenance("nosuch", ""));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("Its nodes are pve1, pve2 and pve3"), "{}", run.text);
    {
        let mut world = cluster.emulator().cluster().world();
        world.power("pve3", false);
        world.advance(30.0);
    }
    w.configure(&maintenance("pve3", ""));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("is not online"), "{}", run.text);
    assert!(run.only_error().line.starts_with("node"), "{}", run.text);
    cluster.emulator().cluster().world().power("pve3", true);
    let _hurry = cluster.hurry();
    cluster.run("pve1", "ha-manager crm-command disarm-ha freeze");
    until("it isn't disarmed", || {
        cluster.api.read("/cluster/ha/status/manager_status")["manager_status"]["disarm"].is_object()
    });
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("HA is disarmed"), "{}", run.text);
    assert!(w.state().is_empty() && requested(&cluster).is_empty());
}

#[test]
fn a_cluster_that_never_used_ha_takes_it_too() {
    let name = "node_maintenance::a_cluster_that_never_used_ha_takes_it_too";
    let fresh = Options { ssh: true, initial: pve_emulator::Initial::Fresh, ..Options::default() };
    let Some(cluster) = Cluster::own(name, fresh).map(Arc::new) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&maintenance("pve1", ""));
    w.apply();
    assert_eq!(requested(&cluster), BTreeSet::from(["pve1".to_owned()]));
    w.destroy();
}

/// Proxmox turns a replication job round with its guest; the plan sees the same job, before, during and after the maintenance.
#[test]
fn a_replicated_guest_leaves_and_comes_back_and_nothing_is_planned() {
    let name = "node_maintenance::a_replicated_guest_leaves_and_comes_back_and_nothing_is_planned";
    let Some(cluster) = Cluster::of_size(name, Release::V9, 3, 3).map(Arc::new) else { return };
    let _hurry = cluster.hurry();
    let home = cluster.node_of("101");
    let target = cluster.nodes().into_iter().find(|node| *node != home).unwrap();
    let replicated = format!(
        "resource \"pve_ha_resource\" \"r\" {{\n  sid = \"vm:101\"\n  wait_for_state = true\n}}\n\
         resource \"pve_replication_job\" \"j\" {{\n  guest = 101\n  target = {target:?}\n  schedule = \"*/1\"\n}}\n\
         resource \"pve_ha_node_affinity_rule\" \"n\" {{\n  name = \"pair\"\n  resources = [pve_ha_resource.r.sid]\n  strict = true\n  \
         nodes = {{ {home} = 2, {target} = 1 }}\n}}\n"
    );
    let w = Workspace::new(&cluster);
    w.configure(&replicated);
    w.apply();
    w.plan_is_empty();
    let copies_to = || w.attributes("pve_replication_job.j")["copies_to"].clone();
    assert_eq!(copies_to(), target);
    w.configure(&(replicated.clone() + &maintenance(&home, "")));
    w.apply();
    assert_eq!(node_of(&cluster, "vm:101"), target);
    assert_eq!(cluster.api.list("/cluster/replication", "id").len(), 1);
    let turned = || cluster.api.list("/cluster/replication", "id").into_values().next().unwrap()["target"].clone();
    until("the job isn't turned round", || turned() == home.as_str());
    w.plan_is_empty();
    w.apply();
    assert_eq!(copies_to(), home);
    w.configure(&replicated);
    w.apply();
    until("the guest doesn't come back", || node_of(&cluster, "vm:101") == home && turned() == target.as_str());
    w.plan_is_empty();
    w.apply();
    assert_eq!(copies_to(), target);
    w.destroy();
}
