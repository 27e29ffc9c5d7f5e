//! Backup jobs over time, what they cover, and what notifications there are: what no recording shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use pve_emulator::clock::Clock;
use pve_emulator::pipeline::Cluster;
use pve_emulator::route::Method;
use pve_emulator::world::Pve;
use pve_emulator::{Initial, Seed};
use serde_json::{Value, json};

/// Half past one on a day in November; guests 100 and 103 are on pve1, 101 is on pve2, 102 on pve3.
const START: f64 = 1_795_397_400.0;

fn cluster() -> Cluster {
    Cluster::new(Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(START)))
}

fn call(cluster: &Cluster, method: Method, path: &str, params: Value) -> Result<Value, String> {
    let params = params.as_object().cloned().unwrap_or_default();
    cluster.call_as_root(method, path, params).map(|reply| reply.data).map_err(|error| error.stringified())
}

fn get(cluster: &Cluster, path: &str) -> Value {
    call(cluster, Method::Get, path, json!({})).unwrap()
}

fn with_job(params: Value) -> Cluster {
    let cluster = cluster();
    call(&cluster, Method::Post, "/cluster/backup", params).unwrap();
    cluster
}

/// Node, guest and outcome of each backup that is over, the oldest first.
fn runs(cluster: &Cluster) -> Vec<(String, String, String)> {
    let tasks = get(cluster, "/cluster/tasks");
    let text = |task: &Value, name: &str| task[name].as_str().unwrap_or("-").to_owned();
    let backups = tasks.as_array().unwrap().iter().rev().filter(|task| task["type"] == "vzdump");
    backups.map(|task| (text(task, "node"), text(task, "id"), text(task, "status"))).collect()
}

fn run(node: &str, id: &str, status: &str) -> (String, String, String) {
    (node.to_owned(), id.to_owned(), status.to_owned())
}

#[test]
fn each_node_backs_up_its_own_guests_when_the_job_is_due() {
    let cluster = with_job(json!({"id": "nightly", "schedule": "02:00", "vmid": "100,101,103", "storage": "local"}));
    cluster.world().advance(1700.0);
    assert_eq!(runs(&cluster), []);
    cluster.world().advance(200.0);
    assert_eq!(runs(&cluster), [run("pve1", "", "OK"), run("pve2", "101", "OK")]);
    let tasks = get(&cluster, "/nodes/pve1/tasks");
    let log = get(&cluster, &format!("/nodes/pve1/tasks/{}/log", tasks[0]["upid"].as_str().unwrap()));
    let lines: Vec<&str> = log.as_array().unwrap().iter().map(|line| line["t"].as_str().unwrap()).collect();
    assert!(lines[0].starts_with("INFO: starting new backup job: vzdump 100 101 103 "), "{lines:?}");
    assert_eq!(lines[lines.len() - 2..], ["INFO: Backup job finished successfully", "TASK OK"]);
    cluster.world().advance(86_400.0);
    assert_eq!(runs(&cluster).len(), 4, "once a day");
}

#[test]
fn a_run_fails_if_one_backup_does() {
    let cluster = with_job(json!({"id": "nightly", "schedule": "02:00", "vmid": "100,101,999"}));
    cluster.world().backup.failing.add(101, pve_emulator::world::Failing::Always);
    assert!(pve_emulator::api::backup::run_now(&mut cluster.world(), "nightly"));
    cluster.world().advance(60.0);
    let ran = runs(&cluster);
    // The guest that isn't there any more fails on every node, as Proxmox has it.
    assert_eq!(ran, [run("pve1", "", "job errors"), run("pve2", "", "job errors"), run("pve3", "999", "job errors")]);
    assert!(!pve_emulator::api::backup::run_now(&mut cluster.world(), "bogus"));
}

#[test]
fn what_is_disabled_or_was_missed_is_not_run() {
    let cluster = with_job(json!({"id": "off", "schedule": "02:00", "all": "1", "enabled": "0"}));
    call(&cluster, Method::Post, "/cluster/backup", json!({"id": "on", "schedule": "02:00", "all": "1"})).unwrap();
    cluster.world().advance(120.0);
    cluster.world().power("pve3", false);
    cluster.world().advance(3600.0);
    assert_eq!(runs(&cluster), [run("pve1", "", "OK"), run("pve2", "", "OK")]);
    cluster.world().power("pve3", true);
    cluster.world().advance(600.0);
    assert_eq!(runs(&cluster).len(), 2, "pve3 waits for the next night");
}

