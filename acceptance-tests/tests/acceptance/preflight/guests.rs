//! Guests, their HA resources and groups, and what the user may do with them.

use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};

use super::{Bench, GROUP, JOB, NODE_RULE, RESOURCE, node_rule, two_nodes, with};

fn bench(test: &str, release: Release) -> Option<Bench> {
    Bench::new(&format!("preflight::guests::{test}"), release)
}

#[test]
fn guests_that_do_not_exist() {
    let Some(b) = bench("guests_that_do_not_exist", Release::V9) else { return };
    let check = "missing-guest";
    b.create(RESOURCE, json!({"sid": "vm:777"})).warns(check, "sid", &["no guest 777", "Unless this apply creates it"]);
    b.create(RESOURCE, json!({"sid": "vm:100"})).not(check);
    b.create(RESOURCE, json!({"sid": "ct:100"})).warns(check, "sid", &["a virtual machine", "`vm:100`"]);
    b.create(RESOURCE, json!({"sid": "vm:950"})).warns(check, "sid", &["a container", "`ct:950`"]);
    b.create(JOB, json!({"guest": 777, "target": "pve2"})).warns(check, "guest", &["no guest 777"]);
    b.create(JOB, json!({"guest": 950, "target": "pve2"})).not(check);
    b.create_partly(RESOURCE, json!({}), &["sid"]).nothing();
}

#[test]
fn a_guest_that_was_removed_while_its_ha_resource_stays() {
    let Some(b) = bench("a_guest_that_was_removed_while_its_ha_resource_stays", Release::V9) else { return };
    let (check, gone) = ("missing-guest", json!({"sid": "vm:100"}));
    b.manage("vm:100");
    b.manage("vm:101");
    b.cluster.emulator().cluster().world().remove_guest(100);
    // Nothing else need be planned.
    let b = b.anew();
    let said = b.keep(RESOURCE, gone.clone());
    said.warns(check, "", &["vm:100: guest 100 no longer exists", "Remove the HA resource"]);
    assert_eq!(said.of(check).unwrap().summary, "The guest does not exist: vm:100");
    b.keep(RESOURCE, json!({"sid": "vm:101"})).not(check);
    b.create(RESOURCE, json!({"sid": "vm:102"})).not(check);
    // Changed, it says no more than that, and destroyed, it says nothing.
    let b = b.anew();
    b.change(RESOURCE, gone.clone(), with(gone.clone(), json!({"comment": "x"}))).warns(
        check,
        "",
        &["no longer exists"],
    );
    let b = b.anew();
    b.create(RESOURCE, json!({"sid": "vm:102"})).not(check);
    b.destroy(RESOURCE, gone).not(check);
}

#[test]
fn a_plan_without_changes_warns_of_a_removed_guest() {
    let name = "preflight::guests::a_plan_without_changes_warns_of_a_removed_guest";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure("resource \"pve_ha_resource\" \"a\" {\n  sid = \"vm:100\"\n}\n");
    w.apply();
    let reported = || {
        let run = w.expect(0, &["plan", "-json", "-detailed-exitcode"]);
        run.warnings().iter().filter(|warning| warning.summary == "The guest does not exist: vm:100").count()
    };
    assert_eq!(reported(), 0);
    cluster.emulator().cluster().world().remove_guest(100);
    assert_eq!(reported(), 1);
    // An object that the plan removes is not reported.
    w.configure("");
    assert!(!w.expect(0, &["plan", "-json"]).text.contains("does not exist"));
}

