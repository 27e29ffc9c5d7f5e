//! What a person changes in the cluster, or `pve_corosync_options` of the same configuration does, shows in the plan.

use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Seed};
use serde_json::json;

use super::stage::{Way, member, members};

const FILE: &str = "/etc/pve/corosync.conf";

/// Nodes on their own, each with an address in a second network.
fn nodes(test: &str, names: &[&str]) -> Option<Arc<Cluster>> {
    let node = |(at, name): (usize, &&str)| json!({"node": name, "address": format!("10.0.0.{}", at + 11), "addresses": [format!("10.1.0.{}", at + 11)]});
    let nodes: Vec<_> = names.iter().enumerate().map(node).collect();
    let seed = Seed::parse(&json!({"standalone": nodes}).to_string()).unwrap();
    Cluster::own(test, Options { ssh: true, seed: Some(seed), ..Options::default() }).map(Arc::new)
}

fn first(arguments: &str, priority: &str) -> String {
    format!(
        "resource \"pve_cluster\" \"this\" {{\n  name = \"newclu\"\n{arguments}  link {{\n    address = \"10.0.0.11\"\n{priority}  }}\n}}\n"
    )
}

/// A person edits the file, and the nodes take it over.
fn by_hand(cluster: &Cluster, edits: &[(&str, &str)]) {
    let mut text = cluster.shared_file(FILE).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        text = text.replacen(from, to, 1);
    }
    let totem =
        || cluster.api.read("/cluster/config/totem")["config_version"].as_str().unwrap().parse::<u32>().unwrap();
    let now = totem();
    let version = format!("config_version: {}", now + 1);
    let line = text.lines().find(|line| line.contains("config_version")).unwrap().trim().to_owned();
    cluster.write_shared_file(FILE, &text.replace(&line, &version));
    while totem() == now {
        cluster.api.control("advance", &json!({"seconds": 1}));
    }
}

#[test]
fn a_changed_priority_is_an_error_that_names_the_way_out() {
    let Some(cluster) = nodes("cluster::drift::a_changed_priority_is_an_error_that_names_the_way_out", &["pva"]) else {
        return;
    };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&first("", "    priority = 20\n"));
    w.apply();
    w.configure(&first("", "    priority = 30\n"));
    let text = w.plan_fails().only_error().flat();
    assert!(
        text.contains("the priority of link 0 is 20 in the cluster and 30 in the configuration")
            && text.contains("remove the argument and set it with `pve_corosync_options`"),
        "{text}"
    );
    // The way out: the other resource has it, and this one does not.
    let options = "resource \"pve_corosync_options\" \"a\" {\n  depends_on = [pve_cluster.this]\n  link {\n    number = 0\n    priority = 30\n  }\n}\n";
    w.configure(&format!("{}{options}", first("", "    priority = 20\n")));
    w.apply();
    let text = w.plan_fails().only_error().flat();
    assert!(text.contains("the priority of link 0 is 30 in the cluster and 20 in the configuration"), "{text}");
    for priority in ["", "    priority = 30\n"] {
        w.configure(&format!("{}{options}", first("", priority)));
        w.apply();
        w.plan_is_empty();
    }
}

#[test]
fn what_a_person_changes_of_votes_and_addresses_is_shown() {
    let test = "cluster::drift::what_a_person_changes_of_votes_and_addresses_is_shown";
    let Some(cluster) = nodes(test, &["pva", "pvb"]) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    let link = "  link {\n    address = \"10.0.0.12\"\n  }\n";
    let configuration = |first: &str, more: &str| format!("{first}{}", member(&cluster, Way::Ssh, "pvb", more));
    let with_votes = configuration(&first("  votes = 1\n", ""), &format!("  votes = 1\n{link}"));
    w.configure(&with_votes);
    w.apply();
    w.plan_is_empty();
    assert_eq!(w.attributes("pve_cluster.this")["node"], "pva");
    let [one, two] = ["quorum_votes: 1\n    ring0_addr: 10.0.0.11", "quorum_votes: 1\n    ring0_addr: 10.0.0.12"];
    by_hand(&cluster, &[(two, &two.replace(": 1\n", ": 2\n"))]);
    let text = w.plan_fails().only_error().flat();
    assert!(
        text.contains("pvb: the votes are 2 in the cluster and 1 in the configuration")
            && text.contains("Votes are changed in corosync.conf by hand"),
        "{text}"
    );
    by_hand(&cluster, &[(one, &one.replace(": 1\n", ": 3\n"))]);
    let text = w.plan_fails().only_error().flat();
    assert!(text.contains("newclu: of pva, the votes are 3 in the cluster and 1 in the configuration"), "{text}");
    // What is not set is nothing to compare.
    w.configure(&configuration(&first("", ""), link));
    w.apply();
    w.plan_is_empty();
    by_hand(&cluster, &[("ring0_addr: 10.0.0.12", "ring0_addr: 10.1.0.12")]);
    let text = w.plan_fails().only_error().flat();
    assert!(text.contains("pvb: the links are 10.1.0.12 in the cluster and 10.0.0.12 in the configuration"), "{text}");
}