#[test]
fn a_selection_replaces_the_other_and_must_be_one() {
    let cluster = with_job(json!({"id": "job", "starttime": "2:30", "dow": "mon,tue", "vmid": "100"}));
    let job = || get(&cluster, "/cluster/backup/job");
    assert_eq!(job()["schedule"], "mon,tue 2:30");
    let put = |params: Value| call(&cluster, Method::Put, "/cluster/backup/job", params);
    put(json!({"exclude": "101", "all": "1"})).unwrap();
    assert_eq!((&job()["all"], &job()["exclude"], job().get("vmid")), (&json!(1), &json!("101"), None));
    let not_covered = get(&cluster, "/cluster/backup-info/not-backed-up");
    assert_eq!(not_covered, json!([{"vmid": 101, "name": "web2", "type": "qemu"}]));
    let failed = "400 Parameter verification failed.\n";
    let conflict = Err(format!("{failed}all: option conflicts with option 'vmid'\n"));
    assert_eq!(put(json!({"vmid": "100", "all": "1"})), conflict);
    put(json!({"vmid": "100"})).unwrap();
    assert_eq!(put(json!({"delete": "vmid"})), Err(format!("{failed}vmid: property is missing\n")));
    let refused = put(json!({"pool": "x"}));
    assert_eq!(refused, Err("403 Permission check failed (pool 'x' does not exist)\n".into()));
}

#[test]
fn the_volumes_of_a_job_have_reasons() {
    let cluster = with_job(json!({"id": "job", "schedule": "1:00", "vmid": "100,950"}));
    for (vmid, key, volume) in
        [(100, "scsi1", "local-zfs:vm-100-disk-1,backup=0"), (950, "mp0", "local-zfs:subvol-950-disk-1,mp=/d")]
    {
        cluster.world().guests.get_mut(&vmid).unwrap().config.push((key.into(), volume.into()));
    }
    let tree = get(&cluster, "/cluster/backup/job/included_volumes");
    let mut found: Vec<(String, i64, String)> = Vec::new();
    for volume in tree["children"].as_array().unwrap().iter().flat_map(|guest| guest["children"].as_array().unwrap()) {
        let text = |name: &str| volume[name].as_str().unwrap().to_owned();
        found.push((text("id"), volume["included"].as_i64().unwrap(), text("reason")));
    }
    found.sort();
    let expected = [
        ("100:scsi0", 1, "backup=yes"),
        ("100:scsi1", 0, "backup=no"),
        ("950:mp0", 0, "disabled"),
        ("950:rootfs", 1, "rootfs"),
    ];
    assert_eq!(found, expected.map(|(id, included, reason)| (id.to_owned(), included, reason.to_owned())));
}

#[test]
fn the_file_is_written_as_proxmox_writes_it() {
    let job = json!({
        "id": "job", "schedule": "sat 02:00", "all": "1", "storage": "local", "comment": "ü: x", "repeat-missed": "1",
        "prune-backups": "keep-last=3,keep-daily=7", "fleecing": "storage=local-zfs,enabled=1",
        "exclude-path": ["/tmp/*", "/var/cache"]
    });
    let cluster = with_job(job);
    let expected = "vzdump: job\n\tcomment %C3%BC%3A x\n\tschedule sat 02:00\n\tall 1\n\tenabled 1\n\
        \texclude-path /tmp/*\n\texclude-path /var/cache\n\tfleecing 1,storage=local-zfs\n\
        \tprune-backups keep-daily=7,keep-last=3\n\trepeat-missed 1\n\tstorage local\n\n";
    assert_eq!(cluster.world().file("/etc/pve/jobs.cfg"), expected);
    let job = get(&cluster, "/cluster/backup/job");
    assert_eq!(job["comment"], "ü: x");
    assert_eq!(job["fleecing"], json!({"enabled": 1, "storage": "local-zfs"}));
    assert_eq!(job["exclude-path"], json!(["/tmp/*", "/var/cache"]));
}