/// Proxmox VE 8 looks at the type of a guest only when it starts it.
#[test]
fn a_container_that_is_a_virtual_machine_ends_in_the_error_state_on_pve_8() {
    let name = "preflight::guests::a_container_that_is_a_virtual_machine_ends_in_the_error_state_on_pve_8";
    let options = Options { release: Release::V8, ..Options::default() };
    let Some(cluster) = Cluster::own(name, options).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure("resource \"pve_ha_resource\" \"a\" {\n  sid = \"ct:100\"\n  wait_for_state = true\n}\n");
    let plan = w.expect(0, &["plan", "-json"]);
    let warned = plan.warnings().into_iter().find(|warning| warning.summary == "The guest does not exist: ct:100");
    let warned = warned.unwrap_or_else(|| panic!("no warning: {}", plan.text)).flat();
    for part in
        ["guest 100 is a virtual machine, so its HA resource is `vm:100`", "its service ends in the error state"]
    {
        assert!(warned.contains(part), "{warned}");
    }
    let hurry = cluster.hurry();
    let applied = w.apply();
    drop(hurry);
    assert_eq!(cluster.api.read("/cluster/ha/resources/ct:100")["sid"], "ct:100");
    let status = cluster.api.read("/cluster/ha/status/manager_status");
    assert_eq!(status["manager_status"]["service_status"]["ct:100"]["state"], "error", "{status}");
    let reported = applied.warnings().iter().any(|warning| warning.flat().contains("ct:100: it is in the error state"));
    assert!(reported, "{}", applied.text);
}

#[test]
fn a_guest_that_the_user_can_not_see_is_not_said_to_be_missing() {
    let name = "preflight::guests::a_guest_that_the_user_can_not_see_is_not_said_to_be_missing";
    let options = Options { seed: Some(two_nodes(&[("/vms/100", "PVEAuditor")])), ..Options::default() };
    let Some(b) = Bench::on(name, options, &[("api_token", json!("a@pve!t=s"))]) else { return };
    b.create(RESOURCE, json!({"sid": "vm:101"})).not("missing-guest");
    b.keep(RESOURCE, json!({"sid": "vm:101"})).not("missing-guest");
    b.create(RESOURCE, json!({"sid": "ct:100"})).warns("missing-guest", "sid", &["`vm:100`"]);
}

#[test]
fn services_in_error() {
    let Some(b) = bench("services_in_error", Release::V9) else { return };
    let check = "service-in-error";
    {
        let mut world = b.cluster.emulator().cluster().world();
        world.clock.stop();
        world.guests.get_mut(&100).unwrap().start_fails = true;
    }
    b.cluster.api.post("/cluster/ha/resources", &[("sid", "vm:100"), ("max_restart", "0"), ("max_relocate", "0")]);
    b.manage("vm:101");
    b.cluster.emulator().cluster().world().advance(120.0);
    let prior = json!({"sid": "vm:100", "max_restart": 0, "max_relocate": 0});
    let said = b.change(RESOURCE, prior.clone(), with(prior.clone(), json!({"comment": "x"})));
    said.warns(check, "state", &["vm:100: it is in the error state", "`state = \"disabled\"`"]);
    b.change(RESOURCE, prior.clone(), with(prior, json!({"state": "disabled"}))).not(check);
    b.change(RESOURCE, json!({"sid": "vm:101"}), json!({"sid": "vm:101", "comment": "x"})).not(check);
    let two = json!({"pve1": 1, "pve2": 1});
    b.create(NODE_RULE, node_rule("aa", &["vm:100", "vm:101"], two.clone())).warns(
        check,
        "resources",
        &["vm:100 is in"],
    );
    b.create(NODE_RULE, node_rule("aa", &["vm:101"], two)).not(check);
}

#[test]
fn no_relocation() {
    let Some(b) = bench("no_relocation", Release::V9) else { return };
    let check = "no-relocation";
    b.create(RESOURCE, json!({"sid": "vm:100", "max_relocate": 0})).warns(check, "max_relocate", &["vm:100"]);
    b.create(RESOURCE, json!({"sid": "vm:100", "max_relocate": 1})).not(check);
    b.create(RESOURCE, json!({"sid": "vm:100", "max_relocate": 0, "state": "ignored"})).not(check);
    b.create_partly(RESOURCE, json!({"sid": "vm:100"}), &["max_relocate"]).not(check);
}

#[test]
fn groups_that_do_not_exist() {
    let Some(b) = bench("groups_that_do_not_exist", Release::V8) else { return };
    let check = "missing-group";
    b.cluster.api.post("/cluster/ha/groups", &[("group", "live"), ("nodes", "pve1")]);
    b.create(RESOURCE, json!({"sid": "vm:100", "group": "web"})).warns(check, "group", &["no HA group web"]);
    b.create(RESOURCE, json!({"sid": "vm:100", "group": "live"})).not(check);
    b.create(GROUP, json!({"name": "web", "nodes": {"pve1": 1}}));
    b.create(RESOURCE, json!({"sid": "vm:100", "group": "web"})).not(check);
    b.create_partly(RESOURCE, json!({"sid": "vm:100"}), &["group"]).not(check);
}

