//! Least privilege: everything works with exactly the documented privileges, and each missing one is reported.

use std::collections::BTreeMap;

use acceptance_tests::core::{Core, Object, errors};
use acceptance_tests::{Cluster, runtime};
use pve_emulator::{Options, Release as Pve};
use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::{Diagnostics, Ending, Value};
use terraform_provider_pve::privileges::{
    DATA_SOURCES, Need, On, RESOURCES, Release, of_action, of_data_source, of_resource,
};

use super::readiness;

const JOBS: &str = "pve_replication_jobs";

/// A privilege and the path on which it is held.
type Right = (&'static str, String);

/// A token of a user who has exactly these rights, none of which holds below its path.
fn token(cluster: &Cluster, user: &str, rights: &[Right]) -> Json {
    let id = format!("{user}@pve");
    cluster.api.post("/access/users", &[("userid", &id), ("password", "12345678")]);
    for (at, (privilege, path)) in rights.iter().enumerate() {
        let role = format!("{user}-{at}");
        cluster.api.post("/access/roles", &[("roleid", &role), ("privs", privilege)]);
        cluster.api.put("/access/acl", &[("path", path), ("users", &id), ("roles", &role), ("propagate", "0")]);
    }
    let token = cluster.api.post(&format!("/access/users/{id}/token/tf"), &[("privsep", "0")]);
    format!("{id}!tf={}", token["value"].as_str().unwrap()).into()
}

async fn core_of(cluster: &Cluster, token: Json) -> Core {
    Core::with(cluster, &[("api_token", token)]).await
}

/// The rights that `needs` come to, where the ids of what they are about are these.
fn rights(needs: &[Need], pve: Pve, ids: impl Fn(On) -> Vec<String>) -> Vec<Right> {
    let release = if matches!(pve, Pve::V8) { Release::Pve8 } else { Release::Pve9 };
    let needs = needs.iter().filter(|need| need.is_for(release));
    needs.flat_map(|need| ids(need.on).into_iter().map(|id| (need.privilege, need.on.path(&id)))).collect()
}

fn without(rights: &[Right], at: usize) -> Vec<Right> {
    rights.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, right)| right.clone()).collect()
}

fn reported(said: &Diagnostics) -> String {
    said.iter().map(|d| format!("{}: {}\n", d.summary, d.detail)).collect()
}

/// What is created, and the id that its paths have.
fn objects(cluster: &Cluster, pve: Pve) -> Vec<(&'static str, Json, String)> {
    let vms = cluster.guests(8, 0).vms;
    if pve != Pve::V8 {
        for vm in &vms[5..7] {
            cluster.api.post("/cluster/ha/resources", &[("sid", &format!("vm:{vm}"))]);
        }
        let first = format!("vm:{}", vms[5]);
        let rule = [("rule", "theirs"), ("type", "node-affinity"), ("resources", &first), ("nodes", "pve1,pve2")];
        cluster.api.post("/cluster/ha/rules", &rule);
    }
    // Of the same name as the storage: one id for all that the job is about.
    cluster.api.post("/pools", &[("poolid", "shared-nfs")]);
    for vm in &vms[1..4] {
        cluster.api.post("/cluster/ha/resources", &[("sid", &format!("vm:{vm}"))]);
    }
    let sid = |at: usize| format!("vm:{}", vms[at]);
    let home = cluster.node_of(&vms[4]);
    let target = cluster.nodes().into_iter().find(|node| *node != home).unwrap();
    let guest: u64 = vms[4].parse().unwrap();
    let mut objects = vec![
        (
            "pve_backup_job",
            json!({
                "name": "bb", "schedule": "21:00", "pool": "shared-nfs", "storage": "shared-nfs", "bwlimit": 1000,
                "fleecing": {"enabled": true, "storage": "shared-nfs"}
            }),
            "shared-nfs".to_owned(),
        ),
        ("pve_datacenter_options", json!({"keyboard": "de"}), String::new()),
        ("pve_ha_resource", json!({"sid": sid(0)}), vms[0].clone()),
        ("pve_replication_job", json!({"guest": guest, "target": target, "force_destroy": true}), vms[4].clone()),
    ];
    let notification = |kind, config| (kind, config, String::new());
    objects.extend([
        notification("pve_notification_gotify", json!({"name": "g1", "server": "http://x", "token": "t"})),
        notification("pve_notification_matcher", json!({"name": "m1", "targets": ["mail-to-root"]})),
        notification("pve_notification_sendmail", json!({"name": "s1", "mailto": ["a@b.c"]})),
        notification(
            "pve_notification_smtp",
            json!({"name": "s2", "server": "mx", "from_address": "a@b.c", "mailto": ["a@b.c"]}),
        ),
        notification("pve_notification_webhook", json!({"name": "w1", "url": "http://x", "method": "get"})),
    ]);
    let nodes = json!({"pve1": null, "pve2": null});
    objects.extend(match pve {
        Pve::V8 => vec![("pve_ha_group", json!({"name": "gg", "nodes": nodes}), String::new())],
        _ => vec![
            ("pve_ha_node_affinity_rule", json!({"name": "nn", "resources": [sid(1)], "nodes": nodes}), String::new()),
            (
                "pve_ha_resource_affinity_rule",
                json!({"name": "rr", "resources": [sid(2), sid(3)], "affinity": "negative"}),
                String::new(),
            ),
            ("pve_ha_rule_member", json!({"rule": "theirs", "resource": sid(6)}), String::new()),
        ],
    });
    objects
}