#[test]
fn notifications_have_builtin_parts_until_they_are_changed() {
    let cluster = cluster();
    let builtin = get(&cluster, "/cluster/notifications/targets");
    let comment = "Send mails to root@pam's email address";
    assert_eq!(builtin, json!([{"name": "mail-to-root", "type": "sendmail", "comment": comment, "origin": "builtin"}]));
    let text = "sendmail: mail-to-root\n\tdisable true\n\tmailto-user root@pam\n\ngotify: phone\n\tserver http://g\n\n\
        matcher: fences\n\tmatch-field exact:type=fencing\n\tmatch-severity error\n\ttarget phone\n\n";
    cluster.world().write_file("/etc/pve/notifications.cfg", text);
    let targets = by_name(get(&cluster, "/cluster/notifications/targets"));
    let root = json!({"name": "mail-to-root", "type": "sendmail", "disable": 1, "origin": "modified-builtin"});
    assert_eq!(targets, json!([root, {"name": "phone", "type": "gotify", "origin": "user-created"}]));
    let matchers = by_name(get(&cluster, "/cluster/notifications/matchers"));
    let names: Vec<&Value> = matchers.as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["default-matcher", "fences"]);
    assert_eq!(matchers[1]["match-field"], json!(["exact:type=fencing"]));
    assert_eq!(get(&cluster, "/cluster/notifications/endpoints/gotify/phone")["server"], "http://g");
    let missing = call(&cluster, Method::Get, "/cluster/notifications/matchers/bogus", json!({}));
    assert_eq!(missing, Err("404 matcher 'bogus' not found\n".into()));
}

/// The lists of targets and matchers have no fixed order.
fn by_name(list: Value) -> Value {
    let mut rows = list.as_array().unwrap().clone();
    rows.sort_by_key(|row| row["name"].as_str().unwrap().to_owned());
    Value::Array(rows)
}

#[test]
fn what_pve_8_calls_maxfiles_becomes_prune_backups() {
    let world = Seed::default_cluster("p", "s").build(Pve::V8, Initial::Seed, Clock::standing(START));
    let cluster = Cluster::new(world);
    let job = json!({"id": "job", "schedule": "1:00", "all": "1", "maxfiles": "3", "notification-policy": "never"});
    call(&cluster, Method::Post, "/cluster/backup", job).unwrap();
    let job = get(&cluster, "/cluster/backup/job");
    assert_eq!((&job["prune-backups"], job.get("maxfiles")), (&json!({"keep-last": "3"}), None));
    let put = |params: Value| call(&cluster, Method::Put, "/cluster/backup/job", params);
    let both = put(json!({"maxfiles": "3", "prune-backups": "keep-last=2"}));
    let conflict = "400 Parameter verification failed.\nprune-backups: option conflicts with option 'maxfiles'\n";
    assert_eq!(both, Err(conflict.to_owned()));
    assert!(put(json!({"maxfiles": "0"})).is_err());
    assert!(call(&self::cluster(), Method::Put, "/cluster/backup/job", json!({"maxfiles": "3"})).is_err());
}

#[test]
fn selections_are_judged_as_a_whole() {
    let cluster = with_job(json!({"id": "job", "schedule": "1:00", "all": "1", "exclude": "100"}));
    let job = || get(&cluster, "/cluster/backup/job");
    let put = |params: Value| call(&cluster, Method::Put, "/cluster/backup/job", params);
    // Whoever excludes guests means all others.
    put(json!({"delete": "all"})).unwrap();
    assert_eq!(job()["all"], json!(1));
    let template = put(json!({"storage": "local", "notes-template": "{{guest}}"}));
    assert!(template.unwrap_err().contains("notes-template: found unknown: variable 'guest'"));
    put(json!({"storage": "local", "notes-template": "{{guestname}}\\n{{vmid}}"})).unwrap();
    call(&cluster, Method::Post, "/pools", json!({"poolid": "p"})).unwrap();
    put(json!({"pool": "p"})).unwrap();
    assert_eq!((job()["pool"].clone(), job().get("all"), job().get("exclude")), (json!("p"), None, None));
    put(json!({"exclude": "100"})).unwrap();
    assert_eq!((&job()["all"], job().get("pool")), (&json!(1), None));
}

#[test]
fn a_pinned_job_covers_the_guests_of_its_node() {
    let cluster = with_job(json!({"id": "job", "schedule": "1:00", "all": "1", "node": "pve1"}));
    let node_of = |vmid: &Value| cluster.world().guests[&(vmid.as_u64().unwrap() as u32)].node.clone();
    let missing = get(&cluster, "/cluster/backup-info/not-backed-up");
    let missing: Vec<String> = missing.as_array().unwrap().iter().map(|guest| node_of(&guest["vmid"])).collect();
    assert!(!missing.is_empty() && !missing.contains(&"pve1".to_owned()), "{missing:?}");
    let volumes = get(&cluster, "/cluster/backup/job/included_volumes");
    let covered: Vec<String> =
        volumes["children"].as_array().unwrap().iter().map(|guest| node_of(&guest["id"])).collect();
    assert!(!covered.is_empty() && covered.iter().all(|node| node == "pve1"), "{covered:?}");
}
