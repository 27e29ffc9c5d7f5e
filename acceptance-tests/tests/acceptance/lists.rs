//! Lists, imports by id and imports by identity: three ways to the same objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use acceptance_tests::core::{Core, errors};
use acceptance_tests::{Cluster, runtime};
use pve_emulator::{Options, Release};

use crate::import_config::furnish;

/// The names of what was found, by type. Every object has to be the same whichever way it is asked for.
async fn everything(core: &Core) -> BTreeMap<&str, Vec<String>> {
    let provider = core.provider();
    let mut found = BTreeMap::new();
    for (kind, _) in provider.resources().filter(|(_, resource)| resource.is_listable()) {
        let listing = provider.resource(kind).unwrap().list_all().await;
        assert!(listing.diagnostics.is_empty(), "{kind}: {:?}", listing.diagnostics);
        let mut names = Vec::new();
        for listed in listing.objects {
            let by_id = provider.resource(kind).unwrap().import(&listed.name).await;
            assert_eq!((errors(&by_id.diagnostics), &by_id.state), (vec![], &listed.object), "{kind} {}", listed.name);
            let by_identity = provider.resource(kind).unwrap().import_identity(&listed.identity).await;
            assert_eq!(by_identity.state, listed.object, "{kind} {}", listed.name);
            let read = provider.resource(kind).unwrap().refresh(listed.object.clone()).await;
            assert_eq!(read.state, listed.object, "{kind} {}", listed.name);
            names.push(listed.name);
        }
        found.insert(kind, names);
    }
    found.retain(|_, names| !names.is_empty());
    found
}

#[test]
fn a_list_finds_what_imports_find_on_pve_9() {
    let name = "lists::a_list_finds_what_imports_find_on_pve_9";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    furnish(&cluster);
    let rule = |rule: &[(&str, &str)]| cluster.api.post("/cluster/ha/rules", rule);
    rule(&[("rule", "near"), ("type", "node-affinity"), ("resources", "vm:100"), ("nodes", "pve1,pve2")]);
    rule(&[("rule", "apart"), ("type", "resource-affinity"), ("resources", "vm:100,vm:101"), ("affinity", "negative")]);
    // What is being removed is no object any more.
    cluster.api.delete("/cluster/replication/102-7", &[]);
    let core = runtime::block_on(Core::new(&cluster, &[]));
    let found = runtime::block_on(everything(&core));
    let names = |kind: &str| found[kind].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(names("pve_ha_resource"), ["ct:950", "vm:100", "vm:101"]);
    assert_eq!(names("pve_ha_node_affinity_rule"), ["near"]);
    assert_eq!(names("pve_ha_resource_affinity_rule"), ["apart"]);
    assert_eq!(names("pve_ha_rule_member"), ["apart/vm:100", "apart/vm:101", "near/vm:100"]);
    assert_eq!(names("pve_replication_job"), ["100-0"]);
    assert_eq!(names("pve_datacenter_options"), ["datacenter"]);
    // What Proxmox ships and nothing has changed is left out.
    assert_eq!(names("pve_notification_sendmail"), ["mail"]);
    assert_eq!(names("pve_notification_matcher"), ["alerts"]);
    for (kind, name) in [("smtp", "relay"), ("gotify", "push"), ("webhook", "hook")] {
        assert_eq!(names(&format!("pve_notification_{kind}")), [name]);
    }
    // All but the node of which the cluster was made.
    assert_eq!((names("pve_cluster").len(), names("pve_cluster_member")), (1, vec!["pve2", "pve3"]));
    assert_eq!(found.len(), 13, "{:?}", found.keys());
}

#[test]
fn a_list_finds_groups_while_there_are_groups() {
    let name = "lists::a_list_finds_groups_while_there_are_groups";
    for (release, groups) in [(Release::V8, true), (Release::V9Unmigrated, true), (Release::V9, false)] {
        let Some(cluster) = Cluster::own(name, Options { release, ..Options::default() }).map(Arc::new) else { return };
        if groups {
            cluster.api.post("/cluster/ha/groups", &[("group", "near"), ("nodes", "pve1:2,pve2")]);
        }
        let core = runtime::block_on(Core::new(&cluster, &[]));
        let found = runtime::block_on(everything(&core));
        assert_eq!(found.contains_key("pve_ha_group"), groups, "{release:?}");
        assert!(!found.contains_key("pve_ha_node_affinity_rule"), "{release:?}");
    }
}
