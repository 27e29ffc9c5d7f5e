//! Create, join, remove, import: the whole life.

use acceptance_tests::process::start;
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release, Seed};
use serde_json::json;

use super::stage::{Way, alone, configuration, member, members, passwords};

#[test]
fn two_nodes_join_over_ssh_in_one_apply_on_pve_9() {
    over_ssh("cluster::lives::two_nodes_join_over_ssh_in_one_apply_on_pve_9", Release::V9);
}

#[test]
fn two_nodes_join_over_ssh_in_one_apply_on_pve_8() {
    over_ssh("cluster::lives::two_nodes_join_over_ssh_in_one_apply_on_pve_8", Release::V8);
}

fn over_ssh(test: &str, release: Release) {
    let Some(cluster) = alone(test, release, &["pva", "pvb", "pvc"], Way::Ssh) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&configuration(&cluster, Way::Ssh, &["pvb", "pvc"]));
    let plan = w.expect(0, &["plan", "-json", "-out=plan"]);
    let losses = plan.warnings().into_iter().filter(|warning| warning.flat().contains("loses its own configuration"));
    assert_eq!(losses.count(), 2, "{}", plan.text);
    w.apply_plan();
    w.plan_is_empty();
    let online = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), true)).collect::<Vec<_>>();
    assert_eq!(members(&cluster), online(&["pva", "pvb", "pvc"]));
    let state = w.attributes("pve_cluster_member.pvc");
    assert_eq!((&state["id"], &state["online"]), (&json!("pvc"), &json!(true)));
    // The cluster of this name is this one.
    w.expect(0, &["state", "rm", "pve_cluster.this", "pve_cluster_member.pvb"]);
    let run = w.apply();
    assert!(run.text.contains("pvb: it is a member of the cluster already"), "{}", run.text);
    w.plan_is_empty();
    // Import, by block and by id.
    w.expect(0, &["state", "rm", "pve_cluster.this", "pve_cluster_member.pvb"]);
    w.expect(0, &["import", "-no-color", "pve_cluster.this", "newclu"]);
    w.expect(0, &["import", "-no-color", "pve_cluster_member.pvb", "pvb"]);
    w.apply();
    w.plan_is_empty();
    // A node that is online stays.
    w.configure(&configuration(&cluster, Way::Ssh, &["pvb"]));
    let refusal = w.plan_fails();
    assert!(
        refusal.only_error().flat().contains("The node can't leave the cluster pvc: it is online"),
        "{}",
        refusal.text
    );
    cluster.emulator().cluster().world().power("pvc", false);
    cluster.emulator().cluster().world().advance(60.0);
    let run = w.apply();
    assert_eq!(run.text.matches("never start it again").count(), 1, "{}", run.text);
    assert_eq!(members(&cluster), online(&["pva", "pvb"]));
    w.plan_is_empty();
    // The cluster itself stays, whatever is planned.
    w.expect(0, &["state", "rm", "pve_cluster_member.pvb"]);
    w.configure(&configuration(&cluster, Way::Ssh, &[]));
    let refusal = w.expect(1, &["destroy", "-auto-approve", "-json"]);
    assert!(refusal.only_error().flat().contains("can't dissolve a cluster"), "{}", refusal.text);
    assert_eq!(members(&cluster), online(&["pva", "pvb"]));
    w.expect(0, &["state", "rm", "pve_cluster.this"]);
}

/// Passwords are in no plan, no state, no output and no log.
#[test]
fn a_node_joins_by_the_api_and_leaves_no_password() {
    let test = "cluster::lives::a_node_joins_by_the_api_and_leaves_no_password";
    let Some(cluster) = alone(test, Release::V9, &["pva", "pvb"], Way::Api) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&configuration(&cluster, Way::Api, &["pvb"]));
    let variables = passwords(&cluster, "pva", "pvb");
    let commands: [&[&str]; 5] = [
        &["plan", "-no-color", "-out=plan"],
        &["show", "-json", "plan"],
        &["apply", "-no-color", "plan"],
        &["plan", "-no-color", "-detailed-exitcode"],
        &["show", "-json"],
    ];
    for arguments in commands {
        let output = w.command(arguments).env("TF_LOG", "TRACE").envs(variables.iter().cloned()).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(output.status.success(), "{arguments:?}\n{text}");
        secretless(&text, &variables, &format!("{arguments:?}"));
    }
    let state = std::fs::read_to_string(w.path("terraform.tfstate")).unwrap();
    secretless(&state, &variables, "the state");
    let key =
        cluster.emulator().cluster().world().machines["pva"].disk.read("/etc/corosync/authkey").map(str::to_owned);
    assert!(!state.contains(key.as_deref().unwrap().trim()));
    assert_eq!(members(&cluster), [("pva".to_owned(), true), ("pvb".to_owned(), true)]);
}