fn resources_on(test: &str, pve: Pve) {
    let Some(cluster) = Cluster::own(test, Options { release: pve, ..Options::default() }) else { return };
    for (kind, config, id) in objects(&cluster, pve) {
        let rights = rights(of_resource(kind), pve, |_| vec![id.clone()]);
        let name = kind.replace('_', "-");
        let secret = token(&cluster, &name, &rights);
        runtime::block_on(async {
            let core = core_of(&cluster, secret).await;
            let mut object = Object::new(kind);
            let said = core.apply(&mut object, Some(&config)).await;
            assert!(errors(&said).is_empty() && !reported(&said).contains("privilege"), "{kind}: {}", reported(&said));
            assert!(core.is_settled(&object, &config).await, "{kind}");
            let said = core.apply(&mut object, None).await;
            assert!(errors(&said).is_empty(), "{kind}: {}", reported(&said));
        });
        for (at, (privilege, path)) in rights.iter().enumerate() {
            let secret = token(&cluster, &format!("{name}-{at}"), &without(&rights, at));
            runtime::block_on(async {
                let core = core_of(&cluster, secret).await;
                let mut object = Object::new(kind);
                let said = core.apply(&mut object, Some(&config)).await;
                let summary = format!("A privilege is missing: {privilege} on {path}");
                assert!(said.iter().any(|d| d.summary == summary), "{summary}: {}", reported(&said));
                // Where only reading is forbidden, the next refresh ends with it.
                let said = if errors(&said).is_empty() { core.apply(&mut object, Some(&config)).await } else { said };
                assert!(
                    errors(&said).iter().any(|e| e.contains(privilege)),
                    "{kind} without {privilege}: {}",
                    reported(&said)
                );
            });
        }
        if kind == "pve_backup_job" {
            let _ = cluster.api.send("DELETE", "/cluster/backup/bb", &[]);
        }
        // What was made without the right to look at it.
        if kind == "pve_replication_job" {
            let job = format!("/cluster/replication/{id}-0");
            let _ = cluster.api.send("DELETE", &job, &[("force", "1")]);
        }
    }
}

#[test]
fn resources_on_pve_9() {
    resources_on("privileges::resources_on_pve_9", Pve::V9);
}

#[test]
fn resources_on_pve_8() {
    resources_on("privileges::resources_on_pve_8", Pve::V8);
}

