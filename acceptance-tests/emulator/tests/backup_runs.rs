//! Runs of backups: which guests of which node, on what they fail, and what is notified of.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

mod support;

use pve_emulator::api::backup::{list_runs, run_now};
use pve_emulator::api::notifications::outbox::Record;
use pve_emulator::clock::Clock;
use pve_emulator::pipeline::Cluster;
use pve_emulator::route::Method;
use pve_emulator::world::{Failing, Pve};
use pve_emulator::{Initial, Seed};
use serde_json::{Value, json};

/// Half past one on a day in November; guests 100 and 103 are on pve1, 101 is on pve2, 102 on pve3.
const START: f64 = 1_795_397_400.0;
/// From then until after the runs of 2 o'clock.
const UNTIL_TWO: f64 = 1900.0;

fn cluster() -> Cluster {
    Cluster::new(Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(START)))
}

fn call(cluster: &Cluster, method: Method, path: &str, params: Value) -> Result<Value, String> {
    let params = params.as_object().cloned().unwrap_or_default();
    cluster.call_as_root(method, path, params).map(|reply| reply.data).map_err(|error| error.stringified())
}

fn post(cluster: &Cluster, path: &str, params: Value) -> Value {
    call(cluster, Method::Post, path, params).unwrap()
}

fn with_job(params: Value) -> Cluster {
    let cluster = cluster();
    post(&cluster, "/cluster/backup", params);
    cluster
}

