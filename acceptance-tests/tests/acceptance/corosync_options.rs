//! `pve_corosync_options` and `pve_cluster_join_info`

use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release, Seed};
use serde_json::{Value as Json, json};

const FILE: &str = "/etc/pve/corosync.conf";
const DRAFT: &str = "/etc/pve/corosync.conf.new";
const ADDRESS: &str = "pve_corosync_options.a";

fn options(body: &str) -> String {
    format!("resource \"pve_corosync_options\" \"a\" {{\n{body}}}\n")
}

/// A second link, on the addresses of [`cluster`].
fn second(priority: u32) -> String {
    format!(
        "  link {{\n    number = 1\n    priority = {priority}\n    addresses = {{\n      pve1 = \"10.1.0.1\"\n      pve2 = \
         \"10.1.0.2\"\n      pve3 = \"10.1.0.3\"\n    }}\n  }}\n"
    )
}

/// Three nodes that have addresses in a second network.
pub(crate) fn with_second_network(cluster: &Cluster) {
    let mut world = cluster.emulator().cluster().world();
    for (at, node) in ["pve1", "pve2", "pve3"].iter().enumerate() {
        if let Some(machine) = world.machines.get_mut(*node) {
            machine.more_addresses = vec![format!("10.1.0.{}", at + 1)];
        }
    }
}

fn cluster(test: &str, release: Release) -> Option<Arc<Cluster>> {
    let cluster = Cluster::of_nodes(test, release, 3).map(Arc::new)?;
    with_second_network(&cluster);
    Some(cluster)
}

fn conf(cluster: &Cluster) -> String {
    cluster.shared_file(FILE).unwrap()
}

fn version(cluster: &Cluster) -> i64 {
    totem(cluster)["config_version"].as_str().unwrap().parse().unwrap()
}

fn without_version(text: &str) -> String {
    text.lines().filter(|line| !line.contains("config_version")).collect::<Vec<_>>().join("\n")
}

/// What the cluster runs with.
fn totem(cluster: &Cluster) -> Json {
    cluster.api.read("/cluster/config/totem")
}

/// A person edits the file.
fn by_hand(cluster: &Cluster, from: &str, to: &str) {
    let text = conf(cluster);
    assert!(text.contains(from), "{from:?} is not in\n{text}");
    let next = format!("config_version: {}\n", version(cluster) + 1);
    let text = text.replace(from, to);
    let text: String = text
        .split_inclusive('\n')
        .map(|line| if line.trim().starts_with("config_version") { format!("  {next}") } else { line.to_owned() })
        .collect();
    cluster.write_shared_file(FILE, &text);
    // Until the nodes run it.
    while totem(cluster)["config_version"] != next.trim().rsplit(' ').next().unwrap() {
        cluster.api.control("advance", &json!({"seconds": 1}));
    }
}