async fn read(core: &Core, name: &str, config: &Json) -> (Value, Diagnostics) {
    let source = core.provider().data_source(name).unwrap_or_else(|_| panic!("{name}"));
    let config = Value::from_json(config, &source.schema().ty()).unwrap();
    let outcome = core.provider().data_source(name).unwrap().read_data(config).await;
    (outcome.state, outcome.diagnostics)
}

/// The status of each readiness check.
fn statuses(readiness: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = readiness.at("checks").elements().unwrap_or_default().iter();
    checks.map(|check| (text(check.at("id")), text(check.at("status")))).collect()
}

#[test]
fn data_sources_on_pve_9() {
    let Some(cluster) = readiness::cluster("privileges::data_sources_on_pve_9", Pve::V9) else { return };
    readiness::share_disks(&cluster);
    readiness::back_up(&cluster);
    let nodes = cluster.nodes();
    let ids = |on: On| match on {
        On::Node => nodes.clone(),
        On::Guest => ["100", "101"].map(str::to_owned).to_vec(),
        On::Storage | On::BackupStorage | On::FleecingStorage => vec!["shared-nfs".to_owned()],
        On::Guests | On::Pool | On::Root | On::Storages | On::Notifications => vec![String::new()],
    };
    let config = json!({});
    for feature in DATA_SOURCES.iter().filter(|feature| feature.name != JOBS) {
        let name = feature.name;
        let rights = rights(of_data_source(name), Pve::V9, ids);
        let user = name.replace('_', "-");
        let secret = token(&cluster, &user, &rights);
        let allowed = runtime::block_on(async {
            let core = core_of(&cluster, secret).await;
            let (found, said) = read(&core, name, &config).await;
            assert!(!said.has_error() && !reported(&said).contains(" on /"), "{name}: {}", reported(&said));
            let root = read(&Core::new(&cluster, &[]).await, name, &config).await.0;
            // A cluster has more guests than those that are HA resources.
            if name == "pve_ha_readiness" {
                assert_eq!(statuses(&found), statuses(&root));
            }
            found
        });
        for (at, (privilege, path)) in rights.iter().enumerate() {
            let secret = token(&cluster, &format!("{user}-{at}"), &without(&rights, at));
            runtime::block_on(async {
                let core = core_of(&cluster, secret).await;
                let (found, said) = read(&core, name, &config).await;
                let is_reported = said.has_error() && reported(&said).contains(privilege)
                    || reported(&said).contains(&format!("{privilege} on "));
                let (before, now) = (statuses(&allowed), statuses(&found));
                let lost: Vec<_> = now.iter().filter(|(id, status)| before[*id] != **status).collect();
                assert!(
                    lost.iter().all(|(_, status)| *status == "unknown"),
                    "{name} without {privilege} on {path}: {lost:?}"
                );
                assert!(is_reported || !lost.is_empty(), "{name} without {privilege} on {path}: {}", reported(&said));
            });
        }
    }
}

/// The actions that a token alone decides about, with arguments that succeed as often as they are invoked.
#[test]
fn actions_on_pve_9() {
    let Some(cluster) = Cluster::own("privileges::actions_on_pve_9", Options::default()) else { return };
    for (name, config) in [("pve_notification_test", json!({"target": "mail-to-root"}))] {
        let rights = rights(of_action(name), Pve::V9, |_| vec![String::new()]);
        let user = name.replace('_', "-");
        let invoke =
            |secret: Json| runtime::block_on(async { core_of(&cluster, secret).await.invoke(name, &config).await });
        let invoked = invoke(token(&cluster, &user, &rights));
        assert_eq!(invoked.ending, Ending::Done, "{name}: {}", reported(&invoked.diagnostics));
        for (at, (privilege, path)) in rights.iter().enumerate() {
            let invoked = invoke(token(&cluster, &format!("{user}-{at}"), &without(&rights, at)));
            let said = reported(&invoked.diagnostics);
            assert!(invoked.ending == Ending::Refused && said.contains(privilege), "{privilege} on {path}: {said}");
        }
    }
}

