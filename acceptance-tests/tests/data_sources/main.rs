//! Every data source against the emulator, in one process: provider, client and cluster, without a CLI in between.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

mod balance;

use futures_util::future::join_all;
use pve_emulator::world::World;
use pve_emulator::{Emulator, Handle, Options, Release};
use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::{Elements, Provider, Severity, Value};
use terraform_provider_pve::registry;

async fn cluster(release: Release) -> Handle {
    Emulator::start(Options { release, ..Options::default() }).await.unwrap()
}

fn change(cluster: &Handle, edit: impl FnOnce(&mut World)) {
    edit(&mut cluster.cluster().world());
}

/// A walk of its own: nothing is remembered of earlier ones.
async fn walk(cluster: &Handle) -> Provider {
    let provider = registry::provider();
    let block = [
        ("endpoint", Value::from(cluster.endpoint())),
        ("api_token", Value::from(cluster.api_token().unwrap())),
        ("insecure", Value::from(false)),
        ("tls_fingerprint", Value::from(cluster.fingerprint())),
    ];
    let diagnostics = provider.configure(&Value::object(block)).await;
    assert!(!diagnostics.has_error(), "{diagnostics:?}");
    provider
}

/// What the data source `name` reads, and the details of its warnings.
async fn read_of(provider: &Provider, name: &str, arguments: &[(&str, Value)]) -> (Json, Vec<String>) {
    let config = Value::object(arguments.iter().cloned());
    let outcome = provider.data_source(name).unwrap().read_data(config).await;
    let details = outcome.diagnostics.iter().map(|diagnostic| {
        assert_eq!(diagnostic.severity, Severity::Warning, "{name}: {}", diagnostic.detail);
        diagnostic.detail.clone()
    });
    let details = details.collect();
    (outcome.state.to_json(), details)
}

async fn read(cluster: &Handle, name: &str, arguments: &[(&str, Value)]) -> Json {
    let (state, warnings) = read_of(&walk(cluster).await, name, arguments).await;
    assert_eq!(warnings, [""; 0], "{name}");
    state
}

#[tokio::test]
async fn every_data_source_reads_the_same_twice_though_proxmox_answers_in_another_order() {
    for release in [Release::V8, Release::V9, Release::V9Unmigrated] {
        let cluster = cluster(release).await;
        let names: Vec<_> = registry::provider().data_sources().map(|(name, _)| name).collect();
        for name in names {
            let mut reads = [read(&cluster, name, &[]).await, read(&cluster, name, &[]).await];
            for lrm in reads.iter_mut().filter_map(|state| state["lrm"].as_array_mut()).flatten() {
                // Documented as different from read to read.
                lrm["age_seconds"].take();
            }
            assert_eq!(reads[0], reads[1], "{name} on {release:?}");
        }
    }
}

#[tokio::test]
async fn groups_and_rules_are_where_the_release_has_them() {
    for (release, groups, rules) in
        [(Release::V8, true, false), (Release::V9, false, true), (Release::V9Unmigrated, true, true)]
    {
        let cluster = cluster(release).await;
        assert_eq!(read(&cluster, "pve_ha_groups", &[]).await["supported"], groups, "{release:?}");
        assert_eq!(read(&cluster, "pve_ha_rules", &[]).await["supported"], rules, "{release:?}");
        let major = if release == Release::V8 { 8 } else { 9 };
        assert_eq!(read(&cluster, "pve_version", &[]).await["major"], major);
    }
}