fn life(release: Release, test: &str) {
    let Some(cluster) = cluster(test, release) else { return };
    let _hurry = cluster.hurry();
    let before = conf(&cluster);
    let first = version(&cluster);
    let w = Workspace::new(&cluster);
    let body = format!(
        "  token = 4000\n  token_coefficient = 125\n  link {{\n    number = 0\n    priority = 20\n  }}\n{}",
        second(10)
    );
    w.configure(&options(&body));
    assert_eq!(w.plan().changes(), [format!("{ADDRESS} create")]);
    w.apply_plan();
    w.plan_is_empty();
    assert_eq!(version(&cluster), first + 1);
    let running = totem(&cluster);
    assert_eq!((&running["token"], &running["token_coefficient"]), (&json!("4000"), &json!("125")));
    assert_eq!(running["interface"]["1"]["knet_link_priority"], "10");
    assert_eq!(w.attributes(ADDRESS)["in_effect"], true);
    for node in ["pve1", "pve2", "pve3"] {
        assert_eq!(cluster.node_file(node, "/etc/corosync/corosync.conf").unwrap(), conf(&cluster), "{node}");
        assert!(cluster.run(node, "corosync-cfgtool -s").contains("LINK ID 1 udp"));
    }

    // What a person changes shows, and is put right.
    by_hand(&cluster, "token: 4000", "token: 9000");
    let plan = w.plan();
    assert_eq!(plan.changed(ADDRESS).into_iter().collect::<Vec<_>>(), ["token"]);
    w.apply_plan();
    w.plan_is_empty();
    assert_eq!(totem(&cluster)["token"], "4000");
    // What is not managed is not looked at.
    by_hand(&cluster, "to_syslog: yes", "to_syslog: no");
    w.plan_is_empty();

    // Import, by block and by id.
    let state = w.attributes(ADDRESS);
    let fresh = Workspace::new(&cluster);
    fresh.configure(&format!("import {{\n  to = {ADDRESS}\n  id = \"corosync\"\n}}\n"));
    let plan = fresh.plan_with(&["-generate-config-out=generated.tf"]);
    assert!(plan.changes().is_empty() && plan.imports() == 1, "{:?}", plan.changes());
    w.expect(0, &["state", "rm", ADDRESS]);
    w.expect(0, &["import", "-no-color", ADDRESS, "corosync"]);
    assert_eq!(w.attributes(ADDRESS), state);
    w.plan_is_empty();

    // An option that is not configured any more returns to the default; a link that is not, goes.
    w.configure(&options("  token_coefficient = 125\n  link {\n    number = 0\n    priority = 5\n  }\n"));
    w.apply();
    w.plan_is_empty();
    let running = totem(&cluster);
    assert_eq!((&running["token"], &running["interface"]["1"]), (&Json::Null, &Json::Null));
    assert!(!conf(&cluster).contains("ring1_addr"), "{}", conf(&cluster));
    w.destroy();
    let expected = before.replace("to_syslog: yes", "to_syslog: no");
    assert_eq!(without_version(&conf(&cluster)), without_version(&expected));
    assert_eq!(cluster.shared_file(DRAFT), None);
    assert_eq!(cluster.run("pve1", "ls /etc/pve/priv/lock"), "");
}

#[test]
fn a_life_on_pve_9() {
    life(Release::V9, "corosync_options::a_life_on_pve_9");
}

#[test]
fn a_life_on_pve_8() {
    life(Release::V8, "corosync_options::a_life_on_pve_8");
}

#[test]
fn a_broken_rule_is_an_error_of_the_plan() {
    let Some(cluster) = cluster("corosync_options::a_broken_rule_is_an_error_of_the_plan", Release::V9) else { return };
    let w = Workspace::new(&cluster);
    let before = conf(&cluster);
    let link = |body: &str| options(&format!("  link {{\n    number = 1\n    {body}\n  }}\n"));
    for (configuration, says) in [
        (link("addresses = { pve1 = \"10.1.0.1\", pve2 = \"10.1.0.2\" }"), "pve3 has no address on link 1"),
        (link("priority = 3"), "The cluster has no link 1"),
        (
            options(&second(1).replace("10.1.0.2", "10.1.0.9")),
            "pve2 has no interface with the address 10.1.0.9 that is up",
        ),
        (options(&second(1).replace("10.1.0.2", "10.1.0.1")), "Each address can be used once"),
        (options(&second(1).replace("10.1.0.2", "10.0.0.1")), "10.0.0.1 is the address of pve1 on link 0"),
        (options(&second(1).replace("pve3", "pve4")), "pve4 is not a node of the cluster"),
        (options(&second(1).replace("number = 1", "number = 8")), "at most 7"),
        (options(&second(1).replace("10.1.0.2", "pve2.example")), "must be an IP address"),
        (options(&second(1).replace("number = 1", "number = 0")), "the nodes would lose each other"),
        (options("  token = 10\n"), "at least 1000"),
        (options("  link_mode = \"both\"\n"), "passive"),
    ] {
        w.configure(&configuration);
        let run = w.plan_fails();
        assert!(run.errors().iter().any(|error| error.flat().contains(says)), "{says}: {}", run.text);
    }
    w.configure(&options("  token = 59000\n"));
    let said = w.apply().warnings().iter().map(|warning| warning.flat()).collect::<String>();
    assert!(said.contains("takes long to form a membership"), "{said}");
    w.destroy();
    assert_eq!(without_version(&conf(&cluster)), without_version(&before));
}