/// Node, guests and status of each run, the oldest first.
fn runs(cluster: &Cluster) -> Vec<(String, Vec<u64>, String)> {
    let runs = list_runs(&cluster.world());
    let one = |run: &Value| {
        let guests = run["guests"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
        (run["node"].as_str().unwrap().into(), guests, run["status"].as_str().unwrap_or("runs").into())
    };
    runs.as_array().unwrap().iter().map(one).collect()
}

fn ran(node: &str, guests: &[u64], status: &str) -> (String, Vec<u64>, String) {
    (node.into(), guests.to_vec(), status.into())
}

/// Node and job of each result that was notified of, and whether it was a success.
fn events(cluster: &Cluster) -> Vec<(String, Option<String>, bool)> {
    let world = cluster.world();
    let results = world.notifications.log().filter(|record| record.event == "vzdump");
    let field = |record: &Record, name: &str| record.fields.get(name).cloned();
    results
        .map(|record| (field(record, "hostname").unwrap(), field(record, "job-id"), record.severity == "info"))
        .collect()
}

#[test]
fn a_job_that_mails_its_result_notifies_of_nothing() {
    let nightly = json!({"id": "nightly", "schedule": "02:00", "vmid": "100"});
    let with = |option: &str, value: &str| {
        let mut job = nightly.clone();
        job[option] = json!(value);
        let cluster = with_job(job);
        cluster.world().advance(UNTIL_TWO);
        assert_eq!(runs(&cluster).len(), 1);
        events(&cluster).len()
    };
    assert_eq!(with("mailto", "ops@example.org"), 0);
    assert_eq!(with("notification-mode", "legacy-sendmail"), 0);
    assert_eq!(with("notification-mode", "notification-system"), 1);
    assert_eq!(with("notification-mode", "auto"), 1);
}

#[test]
fn a_missed_run_is_made_up_for_after_boot_if_the_job_says_so() {
    let cluster = with_job(json!({"id": "late", "schedule": "02:00", "vmid": "102", "repeat-missed": "1"}));
    cluster.world().advance(120.0);
    cluster.world().power("pve3", false);
    cluster.world().advance(UNTIL_TWO);
    assert_eq!(runs(&cluster), []);
    cluster.world().power("pve3", true);
    cluster.world().advance(120.0);
    assert_eq!(runs(&cluster), [ran("pve3", &[102], "OK")]);
}

#[test]
fn a_job_pinned_to_the_old_node_skips_a_recovered_guest() {
    let cluster = with_job(json!({"id": "pinned", "schedule": "02:00", "vmid": "100", "node": "pve1"}));
    post(&cluster, "/cluster/backup", json!({"id": "free", "schedule": "02:00", "vmid": "100"}));
    post(&cluster, "/cluster/ha/resources", json!({"sid": "vm:100"}));
    cluster.world().advance(60.0);
    cluster.world().power("pve1", false);
    cluster.world().advance(400.0);
    let node = cluster.world().guests[&100].node.clone();
    assert_ne!(node, "pve1", "it was recovered");
    cluster.world().power("pve1", true);
    cluster.world().advance(UNTIL_TWO - 460.0);
    assert_eq!(runs(&cluster), [ran(&node, &[100], "OK")]);
    let run = &list_runs(&cluster.world())[0];
    assert_eq!(run["job"], "free");
    assert!(run["started"].as_i64() < run["ended"].as_i64(), "{run}");
}

#[test]
fn a_guest_is_backed_up_where_it_is_at_that_time() {
    let cluster = with_job(json!({"id": "nightly", "schedule": "02:00", "vmid": "100"}));
    cluster.world().advance(UNTIL_TWO);
    cluster.world().move_guest(100, "pve3");
    cluster.world().advance(86_400.0);
    assert_eq!(runs(&cluster), [ran("pve1", &[100], "OK"), ran("pve3", &[100], "OK")]);
}

#[test]
fn a_job_of_a_pool_has_the_guests_that_are_in_it_then() {
    let cluster = cluster();
    post(&cluster, "/pools", json!({"poolid": "prod"}));
    let put = |params| call(&cluster, Method::Put, "/pools/prod", params);
    put(json!({"vms": "100,101"})).unwrap();
    let again = Err("update pools failed: VM 101 is already a pool member\n".to_owned());
    assert_eq!(put(json!({"vms": "101"})), again);
    post(&cluster, "/cluster/backup", json!({"id": "prod", "schedule": "02:00", "pool": "prod"}));
    put(json!({"vms": "101", "delete": "1"})).unwrap();
    put(json!({"vms": "102"})).unwrap();
    cluster.world().advance(UNTIL_TWO);
    assert_eq!(runs(&cluster), [ran("pve1", &[100], "OK"), ran("pve3", &[102], "OK")]);
    let resources = call(&cluster, Method::Get, "/cluster/resources", json!({"type": "vm"})).unwrap();
    let in_pool = |row: &&Value| row["pool"] == "prod";
    assert_eq!(resources.as_array().unwrap().iter().filter(in_pool).count(), 2);
    let read = |path: &str| call(&cluster, Method::Get, path, json!({})).unwrap();
    assert_eq!(read("/pools"), json!([{"poolid": "prod"}]));
    let members = read("/pools/prod")["members"].clone();
    let ids: Vec<&Value> = members.as_array().unwrap().iter().map(|member| &member["id"]).collect();
    assert_eq!(ids, ["qemu/100", "qemu/102"]);
    let full = Err("delete pool failed: pool 'prod' is not empty (contains VMs)\n".to_owned());
    let remove = || call(&cluster, Method::Delete, "/pools/prod", json!({}));
    assert_eq!(remove(), full);
    post(&cluster, "/pools", json!({"poolid": "other"}));
    let take = |more: Value| {
        let mut params = json!({"vms": "100"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call(&cluster, Method::Put, "/pools/other", params)
    };
    let belongs = "update pools failed: VM 100 belongs already to pool 'prod' and allow-move is not set\n".to_owned();
    assert_eq!(take(json!({})), Err(belongs));
    take(json!({"allow-move": "1"})).unwrap();
    // A guest that is destroyed leaves its pool.
    call(&cluster, Method::Delete, "/nodes/pve3/qemu/102", json!({})).unwrap();
    cluster.world().advance(60.0);
    remove().unwrap();
}

#[test]
fn a_changed_schedule_counts_from_the_change() {
    let cluster = with_job(json!({"id": "job", "schedule": "05:00", "vmid": "103,100"}));
    cluster.world().advance(UNTIL_TWO + 600.0);
    call(&cluster, Method::Put, "/cluster/backup/job", json!({"schedule": "02:00"})).unwrap();
    cluster.world().advance(3600.0);
    assert_eq!(runs(&cluster), [], "two o'clock is over");
    cluster.world().advance(86_400.0);
    assert_eq!(runs(&cluster), [ran("pve1", &[100, 103], "OK")]);
}

#[test]
fn without_quorum_nothing_is_run() {
    let cluster = with_job(json!({"id": "nightly", "schedule": "02:00", "vmid": "100"}));
    cluster.world().advance(120.0);
    for node in ["pve2", "pve3"] {
        cluster.world().power(node, false);
    }
    cluster.world().advance(UNTIL_TWO);
    assert_eq!(runs(&cluster), []);
}

#[test]
fn a_run_with_stop_ends_those_before_it() {
    let cluster = cluster();
    post(&cluster, "/nodes/pve1/vzdump", json!({"vmid": "100,103"}));
    assert_eq!(post(&cluster, "/nodes/pve1/vzdump", json!({"stop": "1"})), json!("OK"));
    assert_eq!(runs(&cluster), [ran("pve1", &[100, 103], "unexpected status")]);
}

#[test]
fn a_run_fails_where_its_storage_is_not() {
    let cluster = cluster();
    let text = cluster.world().file("/etc/pve/storage.cfg").to_owned();
    let text = text
        + "\ndir: elsewhere\n\tpath /e\n\tcontent backup\n\tnodes pve2\n\ndir: off\n\tpath /o\n\tcontent backup\n\tdisable\n";
    cluster.world().write_file("/etc/pve/storage.cfg", text);
    cluster.world().offline_storages.insert(("shared-nfs".into(), "pve1".into()));
    let expected = [
        ("bogus", "could not get storage information for 'bogus': storage 'bogus' does not exist"),
        (
            "local-zfs",
            "could not get storage information for 'local-zfs': can't use storage 'local-zfs' for backups - wrong content type",
        ),
        ("elsewhere", "could not activate storage 'elsewhere': storage 'elsewhere' is not available on node 'pve1'"),
        ("off", "could not activate storage 'off': storage 'off' is disabled"),
        ("shared-nfs", "could not activate storage 'shared-nfs': storage 'shared-nfs' is not online"),
        ("local", "OK"),
    ];
    for (storage, _) in expected {
        post(&cluster, "/nodes/pve1/vzdump", json!({"vmid": "100", "storage": storage}));
        cluster.world().advance(10.0);
    }
    let storage = |node: &str| {
        let params = json!({"storage": "shared-nfs"});
        call(&cluster, Method::Get, &format!("/nodes/{node}/storage"), params).unwrap()[0]["active"].clone()
    };
    assert_eq!((storage("pve1"), storage("pve2")), (json!(0), json!(1)));
    let status = runs(&cluster).into_iter().map(|(.., status)| status).collect::<Vec<_>>();
    assert_eq!(status, expected.map(|(_, status)| status));
    assert_eq!(events(&cluster).iter().filter(|(.., ok)| !ok).count(), 5, "each failure is notified of");
}

#[test]
fn a_run_at_once_has_the_guests_of_its_node_only() {
    let cluster = cluster();
    let run = |node: &str, params: Value| call(&cluster, Method::Post, &format!("/nodes/{node}/vzdump"), params);
    let upid = run("pve2", json!({"vmid": "100,101"})).unwrap();
    assert!(upid.as_str().unwrap().starts_with("UPID:pve2:"), "{upid}");
    assert_eq!(run("pve3", json!({"vmid": "100"})), Ok(json!("OK")), "there is nothing to do");
    let missing = Err("400 Parameter verification failed.\nvmid: property is missing\n".to_owned());
    assert_eq!(run("pve1", json!({"storage": "local"})), missing);
    assert!(run("pve1", json!({"vmid": "100", "schedule": "2:00"})).is_err());
    cluster.world().advance(10.0);
    assert_eq!(runs(&cluster), [ran("pve2", &[101], "OK")]);
    assert_eq!(events(&cluster), [("pve2".to_owned(), None, true)]);
}

#[test]
fn the_next_backup_fails_or_all_do() {
    let cluster = with_job(json!({"id": "nightly", "schedule": "02:00", "vmid": "100"}));
    cluster.world().backup.failing.add(100, Failing::Once);
    cluster.world().advance(UNTIL_TWO);
    cluster.world().advance(86_400.0);
    assert_eq!(runs(&cluster), [ran("pve1", &[100], "job errors"), ran("pve1", &[100], "OK")]);
    let event = |ok| ("pve1".to_owned(), Some("nightly".to_owned()), ok);
    assert_eq!(events(&cluster), [event(false), event(true)]);
}

#[test]
fn one_run_at_a_time_on_a_node_and_none_of_a_job_that_runs() {
    let cluster = with_job(json!({"id": "often", "schedule": "*/1", "all": "1", "node": "pve1"}));
    let guests: Vec<u32> = cluster.world().guests.keys().copied().collect();
    for vmid in guests {
        cluster.world().move_guest(vmid, "pve1");
    }
    // The schedulers get to know the job; two runs of 55 s each keep the node busy beyond the next minute.
    cluster.world().advance(2.0);
    for _ in 0..2 {
        assert!(run_now(&mut cluster.world(), "often"));
    }
    cluster.world().advance(60.0);
    post(&cluster, "/nodes/pve1/vzdump", json!({"vmid": "100", "lockwait": "0"}));
    cluster.world().advance(70.0);
    let timeout = "can't acquire lock '/var/run/vzdump.lock' - got timeout";
    let status: Vec<String> = runs(&cluster).into_iter().map(|(.., status)| status).collect();
    // The third is the one that was due after a minute. After two it still waits, and is not started again.
    assert_eq!(status, ["OK", "OK", "runs", timeout]);
    let list = list_runs(&cluster.world());
    let taken = |run: &Value| run["ended"].as_i64().unwrap() - run["started"].as_i64().unwrap();
    assert_eq!((taken(&list[0]), taken(&list[1])), (55, 110), "it waits for the one before it");
    cluster.world().advance(60.0);
    assert_eq!(runs(&cluster).len(), 5);
}

#[test]
fn a_node_that_dies_leaves_no_result() {
    let cluster = with_job(json!({"id": "nightly", "schedule": "02:00", "vmid": "100"}));
    cluster.world().advance(1801.0);
    assert_eq!(runs(&cluster), [ran("pve1", &[100], "runs")]);
    cluster.world().power("pve1", false);
    cluster.world().advance(60.0);
    assert_eq!(runs(&cluster), [ran("pve1", &[100], "unexpected status")]);
    assert_eq!(events(&cluster), []);
}

#[tokio::test]
async fn whoever_runs_backups_needs_their_privileges() {
    let handle = support::start().await;
    let root = async |method: &str, path: &str, form: &str| support::call(&handle, method, path, form).await.unwrap();
    root("POST", "/access/users", "userid=b@pve").await;
    for role in ["Datastore.AllocateSpace", "VM.Backup", "Sys.Modify"] {
        root("POST", "/access/roles", &format!("roleid=R{role}&privs={role}")).await;
    }
    let token = root("POST", "/access/users/b@pve/token/tt", "privsep=0").await.data();
    let header = format!("Authorization: PVEAPIToken=b@pve!tt={}", token["value"].as_str().unwrap());
    let grant = async |path: &str, role: &str| {
        let granted = root("PUT", "/access/acl", &format!("path={path}&roles=R{role}&users=b@pve")).await;
        assert_eq!(granted.status, 200, "{path}");
    };
    let run =
        async |form: &str| support::call_with(&handle, "POST", "/nodes/pve1/vzdump", &header, form).await.unwrap();
    let refused = async |form: &str, status: u16, what: &str| {
        let answer = run(form).await;
        assert_eq!((answer.status, answer.reason.as_str()), (status, what), "{form}");
    };
    let denied = |what: &str| format!("Permission check failed ({what})");
    refused("vmid=100", 403, &denied("/storage/local, Datastore.AllocateSpace")).await;
    grant("/storage/local", "Datastore.AllocateSpace").await;
    refused("vmid=100&bwlimit=5", 403, &denied("/, Sys.Modify")).await;
    refused("all=1&stop=1", 403, &denied("/nodes/pve1, Sys.Modify")).await;
    refused("vmid=100&prune-backups=keep-last%3D1", 403, &denied("/storage/local, Datastore.Allocate")).await;
    let fleecing = "vmid=100&fleecing=1,storage%3Dlocal-zfs";
    refused(fleecing, 403, &denied("/storage/local-zfs, Datastore.AllocateSpace")).await;
    refused("vmid=100&job-id=ab", 400, "Parameter verification failed.").await;
    grant("/vms/103", "VM.Backup").await;
    for form in ["vmid=100", "all=1"] {
        let upid = run(form).await.data();
        assert!(upid.as_str().unwrap().ends_with(":b@pve!tt:"), "{upid}");
        support::control(&handle, "advance", json!({"seconds": 60.0})).await;
    }
    // A job that writes to a folder of the node is root's own.
    let text = "vzdump: own\n\tschedule 1:00\n\tall 1\n\tdumpdir /d\n\n";
    support::control(&handle, "edit", json!({"file": "/etc/pve/jobs.cfg", "text": text})).await;
    grant("/", "Sys.Modify").await;
    let answer = support::call_with(&handle, "PUT", "/cluster/backup/own", &header, "comment=x").await.unwrap();
    assert_eq!(answer.reason, "only root@pam may edit jobs with a 'dumpdir' option.");
    let runs = support::control(&handle, "backup", json!({"action": "runs"})).await;
    let status: Vec<&Value> = runs["runs"].as_array().unwrap().iter().map(|run| &run["status"]).collect();
    assert_eq!(status, ["Permission check failed (/vms/100, VM.Backup)", "OK"]);
    let path = format!("/nodes/pve1/tasks/{}/log", runs["runs"][1]["upid"].as_str().unwrap());
    let log = root("GET", &path, "").await.data().to_string();
    assert!(log.contains("Backup of VM 103") && !log.contains("Backup of VM 100"), "{log}");
}

#[tokio::test]
async fn the_control_plane_makes_backups_fail_and_takes_storages_away() {
    let handle = support::start().await;
    let control = async |action: &str, body: Value| support::control(&handle, action, body).await;
    control("clock", json!({"mode": "virtual"})).await;
    let backups = async |body: Value| control("backup", body).await;
    for (action, body) in [
        ("backup", json!({"action": "fail", "vmid": 100, "once": true})),
        ("backup", json!({"action": "cure", "vmid": 103})),
        ("storage", json!({"storage": "local", "online": true, "node": "pve1"})),
        ("storage", json!({"storage": "local", "online": false})),
        ("storage", json!({"storage": "local", "online": true})),
    ] {
        control(action, body).await;
        let run = support::call(&handle, "POST", "/nodes/pve1/vzdump", "vmid=100").await.unwrap();
        assert_eq!(run.status, 200);
        control("advance", json!({"seconds": 10.0})).await;
    }
    let runs = backups(json!({"action": "runs"})).await;
    let status: Vec<&str> =
        runs["runs"].as_array().unwrap().iter().map(|run| run["status"].as_str().unwrap()).collect();
    let offline = "could not activate storage 'local': storage 'local' is not online";
    assert_eq!(status, ["job errors", "OK", "OK", offline, "OK"]);
}
