//! What is refused at plan, before anything is sent.

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release, Seed};
use serde_json::json;

use super::stage::{Way, alone, configuration, member, members, passwords};

#[test]
fn a_token_without_ssh_can_create_no_cluster() {
    let test = "cluster::refused::a_token_without_ssh_can_create_no_cluster";
    let seed = Seed::alone(&["pva".to_owned()]);
    let Some(cluster) = Cluster::own(test, Options { seed: Some(seed), ..Options::default() }) else { return };
    let cluster = std::sync::Arc::new(cluster);
    let w = Workspace::new(&cluster);
    w.configure("resource \"pve_cluster\" \"this\" {\n  name = \"newclu\"\n}\n");
    let text = w.plan_fails().only_error().flat();
    assert!(text.contains("root@pam!terraform") && text.contains("Add an `ssh` block"), "{text}");
    w.configure(
        "resource \"pve_cluster_member\" \"x\" {\n  node = \"pvx\"\n  address = \"10.0.0.12\"\n  ssh = true\n}\n",
    );
    let text = w.plan_fails().only_error().flat();
    assert!(text.contains("pvx: `ssh = true` needs an `ssh` block in the provider block"), "{text}");
}

#[test]
fn a_cluster_is_not_renamed_and_not_changed() {
    let test = "cluster::refused::a_cluster_is_not_renamed_and_not_changed";
    let Some(cluster) = alone(test, Release::V9, &["pva"], Way::Ssh) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&configuration(&cluster, Way::Ssh, &[]));
    w.apply();
    let before = members(&cluster);
    w.configure("resource \"pve_cluster\" \"this\" {\n  name = \"other\"\n}\n");
    let text = w.plan_fails().text;
    assert!(text.contains("can't rename a cluster"), "{text}");
    for (argument, words) in [
        ("link {\n    address = \"10.0.0.99\"\n  }", "the links are"),
        ("votes = 3", "the votes are 1 in the cluster and 3 in the configuration"),
        ("token_coefficient = 650", "token_coefficient is 125 in the cluster"),
    ] {
        w.configure(&format!("resource \"pve_cluster\" \"this\" {{\n  name = \"newclu\"\n  {argument}\n}}\n"));
        let text = w.plan_fails().only_error().flat();
        assert!(text.contains(words) && text.contains("pve_corosync_options"), "{text}");
    }
    // What it has may be written.
    w.configure("resource \"pve_cluster\" \"this\" {\n  name = \"newclu\"\n  votes = 1\n  link {\n    address = \"10.0.0.11\"\n  }\n}\n");
    w.apply();
    w.plan_is_empty();
    assert_eq!(members(&cluster), before);
}

#[test]
fn a_node_that_does_not_reach_corosync_is_sent_nothing() {
    let test = "cluster::refused::a_node_that_does_not_reach_corosync_is_sent_nothing";
    let Some(cluster) = alone(test, Release::V9, &["pva", "pvb"], Way::Ssh) else { return };
    let _hurry = cluster.hurry();
    cluster.command_fault(json!({
        "kind": "fail", "exit": 0, "count": null, "node": "pvb", "command": "bash", "stdout": "10.0.0.11 5405\n"
    }));
    let w = Workspace::new(&cluster);
    w.configure(&configuration(&cluster, Way::Ssh, &["pvb"]));
    // The first plan can't try it: the cluster is made in the same apply.
    for run in [w.apply_fails(), w.plan_fails()] {
        let text = run.only_error().flat();
        assert!(
            text.contains("pvb: it does not reach corosync of pva at 10.0.0.11 port 5405. Nothing was changed"),
            "{text}"
        );
    }
    assert_eq!(members(&cluster), [("pva".to_owned(), true)]);
    cluster.clear_command_faults();
    w.apply();
    w.plan_is_empty();
}

#[test]
fn a_node_that_can_not_join_is_sent_nothing() {
    let test = "cluster::refused::a_node_that_can_not_join_is_sent_nothing";
    let users = json!([{"userid": "root@pam", "email": "root@example.com", "password": "secret-of-root",
        "tokens": [{"tokenid": "terraform", "privsep": 0, "secret": "11111111-2222-4333-8444-555555555555"}]}]);
    let seed = json!({
        "cluster": {"name": "emulated"},
        "nodes": [],
        "guests": [],
        "storages": [],
        "users": [],
        "standalone": [
            {"node": "pva", "address": "10.0.0.11", "users": users},
            {"node": "pvb", "address": "10.0.0.12", "users": users, "guests": [{"vmid": 100, "type": "qemu", "node": "pvb", "name": "tfacc-x"}]},
        ],
    });
    let seed = Seed::parse(&seed.to_string()).unwrap();
    let Some(cluster) = Cluster::own(test, Options { ssh: true, seed: Some(seed), ..Options::default() }) else {
        return;
    };
    let cluster = std::sync::Arc::new(cluster);
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&configuration(&cluster, Way::Ssh, &["pvb"]));
    let text = w.plan_fails().only_error().flat();
    assert!(text.contains("The node can't join pvb: it has guests (100)"), "{text}");
    // Another name than it has.
    let wrong = member(&cluster, Way::Ssh, "pvb", "").replace("node = \"pvb\"", "node = \"pvx\"");
    w.configure(&wrong.replace("  depends_on = [pve_cluster.this]\n", ""));
    let text = w.expect(1, &["apply", "-auto-approve", "-json"]).text;
    assert!(text.contains("pvx"), "{text}");
}