/// Every node has an address in each of two links, and a QDevice is taken out for the time of the join.
#[test]
fn a_second_link_and_a_qdevice() {
    let node = |name: &str, n: u32| json!({"node": name, "address": format!("10.0.0.{n}"), "addresses": [format!("10.1.0.{n}")]});
    let seed = json!({"standalone": [node("pva", 11), node("pvb", 12), node("pvc", 13)]});
    let options = Options { ssh: true, seed: Some(Seed::parse(&seed.to_string()).unwrap()), ..Options::default() };
    let Some(cluster) = Cluster::own("cluster::lives::a_second_link_and_a_qdevice", options) else { return };
    let cluster = std::sync::Arc::new(cluster);
    let _hurry = cluster.hurry();
    cluster.machine(json!({"machine": "10.0.0.100"}));
    let w = Workspace::new(&cluster);
    let links = |n: u32, priority: &str| {
        format!(
            "  link {{\n    address = \"10.0.0.{n}\"\n{priority}  }}\n  link {{\n    address = \"10.1.0.{n}\"\n  }}\n"
        )
    };
    let first =
        format!("resource \"pve_cluster\" \"this\" {{\n  name = \"newclu\"\n{}}}\n", links(11, "    priority = 9\n"));
    let pvb = member(&cluster, Way::Ssh, "pvb", &links(12, ""));
    // Each node has an address in both.
    w.configure(&first);
    w.apply();
    w.configure(&format!("{first}{}", member(&cluster, Way::Ssh, "pvb", "")));
    let text = w.plan_fails().only_error().flat();
    assert!(text.contains("the cluster has 2 links"), "{text}");
    let device =
        "resource \"pve_qdevice\" \"a\" {\n  depends_on = [pve_cluster_member.pvb]\n  address = \"10.0.0.100\"\n}\n";
    w.configure(&format!("{first}{pvb}{device}"));
    w.apply();
    w.plan_is_empty();
    let rings = cluster.run("pva", "pvesh get /cluster/config/nodes --output-format json");
    assert!(rings.contains("10.1.0.11") && rings.contains("10.1.0.12"), "{rings}");
    // The QDevice is in the way, unless it is removed and set up again.
    let pvc = |more: &str| member(&cluster, Way::Ssh, "pvc", &format!("{}{more}", links(13, "")));
    let device = device.replace("  address", "  force = true\n  address");
    w.configure(&format!("{first}{pvb}{device}{}", pvc("")));
    let text = w.plan_fails().text;
    assert!(text.contains("the cluster has a QDevice"), "{text}");
    w.configure(&format!("{first}{pvb}{device}{}", pvc("  qdevice_handling = \"cycle\"\n")));
    // What it needs on the joining node is asked for before it is removed.
    let package = "corosync-qdevice";
    let version =
        cluster.emulator().cluster().world_of("pvc").machines.get_mut("pvc").unwrap().packages.remove(package);
    for refusal in [w.plan_fails(), w.apply_fails()] {
        let text = refusal.only_error().flat();
        assert!(text.contains("Run `apt install corosync-qdevice` on pvc"), "{text}");
    }
    let mut world = cluster.emulator().cluster().world_of("pvc");
    world.machines.get_mut("pvc").unwrap().packages.insert(package.to_owned(), version.unwrap());
    drop(world);
    assert!(cluster.emulator().cluster().world().qdevice.is_some());
    // A node that has joined is in the state, also if the QDevice is not there again.
    cluster.command_fault(json!({"command": "^pvecm qdevice setup", "kind": "fail", "stderr": "no\n"}));
    let run = w.apply();
    let warning = run.warnings().into_iter().find(|it| it.flat().contains("The QDevice is not set up again"));
    let text = warning.unwrap_or_else(|| panic!("{}", run.text)).flat();
    assert!(text.contains("pvc: it has joined") && !text.contains("Nothing was changed"), "{text}");
    assert_eq!((w.attributes("pve_cluster_member.pvc")["online"].clone(), members(&cluster).len()), (json!(true), 3));
    w.apply();
    w.plan_is_empty();
    let found = cluster.emulator().cluster().world().qdevice.as_ref().map(|device| device.host.clone());
    assert_eq!((found.as_deref(), members(&cluster).len()), (Some("10.0.0.100"), 3));
    // A removal needs the node off, and `pvecm qdevice` all nodes online.
    cluster.emulator().cluster().world().power("pvc", false);
    cluster.emulator().cluster().world().advance(120.0);
    w.configure(&format!("{first}{pvb}{device}"));
    w.apply();
    w.plan_is_empty();
    let found = cluster.emulator().cluster().world().qdevice.as_ref().map(|device| device.host.clone());
    assert_eq!((found.as_deref(), members(&cluster).len()), (Some("10.0.0.100"), 2));
}