#[tokio::test]
async fn a_dead_node_takes_its_vote_along() {
    let cluster = cluster(Release::V9).await;
    let quorum = read(&cluster, "pve_quorum", &[]).await;
    let votes = |quorum: &Json| {
        ["expected_votes", "total_votes", "needed_votes", "tolerated_node_failures"].map(|name| quorum[name].as_i64())
    };
    assert_eq!(votes(&quorum), [Some(3), Some(3), Some(2), Some(1)]);
    assert_eq!(quorum["cluster_name"], "emulated");

    change(&cluster, |world| {
        world.power("pve3", false);
        world.advance(10.0);
    });
    let quorum = read(&cluster, "pve_quorum", &[]).await;
    assert_eq!(votes(&quorum), [Some(3), Some(2), Some(2), Some(0)]);
    assert_eq!(quorum["quorate"], true);
    let online = read(&cluster, "pve_nodes", &[("online", Value::from(true))]).await;
    assert_eq!(online["names"], json!(["pve1", "pve2"]));

    change(&cluster, |world| {
        world.power("pve2", false);
        world.advance(10.0);
    });
    let quorum = read(&cluster, "pve_quorum", &[]).await;
    assert_eq!((&quorum["quorate"], votes(&quorum)), (&json!(false), [Some(3), Some(1), Some(2), Some(0)]));
    let status = read(&cluster, "pve_ha_status", &[]).await;
    assert_eq!(status["healthy"], false);
    assert!(status["problems"][0].as_str().unwrap().starts_with("no quorum"), "{}", status["problems"]);
}