/// Two resources are one node: a removal of one would take it from the cluster, although the other one keeps it.
#[test]
fn a_node_has_one_resource() {
    let Some(cluster) = alone("cluster::refused::a_node_has_one_resource", Release::V9, &["pva", "pvb"], Way::Ssh)
    else {
        return;
    };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    let (first, pvb) = (configuration(&cluster, Way::Ssh, &[]), member(&cluster, Way::Ssh, "pvb", ""));
    let again = pvb.replace("\"pve_cluster_member\" \"pvb\"", "\"pve_cluster_member\" \"again\"");
    w.configure(&format!("{first}{pvb}{again}"));
    let text = w.plan_fails().text;
    assert!(text.contains("pvb: another resource of this configuration is also about it"), "{text}");
    let twice = first.replace("\"pve_cluster\" \"this\"", "\"pve_cluster\" \"again\"");
    w.configure(&format!("{first}{}", &twice[twice.find("resource").unwrap()..]));
    let text = w.plan_fails().text;
    assert!(text.contains("newclu: another resource of this configuration is also about it"), "{text}");
    w.configure(&format!("{first}{pvb}"));
    w.apply();
    // Another name would remove it and join anew.
    w.configure(&format!("{first}{}", pvb.replace("node = \"pvb\"", "node = \"pvx\"")));
    let text = w.plan_fails().text;
    assert!(text.contains("pvb: it is online"), "{text}");
    // Off, so that nothing else is in the way of its removal.
    cluster.emulator().cluster().world().power("pvb", false);
    cluster.emulator().cluster().world().advance(60.0);
    w.configure(&format!("{first}{again}"));
    let text = w.plan_fails().text;
    assert!(text.contains("moved {") && text.contains("from = pve_cluster_member.<old>"), "{text}");
    w.configure(&format!("{first}{pvb}{again}"));
    w.expect(0, &["import", "-no-color", "pve_cluster_member.again", "pvb"]);
    w.configure(&format!("{first}{again}"));
    let text = w.plan_fails().text;
    assert!(text.contains("pvb: kept by one resource of this plan, and destroyed by another one"), "{text}");
}

/// The cluster lists neither of them yet, and Proxmox VE would take the number of the second one.
#[test]
fn nodes_of_one_plan_have_no_number_in_common() {
    let test = "cluster::refused::nodes_of_one_plan_have_no_number_in_common";
    let Some(cluster) = alone(test, Release::V9, &["pva", "pvb", "pvc"], Way::Ssh) else { return };
    let w = Workspace::new(&cluster);
    let numbered = |node| member(&cluster, Way::Ssh, node, "  node_id = 7\n");
    w.configure(&format!("{}{}{}", configuration(&cluster, Way::Ssh, &[]), numbered("pvb"), numbered("pvc")));
    let text = w.plan_fails().only_error().flat();
    assert!(text.contains("Two nodes of this plan have the same address or number"), "{text}");
    assert!(text.contains("the number 7 is also that of pv"), "{text}");
}

/// What a join by the API meets at the joining node is an error at the argument that is wrong, in the plan.
#[test]
fn a_wrong_argument_of_a_join_by_the_api_is_named() {
    let test = "cluster::refused::a_wrong_argument_of_a_join_by_the_api_is_named";
    let Some(cluster) = alone(test, Release::V9, &["pva", "pvb"], Way::Api) else { return };
    let w = Workspace::new(&cluster);
    let access = cluster.emulator().standalone()["pvb"].clone();
    let right = member(&cluster, Way::Api, "pvb", "");
    let other = format!("{}{}", "00:".repeat(31), "00");
    let nowhere = right.replace(&access.endpoint.replace("https://", ""), "127.0.0.1:9");
    for (member, attribute, words) in [
        (right.replace("node = \"pvb\"", "node = \"pvx\""), "node", "pvx: the machine at 127.0.0.1"),
        (right.replace("= var.root", "= \"wrong-password\""), "root_password_wo", "root@pam on pvb"),
        (right.replace(&access.tls_fingerprint, &other), "fingerprint", "is not the one of `fingerprint`"),
        (nowhere, "address", "pvb: it does not answer at 127.0.0.1:9"),
    ] {
        w.configure(&format!("{}{member}", configuration(&cluster, Way::Api, &[])));
        let mut plan = w.command(&["plan", "-json"]);
        plan.envs(passwords(&cluster, "pva", "pvb"));
        let run = acceptance_tests::output::Run::new(&plan.output().unwrap());
        let found = [run.errors(), run.warnings()].concat();
        let text = found.iter().map(|it| it.flat()).find(|text| text.contains(words));
        let text = text.unwrap_or_else(|| panic!("{attribute}: {}", run.text));
        assert!(!text.contains("provider block"), "{text}");
        // Nothing answers where a machine is to be made by the same apply.
        assert_eq!(run.code, Some(i32::from(attribute != "address")), "{text}");
    }
    // Only the task of the join finds this one.
    w.configure(&configuration(&cluster, Way::Api, &["pvb"]));
    let mut apply = w.command(&["apply", "-auto-approve", "-json"]);
    apply.envs(passwords(&cluster, "pvb", "pvb"));
    let run = acceptance_tests::output::Run::new(&apply.output().unwrap());
    let text = run.only_error().flat();
    assert!(text.contains("Set `peer_password_wo` to the password of root@pam on the member"), "{text}");
    assert_eq!(members(&cluster), [("pva".to_owned(), true)]);
}