#[test]
fn groups_that_are_still_in_use() {
    let Some(b) = bench("groups_that_are_still_in_use", Release::V8) else { return };
    let check = "group-in-use";
    let group = json!({"name": "web", "nodes": {"pve1": 1}});
    b.cluster.api.post("/cluster/ha/groups", &[("group", "web"), ("nodes", "pve1")]);
    b.destroy(GROUP, group.clone()).not(check);
    b.cluster.api.post("/cluster/ha/resources", &[("sid", "vm:100"), ("group", "web")]);
    let b = b.anew();
    b.destroy(GROUP, group.clone()).warns(check, "", &["web: it is the group of vm:100"]);
    let renamed = json!({"name": "www", "nodes": {"pve1": 1}});
    b.change(GROUP, group.clone(), renamed).warns(check, "", &["web: it is", "create_before_destroy"]);
    b.change(RESOURCE, json!({"sid": "vm:100", "group": "web"}), json!({"sid": "vm:100"}));
    b.destroy(GROUP, group).not(check);
}

#[test]
fn a_rule_that_goes_on_naming_what_is_destroyed() {
    let Some(b) = bench("a_rule_that_goes_on_naming_what_is_destroyed", Release::V9) else { return };
    let check = "named-by-rule";
    let web = json!({"sid": "vm:100"});
    b.manage("vm:100");
    b.manage("vm:101");
    b.rule("aa", "node-affinity", "vm:100,vm:101", ("nodes", "pve1"));
    b.destroy(RESOURCE, web.clone()).warns(check, "", &["vm:100: the rule aa still names it"]);
    b.destroy(RESOURCE, with(web.clone(), json!({"purge_rules": true}))).not(check);
    b.destroy(RESOURCE, json!({"sid": "vm:102"})).not(check);
    let rule = node_rule("aa", &["vm:100", "vm:101"], json!({"pve1": 0}));
    let b = b.anew();
    b.change(NODE_RULE, rule.clone(), with(rule.clone(), json!({"resources": ["vm:101"]})));
    b.destroy(RESOURCE, web.clone()).not(check);
    let b = b.anew();
    b.destroy(NODE_RULE, rule);
    b.destroy(RESOURCE, web).not(check);
}

#[test]
fn missing_privileges() {
    let check = "missing-privileges";
    let with_roles = |release, roles: &[(&str, &str)]| {
        let options = Options { release, seed: Some(two_nodes(roles)), ..Options::default() };
        Bench::on("preflight::guests::missing_privileges", options, &[("api_token", Json::from("a@pve!t=s"))])
    };
    let web = json!({"sid": "vm:100"});
    let job = json!({"guest": 100, "target": "pve2"});
    let Some(b) = with_roles(Release::V9, &[("/", "PVEAuditor")]) else { return };
    b.create(RESOURCE, web.clone()).warns(check, "", &["Sys.Console on /", "pveum acl modify / --users a@pve"]);
    // Reported once.
    b.create(RESOURCE, json!({"sid": "vm:101"})).not(check);
    b.create(JOB, job.clone()).warns(check, "", &["VM.Replicate on /vms/100"]);
    b.create("pve_datacenter_options", json!({"keyboard": "de"})).warns(check, "", &["Sys.Modify on /"]);

    let Some(b) = with_roles(Release::V9, &[("/", "Administrator")]) else { return };
    b.create(RESOURCE, web).not(check);
    b.create(JOB, job.clone()).not(check);
    b.create("pve_datacenter_options", json!({"keyboard": "de"})).not(check);

    let Some(b) = with_roles(Release::V8, &[("/", "PVEAuditor")]) else { return };
    b.create(JOB, job.clone()).warns(check, "", &["Datastore.Allocate on /storage"]);
    let Some(b) = with_roles(Release::V8, &[("/", "PVEAuditor"), ("/storage", "PVEDatastoreAdmin")]) else { return };
    b.create(JOB, job).not(check);
}