/// The number of another node is not that of the first one.
#[test]
fn a_number_is_compared_with_the_first_node() {
    let Some(cluster) = nodes("cluster::drift::a_number_is_compared_with_the_first_node", &["pva", "pvb"]) else {
        return;
    };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    let configuration = |arguments: &str| format!("{}{}", first(arguments, ""), member(&cluster, Way::Ssh, "pvb", ""));
    w.configure(&configuration("  node_id = 3\n"));
    w.apply();
    w.plan_is_empty();
    let nodes = cluster.api.read("/cluster/config/nodes").to_string();
    assert!(nodes.contains("\"nodeid\":\"1\""), "no node has the number 1: {nodes}");
    w.configure(&configuration("  node_id = 1\n"));
    let text = w.plan_fails().only_error().flat();
    assert!(
        text.contains("of pva, the number is 3 in the cluster and 1 in the configuration")
            && text.contains("A node keeps its number")
            && !text.contains("pve_corosync_options"),
        "{text}"
    );
    // The links of an import are those of the endpoint's node, whatever its number.
    w.expect(0, &["state", "rm", "pve_cluster.this"]);
    w.configure(&configuration(""));
    let said: String = w.expect(0, &["plan", "-json"]).warnings().iter().map(|warning| warning.flat()).collect();
    assert!(said.contains("newclu: pva is in this cluster already. Apply takes it over"), "{said}");
    w.expect(0, &["import", "-no-color", "pve_cluster.this", "newclu"]);
    assert_eq!(w.attributes("pve_cluster.this")["link"][0]["address"], "10.0.0.11");
    w.plan_is_empty();
}

/// `pve_corosync_options.addresses` has every node, so that it changes with the members in one plan.
#[test]
fn the_addresses_of_a_link_follow_the_members_in_one_plan() {
    let test = "cluster::drift::the_addresses_of_a_link_follow_the_members_in_one_plan";
    let Some(cluster) = nodes(test, &["pva", "pvb", "pvc"]) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    let configuration = |others: &[(&str, u32)]| {
        let link = |(node, n): &(&str, u32)| {
            let links = format!(
                "  link {{\n    address = \"10.0.0.{n}\"\n  }}\n  link {{\n    address = \"10.1.0.{n}\"\n  }}\n"
            );
            member(&cluster, Way::Ssh, node, &links)
        };
        let second = first("", "").replace("  }\n}\n", "  }\n  link {\n    address = \"10.1.0.11\"\n  }\n}\n");
        let members: String = others.iter().map(link).collect();
        let address = |(node, n): &(&str, u32)| format!("      {node} = \"10.1.0.{n}\"\n");
        let addresses: String = others.iter().chain([&("pva", 11)]).map(address).collect();
        let depends: Vec<String> = others.iter().map(|(node, _)| format!("pve_cluster_member.{node}")).collect();
        format!(
            "{second}{members}resource \"pve_corosync_options\" \"a\" {{\n  depends_on = [{}]\n  link {{\n    number = 1\n    addresses = {{\n{addresses}    }}\n  }}\n}}\n",
            depends.join(", ")
        )
    };
    let two = configuration(&[("pvb", 12)]);
    w.configure(&two);
    w.apply();
    w.plan_is_empty();
    w.configure(&configuration(&[("pvb", 12), ("pvc", 13)]));
    w.apply();
    w.plan_is_empty();
    assert_eq!(members(&cluster).len(), 3);
    cluster.emulator().cluster().world().power("pvc", false);
    cluster.emulator().cluster().world().advance(60.0);
    w.configure(&two);
    let run = w.apply();
    let said = run.warnings().iter().map(|warning| warning.flat()).collect::<String>();
    assert!(said.contains("pvc is offline, and has no address in `addresses`"), "{said}");
    assert_eq!(members(&cluster).len(), 2);
    w.plan_is_empty();
}