#[test]
fn nothing_is_written_unless_every_node_is_there_and_every_link_is_up() {
    let test = "corosync_options::nothing_is_written_unless_every_node_is_there_and_every_link_is_up";
    let Some(cluster) = cluster(test, Release::V9) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&options("  token = 5000\n"));
    let before = conf(&cluster);
    let printed = "LINK ID 0 udp\n\taddr\t= 10.0.0.2\n\tstatus:\n\t\tnodeid:          1:\tdisconnected\n\t\tnodeid:          \
                   2:\tlocalhost\n\t\tnodeid:          3:\tconnected\n";
    cluster.command_fault(json!({
        "kind": "fail", "exit": 0, "count": null, "node": "pve2", "command": "corosync-cfgtool -s", "stdout": printed
    }));
    let run = w.apply_fails();
    let error = run.only_error().flat();
    assert!(error.contains("pve2: link 0 to pve1 is disconnected") && error.contains("Nothing was changed"), "{error}");
    cluster.clear_command_faults();
    cluster.command_fault(json!({
        "kind": "fail", "exit": 0, "count": null, "node": "pve3", "command": "corosync-cmapctl", "stdout":
        "totem.config_version (u64) = 1\n"
    }));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("pve3 runs version 1; the file has"), "{}", run.text);
    cluster.clear_command_faults();
    cluster.api.control("fail", &json!({"node": "pve3"}));
    while cluster
        .api
        .read("/cluster/status")
        .as_array()
        .unwrap()
        .iter()
        .any(|row| row["name"] == "pve3" && row["online"] == 1)
    {
        cluster.api.control("advance", &json!({"seconds": 1}));
    }
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("all nodes have to be online, and pve3 is not"), "{}", run.text);
    assert_eq!(conf(&cluster), before);
    assert_eq!(cluster.run("pve1", "ls /etc/pve/priv/lock"), "");
}

#[test]
fn a_node_that_runs_an_older_version_is_a_change_and_is_made_to_load_the_file() {
    let test = "corosync_options::a_node_that_runs_an_older_version_is_a_change_and_is_made_to_load_the_file";
    let Some(cluster) = cluster(test, Release::V9) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&options("  token = 5000\n"));
    w.apply();
    let before = version(&cluster);
    let old = json!({
        "kind": "fail", "exit": 0, "count": null, "node": "pve2", "command": "corosync-cmapctl", "stdout":
        "totem.config_version (u64) = 1\n"
    });
    cluster.command_fault(old.clone());
    let plan = w.plan();
    assert_eq!(plan.changes(), [format!("{ADDRESS} update")]);
    assert_eq!(plan.changed(ADDRESS).into_iter().collect::<Vec<_>>(), ["in_effect"]);
    let commands = cluster.emulator().commands();
    commands.reset();
    cluster.clear_command_faults();
    // It answers so once more, and then it has loaded the file.
    let mut once = old;
    once["count"] = 2.into();
    cluster.command_fault(once);
    w.apply_plan();
    let loads =
        commands.log().iter().filter(|entry| entry["command"].to_string().contains("corosync-cfgtool -R")).count();
    assert_eq!(loads, 1, "{:?}", commands.log());
    cluster.clear_command_faults();
    w.plan_is_empty();
    assert_eq!(version(&cluster), before, "the file was written again");
}

#[test]
fn what_a_person_changes_meanwhile_is_never_overwritten() {
    let test = "corosync_options::what_a_person_changes_meanwhile_is_never_overwritten";
    let Some(cluster) = cluster(test, Release::V9) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&options("  token = 5000\n"));
    w.apply();
    w.configure(&options("  token = 6000\n"));
    w.plan();
    by_hand(&cluster, "token: 5000", "token: 7000");
    let run = w.expect(1, &["apply", "-json", "plan"]);
    assert!(run.only_error().flat().contains("token was 5000 when the plan was made and is 7000 now"), "{}", run.text);
    assert_eq!(totem(&cluster)["token"], "7000");
    // Another option is no conflict, and stays.
    w.plan();
    by_hand(&cluster, "to_syslog: yes", "to_syslog: no");
    w.apply_plan();
    assert_eq!(totem(&cluster)["token"], "6000");
    assert!(conf(&cluster).contains("to_syslog: no"), "{}", conf(&cluster));
    // A draft of another writer is left alone, with the way out; that of an interrupted apply is completed.
    w.configure(&options("  token = 8000\n"));
    cluster.write_shared_file(DRAFT, "by hand\n");
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf"), "{}", run.text);
    assert_eq!(cluster.shared_file(DRAFT).as_deref(), Some("by hand\n"));
    cluster.write_shared_file(DRAFT, "");
    w.apply();
    assert_eq!((&totem(&cluster)["token"], cluster.shared_file(DRAFT)), (&json!("8000"), None));
    w.plan_is_empty();
}