/// The folder of a node is removed once pmxcfs lets it go, a moment after the removal. Time passes as it does for a person.
#[test]
fn a_removal_with_clean_up_leaves_no_folder() {
    let test = "cluster::lives::a_removal_with_clean_up_leaves_no_folder";
    let Some(cluster) = alone(test, Release::V9, &["pva", "pvb", "pvc"], Way::Ssh) else { return };
    let hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    let first = configuration(&cluster, Way::Ssh, &[]);
    let [pvb, pvc] = ["pvb", "pvc"].map(|node| member(&cluster, Way::Ssh, node, "  votes = 0\n  clean_up = true\n"));
    w.configure(&format!("{first}{pvb}{pvc}"));
    w.apply();
    for node in ["pvb", "pvc"] {
        cluster.emulator().cluster().world().power(node, false);
    }
    cluster.emulator().cluster().world().advance(60.0);
    drop(hurry);
    w.configure(&format!("{first}{pvb}"));
    let mut apply = start(&w, &["apply", "-auto-approve"]);
    let ended = loop {
        cluster.emulator().cluster().world().advance(0.02);
        std::thread::sleep(std::time::Duration::from_millis(20));
        if let Some(ended) = apply.try_wait().unwrap() {
            break ended;
        }
    };
    assert!(ended.success(), "{:?}", cluster.emulator().commands().log());
    // Where that is refused for good, a warning says what is done and what is not.
    let _hurry = cluster.hurry();
    w.configure(&first);
    cluster.command_fault(
        json!({"command": "^rm -rf", "kind": "fail", "count": null, "stderr": "rm: Permission denied\n"}),
    );
    let text = w.apply().warnings().iter().map(|warning| warning.flat()).collect::<String>();
    let words = ["pvb: it is out of the cluster already", "Run `rm -r /etc/pve/nodes/pvb` on pva", "Permission denied"];
    assert!(words.iter().all(|words| text.contains(words)), "{text}");
    assert_eq!(members(&cluster), [("pva".to_owned(), true)]);
    cluster.clear_command_faults();
    cluster.run("pva", "rm -r /etc/pve/nodes/pvb");
    w.plan_is_empty();
    assert_eq!(cluster.run("pva", "ls /etc/pve/nodes"), "pva\n");
}

/// The examples of the two resources, with their imports.
#[test]
fn the_examples_can_be_applied_and_imported() {
    let node = |name: &str, address: &str| json!({"node": name, "address": address});
    let seed = json!({"standalone": [node("pve1", "10.0.0.1"), node("pve2", "10.0.0.2")]});
    let options = Options { ssh: true, seed: Some(Seed::parse(&seed.to_string()).unwrap()), ..Options::default() };
    let Some(cluster) = Cluster::own("cluster::lives::the_examples_can_be_applied_and_imported", options) else {
        return;
    };
    let cluster = std::sync::Arc::new(cluster);
    let _hurry = cluster.hurry();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/resources");
    let file = |kind: &str, name: &str| std::fs::read_to_string(folder.join(kind).join(name)).unwrap();
    let [made, imported] = [(); 2].map(|()| Workspace::new(&cluster));
    for (kind, address, id) in
        [("pve_cluster", "pve_cluster.this", "production"), ("pve_cluster_member", "pve_cluster_member.pve2", "pve2")]
    {
        made.write(&format!("{kind}.tf"), &file(kind, "resource.tf"));
        made.apply();
        made.plan_is_empty();
        imported.write(&format!("{kind}.tf"), &format!("{}{}", file(kind, "resource.tf"), file(kind, "import.tf")));
        let plan = imported.plan();
        assert!(plan.changes().is_empty() && plan.imports() == 1, "{kind}: {:?}", plan.changes());
        imported.apply_plan();
        assert_eq!(file(kind, "import.sh").trim(), format!("terraform import {address} {id}"));
    }
    assert_eq!(members(&cluster), [("pve1".to_owned(), true), ("pve2".to_owned(), true)]);
}

fn secretless(text: &str, variables: &[(String, String)], what: &str) {
    for (name, value) in variables {
        assert!(!value.is_empty() && !text.contains(value.as_str()), "{what} has the value of {name}");
    }
}