#[tokio::test]
async fn resources_and_groups_are_filtered() {
    let cluster = cluster(Release::V8).await;
    change(&cluster, |world| {
        world.write_file(
            "/etc/pve/ha/groups.cfg",
            "group: fast\n\tnodes pve1:2,pve2\n\trestricted 1\n\ngroup: slow\n\tnodes pve3\n",
        );
        world.write_file(
            "/etc/pve/ha/resources.cfg",
            "vm: 101\n\tgroup fast\n\tstate enabled\n\nvm: 100\n\tmax_restart 3\n\nct: 950\n\tstate stopped\n",
        );
    });
    let all = read(&cluster, "pve_ha_resources", &[]).await;
    assert_eq!(all["sids"], json!(["ct:950", "vm:100", "vm:101"]));
    assert_eq!(all["resources"][1]["max_restart"], 3);
    let started = read(&cluster, "pve_ha_resources", &[("state", Value::from("started"))]).await;
    assert_eq!(started["sids"], json!(["vm:100", "vm:101"]));
    assert_eq!(started["state"], "started");
    let of_group = read(&cluster, "pve_ha_resources", &[("group", Value::from("fast"))]).await;
    assert_eq!(of_group["sids"], json!(["vm:101"]));
    let on_pve3 = read(&cluster, "pve_ha_groups", &[("node", Value::from("pve3"))]).await;
    assert_eq!(on_pve3["groups"][0]["name"], "slow");
    assert_eq!(on_pve3["groups"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn rules_are_typed_and_filtered() {
    let cluster = cluster(Release::V9).await;
    change(&cluster, |world| {
        world.write_file("/etc/pve/ha/resources.cfg", "vm: 100\n\nvm: 101\n");
        world.write_file(
            "/etc/pve/ha/rules.cfg",
            "resource-affinity: zz\n\taffinity negative\n\tresources vm:100,vm:101\n\n\
             node-affinity: aa\n\tnodes pve1:2,pve2:2\n\tresources vm:100\n\tstrict 1\n",
        );
    });
    let rules = read(&cluster, "pve_ha_rules", &[]).await;
    let names: Vec<_> = rules["rules"].as_array().unwrap().iter().map(|rule| &rule["name"]).collect();
    assert_eq!(names, ["aa", "zz"]);
    assert_eq!(rules["rules"][0]["nodes"], json!({"pve1": 2, "pve2": 2}));
    assert_eq!((&rules["rules"][0]["strict"], &rules["rules"][1]["strict"]), (&json!(true), &Json::Null));
    let negative = read(&cluster, "pve_ha_rules", &[("type", Value::from("resource-affinity"))]).await;
    assert_eq!(negative["rules"][0]["affinity"], "negative");
    assert_eq!(negative["rules"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_runs_of_a_dead_source_node_are_unknown_and_the_rest_is_reported() {
    let cluster = cluster(Release::V9).await;
    change(&cluster, |world| {
        world.write_file(
            "/etc/pve/replication.cfg",
            "local: 101-0\n\ttarget pve3\n\tsource pve2\n\nlocal: 100-0\n\ttarget pve3\n\tsource pve1\n",
        );
        world.advance(1800.0);
    });
    let jobs = read(&cluster, "pve_replication_jobs", &[]).await;
    assert_eq!(jobs["jobs"][0]["id"], "100-0");
    for job in jobs["jobs"].as_array().unwrap() {
        assert_eq!(job["fail_count"], 0, "{job}");
        assert!(job["last_sync"].as_str().unwrap().ends_with('Z'), "{job}");
    }

    change(&cluster, |world| {
        world.power("pve2", false);
        world.advance(10.0);
    });
    let (jobs, warnings) = read_of(&walk(&cluster).await, "pve_replication_jobs", &[]).await;
    assert_eq!(jobs["jobs"][0]["fail_count"], 0);
    let lost = &jobs["jobs"][1];
    assert_eq!(lost["id"], "101-0");
    for name in ["last_sync", "lag_seconds", "fail_count", "error"] {
        assert!(lost[name].is_null(), "{name}");
    }
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("101-0: node pve2 is not online"), "{}", warnings[0]);
    // Without the argument it is not reported.
    let of_pve1 = read(&cluster, "pve_replication_jobs", &[("source", Value::from("pve1"))]).await;
    assert_eq!(of_pve1["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn options_are_typed() {
    let cluster = cluster(Release::V9).await;
    change(&cluster, |world| {
        world.write_file(
            "/etc/pve/datacenter.cfg",
            "#my notes\n\nbwlimit: migration=1024\ncrs: ha=static,ha-rebalance-on-start=1\n\
             ha: shutdown_policy=migrate\nkeyboard: de\nmax_workers: 8\nnext-id: lower=200\n",
        );
    });
    let options = read(&cluster, "pve_datacenter_options", &[]).await;
    assert_eq!(options["ha"], json!({"shutdown_policy": "migrate"}));
    assert_eq!(options["crs"]["ha_rebalance_on_start"], true);
    assert_eq!((&options["max_workers"], &options["next_id"]["lower"]), (&json!(8), &json!(200)));
    assert!(options["migration"].is_null());
    assert_eq!(options["description"], "my notes");
}

/// Fifty guests, each of them an HA resource.
fn fifty_ha_guests(world: &mut World) {
    let pattern = world.guests[&100].clone();
    let mut resources = String::new();
    for vmid in 1000..1050 {
        let node = format!("pve{}", vmid % 3 + 1);
        let guest = pve_emulator::world::Guest { vmid, node, name: format!("guest{vmid}"), ..pattern.clone() };
        world.guests.insert(vmid, guest);
        resources.push_str(&format!("vm: {vmid}\n\tstate started\n\n"));
    }
    world.write_file("/etc/pve/ha/resources.cfg", &*resources);
    world.advance(60.0);
}

/// How often the cluster was asked: for configurations of guests, for anything else of a node, and for anything else.
fn asked(cluster: &Handle) -> [u64; 3] {
    let report = cluster.counters().report();
    let mut asked = [0; 3];
    for (request, count) in report["requests"].as_object().unwrap() {
        let kind =
            if request.ends_with("/{vmid}/config") { 0 } else { usize::from(!request.contains("/nodes/{node}")) + 1 };
        asked[kind] += count.as_u64().unwrap();
    }
    asked
}

#[tokio::test]
async fn a_walk_reads_each_guest_once_for_both_data_sources_and_only_readiness_asks_the_nodes() {
    let cluster = cluster(Release::V9).await;
    change(&cluster, fifty_ha_guests);
    let (simulation, readiness) = ("pve_ha_failover_simulation", "pve_ha_readiness");
    let report = [("report", Value::from(true))];
    for (expected, reads) in [
        ([50, 0, 13], &[(simulation, &[][..])][..]),
        ([50, 0, 13], &[(simulation, &report)]),
        // Of each node its version, its backups, and its tasks of the last hour; of the cluster Corosync's timeouts.
        ([50, 9, 17], &[(readiness, &[])]),
        ([50, 9, 17], &[(readiness, &[]), (simulation, &report)]),
        ([50, 9, 17], &[(simulation, &[]), (readiness, &[])]),
    ] {
        let provider = walk(&cluster).await;
        cluster.counters().reset();
        for (name, arguments) in reads {
            read_of(&provider, name, arguments).await;
        }
        assert_eq!(asked(&cluster), expected, "{reads:?}");
        // At the same time, too.
        let provider = walk(&cluster).await;
        cluster.counters().reset();
        join_all(reads.iter().map(|(name, arguments)| read_of(&provider, name, arguments))).await;
        assert_eq!(asked(&cluster), expected, "{reads:?} at once");
    }
}

#[tokio::test]
async fn guests_that_the_ha_manager_ignores_are_not_read() {
    let cluster = cluster(Release::V9).await;
    change(&cluster, |world| {
        fifty_ha_guests(world);
        world.write_file("/etc/pve/ha/resources.cfg", "vm: 1000\n\tstate started\n\nvm: 1001\n\tstate ignored\n");
    });
    let provider = walk(&cluster).await;
    cluster.counters().reset();
    // Only 1000 is looked after; a plan removes it, and has another one looked after.
    let planned = Value::List(vec![Value::object([("sid", Value::from("vm:1002"))])]);
    let removed = Value::set([Value::from("vm:1000")]);
    read_of(&provider, "pve_ha_failover_simulation", &[("resources", planned), ("removed", removed)]).await;
    assert_eq!(asked(&cluster)[0], 1);
    read_of(&provider, "pve_ha_readiness", &[]).await;
    assert_eq!(asked(&cluster)[0], 2);
}

#[tokio::test]
async fn the_page_is_there_where_it_is_asked_for() {
    let cluster = cluster(Release::V9).await;
    let provider = walk(&cluster).await;
    let page = async |arguments: &[(&str, Value)]| {
        read_of(&provider, "pve_ha_failover_simulation", arguments).await.0["report_html"].clone()
    };
    let check = ["id", "title", "level", "status", "detail"].map(|name| (name, Value::from("pass")));
    let check = Value::object(check.into_iter().chain([("level", Value::from("mandatory")), ("remedy", Value::Null)]));
    let checks = ("readiness", Value::List(vec![check]));
    let report = |requested: bool| ("report", Value::from(requested));
    assert_eq!([page(&[]).await, page(&[report(false), checks.clone()]).await], [Json::Null, Json::Null]);
    let is_page = |page: &Json| page.as_str().unwrap().starts_with("<!DOCTYPE html>");
    assert!(is_page(&page(&[report(true)]).await) && is_page(&page(&[checks]).await));
}

/// Stops the provider at the first element.
struct StopsAtOnce<'a>(&'a Provider, usize);

impl Elements for StopsAtOnce<'_> {
    fn push(&mut self, _: Value) {
        self.1 += 1;
        self.0.stop();
    }
}

#[tokio::test]
async fn pairs_of_failures_are_given_away_while_they_are_played() {
    let cluster = cluster(Release::V9).await;
    let provider = walk(&cluster).await;
    let mut elements = StopsAtOnce(&provider, 0);
    let config = Value::object([("depth", Value::from(2))]);
    let outcome = provider.data_source("pve_ha_failover_simulation").unwrap().read_into(config, &mut elements).await;
    // Had they been kept until the end, all three would have come.
    assert_eq!(elements.1, 1);
    assert!(outcome.diagnostics.has_error() && outcome.state == Value::Null);
}

#[tokio::test]
async fn the_routes_of_events_follow_the_matchers() {
    for release in [Release::V8, Release::V9] {
        let cluster = cluster(release).await;
        let fencing = |read: Json| read["routes"].as_array().unwrap()[0].clone();
        let builtin = read(&cluster, "pve_notification_targets", &[]).await;
        assert_eq!(builtin["matchers"][0]["name"], "default-matcher");
        let route = fencing(builtin);
        assert_eq!(
            (&route["event"], &route["complete"], &route["gap"]),
            (&json!("fencing"), &json!(true), &Json::Null)
        );

        change(&cluster, |world| {
            world.write_file(
                "/etc/pve/notifications.cfg",
                "matcher: default-matcher\n\tdisable true\n\tmode all\n\ttarget mail-to-root\n\n\
                 matcher: office\n\tmatch-calendar mon..fri 8-17\n\ttarget mail-to-root\n",
            );
        });
        let route = fencing(read(&cluster, "pve_notification_targets", &[]).await);
        assert_eq!((&route["matchers"], &route["targets"]), (&json!(["office"]), &json!(["mail-to-root"])));
        assert_eq!((&route["complete"], &route["gap"]), (&json!(false), &json!("pve1, mon 00:00")));
    }
}