#[test]
fn a_change_of_the_mode_says_that_corosync_is_to_be_restarted() {
    let test = "corosync_options::a_change_of_the_mode_says_that_corosync_is_to_be_restarted";
    let Some(cluster) = cluster(test, Release::V9) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&options(&format!("  link_mode = \"active\"\n{}", second(1))));
    let run = w.apply();
    let said = run.warnings().iter().map(|warning| warning.flat()).collect::<String>();
    assert!(said.contains("Corosync has to be restarted"), "{said}");
    // What is set already is shown before it is replaced.
    assert!(said.contains("it is \"passive\" in corosync.conf"), "{said}");
    w.plan_is_empty();
    w.destroy();
    assert_eq!(totem(&cluster)["link_mode"], Json::Null);
}

#[test]
fn a_joining_node_finds_addresses_and_fingerprints() {
    let Some(cluster) = cluster("corosync_options::a_joining_node_finds_addresses_and_fingerprints", Release::V9)
    else {
        return;
    };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&format!(
        "{}data \"pve_cluster_join_info\" \"a\" {{\n  node = \"pve2\"\n  depends_on = [{ADDRESS}]\n}}\noutput \"info\" {{\n  value = data.pve_cluster_join_info.a\n}}\n",
        options(&format!("  token = 4000\n{}", second(7)))
    ));
    w.apply();
    let info: Json = serde_json::from_str(&w.expect(0, &["output", "-json", "info"]).text).unwrap();
    assert_eq!(
        (&info["preferred_node"], &info["token"], &info["token_coefficient"]),
        (&json!("pve2"), &json!(4000), &Json::Null)
    );
    assert_eq!(info["links"], json!([{"number": 0, "priority": null}, {"number": 1, "priority": 7}]));
    assert_eq!(info["nodes"][2]["addresses"][1], json!({"link": 1, "address": "10.1.0.3"}));
    assert!(info["nodes"][0]["tls_fingerprint"].is_string() && info["config_digest"].is_string(), "{info}");
    w.configure("data \"pve_cluster_join_info\" \"a\" {\n  node = \"pve9\"\n}\n");
    let run = w.plan_fails();
    assert!(run.only_error().flat().contains("unknown node 'pve9'"), "{}", run.text);
}

#[test]
fn a_node_in_no_cluster_is_named() {
    let test = "corosync_options::a_node_in_no_cluster_is_named";
    let seed = Some(Seed::alone(&["pva".to_owned()]));
    let Some(cluster) = Cluster::own(test, Options { ssh: true, seed, ..Options::default() }).map(Arc::new) else {
        return;
    };
    let w = Workspace::new(&cluster);
    w.configure("data \"pve_cluster_join_info\" \"a\" {}\n");
    let run = w.plan_fails();
    let error = run.only_error().flat();
    assert!(error.contains("is in no cluster") && error.contains("424 node is not in a cluster"), "{error}");
    w.configure(&options("  token = 5000\n"));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("it has no /etc/pve/corosync.conf"), "{}", run.text);
    assert!(w.state().is_empty());
}

#[test]
fn more_than_eight_nodes_need_a_smaller_coefficient() {
    let test = "corosync_options::more_than_eight_nodes_need_a_smaller_coefficient";
    let Some(cluster) = Cluster::of_nodes(test, Release::V9, 9).map(Arc::new) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    let readiness = "data \"pve_ha_readiness\" \"a\" {\n  depends_on = [pve_corosync_options.a]\n}\n\
                     output \"check\" {\n  value = one([for check in data.pve_ha_readiness.a.checks : check if check.id == \
                     \"corosync_token\"])\n}\n";
    let check = |body: &str| -> Json {
        w.configure(&(options(body) + readiness));
        w.apply();
        serde_json::from_str(&w.expect(0, &["output", "-json", "check"]).text).unwrap()
    };
    let found = check("");
    assert_eq!(found["status"], "fail");
    assert!(
        found["remedy"].as_str().unwrap().contains("`token_coefficient = 125` with `pve_corosync_options`"),
        "{found}"
    );
    let found = check("  token_coefficient = 125\n");
    assert_eq!(found["status"], "pass");
    assert!(found["detail"].as_str().unwrap().contains("noticed after 3.9 s"), "{found}");
}