/// Proxmox leaves the jobs of other guests out, and nothing says that there are any: one privilege, one guest's jobs.
#[test]
fn jobs_are_those_of_the_guests_that_may_be_seen() {
    let name = "privileges::jobs_are_those_of_the_guests_that_may_be_seen";
    let Some(cluster) = Cluster::own(name, Options::default()) else { return };
    let guests = cluster.guests(2, 0).vms;
    for guest in &guests {
        let home = cluster.node_of(guest);
        let target = cluster.nodes().into_iter().find(|node| *node != home).unwrap();
        cluster
            .api
            .post("/cluster/replication", &[("id", &format!("{guest}-0")), ("type", "local"), ("target", &target)]);
    }
    let rights = rights(of_data_source(JOBS), Pve::V9, |on| {
        assert_eq!(on, On::Guest);
        guests.clone()
    });
    assert_eq!(rights.len(), guests.len());
    let seen = |secret: Json| {
        runtime::block_on(async {
            let core = core_of(&cluster, secret).await;
            let (found, said) = read(&core, JOBS, &json!({})).await;
            assert!(!said.has_error(), "{}", reported(&said));
            let jobs = found.at("jobs").elements().unwrap_or_default().to_vec();
            (
                jobs.iter().map(|job| job.at("id").as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>(),
                reported(&said),
            )
        })
    };
    let all: Vec<String> = guests.iter().map(|guest| format!("{guest}-0")).collect();
    let (found, said) = seen(token(&cluster, "all", &rights));
    assert_eq!(found, all);
    assert!(!said.contains(" on /"), "{said}");
    for at in 0..rights.len() {
        let (found, _) = seen(token(&cluster, &format!("without-{at}"), &without(&rights, at)));
        let others: Vec<_> =
            all.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, id)| id.clone()).collect();
        assert_eq!(found, others, "without {:?}", rights[at]);
    }
}

#[test]
fn without_the_privilege_on_guests_a_warning_says_that_jobs_are_missing() {
    let name = "privileges::without_the_privilege_on_guests_a_warning_says_that_jobs_are_missing";
    let Some(cluster) = Cluster::own(name, Options::default()) else { return };
    let secret = token(&cluster, "blind", &[]);
    runtime::block_on(async {
        let core = core_of(&cluster, secret).await;
        let said = read(&core, JOBS, &json!({})).await.1;
        assert!(reported(&said).contains("VM.Audit on /vms"), "{}", reported(&said));
    });
}

/// Over SSH the API is needed for the addresses of the nodes only.
#[test]
fn what_is_done_over_ssh_says_what_it_needs_of_the_api() {
    let test = "privileges::what_is_done_over_ssh_says_what_it_needs_of_the_api";
    let Some(cluster) = Cluster::own(test, Options { ssh: true, ..Options::default() }) else { return };
    let hosted =
        ["pve_corosync_options", "pve_fence_device", "pve_node_maintenance", "pve_node_watchdog", "pve_qdevice"];
    let same = RESOURCES.iter().filter(|feature| hosted.contains(&feature.name)).map(|feature| feature.needs);
    assert!(same.clone().count() == hosted.len() && same.clone().all(|needs| needs == of_resource(hosted[0])));
    let rights = rights(of_resource("pve_node_watchdog"), Pve::V9, |_| vec![String::new()]);
    let config = json!({"node": "pve2", "module": "softdog"});
    let secret = token(&cluster, "with", &rights);
    let bare = token(&cluster, "bare", &[]);
    runtime::block_on(async {
        let core = core_of(&cluster, secret).await;
        let mut object = Object::new("pve_node_watchdog");
        let said = core.apply(&mut object, Some(&config)).await;
        assert!(errors(&said).is_empty(), "{}", reported(&said));
        let bare = core_of(&cluster, bare).await;
        let said = bare.apply(&mut object, Some(&config)).await;
        assert!(errors(&said).iter().any(|error| error.contains("Sys.Audit")), "{}", reported(&said));
        assert!(errors(&core.apply(&mut object, None).await).is_empty());
    });
}
