//! Migrations of guests: what no recording shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use pve_emulator::clock::Clock;
use pve_emulator::pipeline::Cluster;
use pve_emulator::route::Method;
use pve_emulator::world::{Failing, Pve};
use pve_emulator::{Initial, Seed};
use serde_json::{Value, json};

fn cluster_of(pve: Pve) -> Cluster {
    Cluster::new(Seed::default_cluster("p", "s").build(pve, Initial::Seed, Clock::standing(1_795_396_500.0)))
}

fn cluster() -> Cluster {
    cluster_of(Pve::V9)
}

fn call(cluster: &Cluster, method: Method, path: &str, params: Value) -> Result<Value, String> {
    let params = params.as_object().cloned().unwrap_or_default();
    let answer = cluster.call_as_root(method, path, params);
    answer.map(|reply| reply.data).map_err(|error| error.stringified())
}

fn migrate(cluster: &Cluster, path: &str, params: Value) -> Result<String, String> {
    call(cluster, Method::Post, &format!("{path}/migrate"), params).map(|upid| upid.as_str().unwrap().to_owned())
}

/// How a task ended, and its log.
fn ended(cluster: &Cluster, upid: &str) -> (String, Vec<String>) {
    let world = cluster.world();
    let task = world.tasks.find(upid).unwrap();
    (task.status.clone().unwrap_or_default(), task.log.clone())
}

fn set(cluster: &Cluster, vmid: u32, key: &str, value: &str) {
    cluster.world().guests.get_mut(&vmid).unwrap().config.push((key.to_owned(), value.to_owned()));
}

fn place(cluster: &Cluster, vmid: u32) -> (String, bool) {
    let world = cluster.world();
    (world.guests[&vmid].node.clone(), world.guests[&vmid].is_running())
}

#[test]
fn a_running_vm_moves_live_and_is_locked_meanwhile() {
    let cluster = cluster();
    cluster.world().start_guest(100);
    let wish = json!({"target": "pve2"});
    assert_eq!(
        migrate(&cluster, "/nodes/pve1/qemu/100", wish),
        Err("can't migrate running VM without --online\n".to_owned())
    );
    let refused = migrate(&cluster, "/nodes/pve1/qemu/100", json!({"target": "pve2", "online": true})).unwrap();
    cluster.world().advance(2.0);
    let (status, log) = ended(&cluster, &refused);
    assert_eq!(status, "migration aborted");
    let why = "can't live migrate attached local disks without with-local-disks option";
    assert!(log.iter().any(|line| line.contains(why)), "{log:?}");
    let wish = json!({"target": "pve2", "online": true, "with-local-disks": true});
    let upid = migrate(&cluster, "/nodes/pve1/qemu/100", wish.clone()).unwrap();
    assert!(upid.contains(":qmigrate:100:"), "{upid}");
    cluster.world().advance(2.0);
    assert_eq!(place(&cluster, 100), ("pve1".to_owned(), true));
    let locked = Err("VM is locked (migrate)\n".to_owned());
    assert_eq!(migrate(&cluster, "/nodes/pve1/qemu/100", wish), locked);
    let rows = call(&cluster, Method::Get, "/cluster/resources", json!({"type": "vm"})).unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["vmid"] == 100).unwrap().clone();
    assert_eq!(row["lock"], "migrate");
    let stop = call(&cluster, Method::Post, "/nodes/pve1/qemu/100/status/stop", json!({})).unwrap();
    cluster.world().advance(2.0);
    assert_eq!(ended(&cluster, stop.as_str().unwrap()).0, "VM is locked (migrate)");
    cluster.world().advance(10.0);
    let (status, log) = ended(&cluster, &upid);
    assert_eq!((status.as_str(), log.last().unwrap().as_str()), ("OK", "TASK OK"));
    assert_eq!(place(&cluster, 100), ("pve2".to_owned(), true));
}

#[test]
fn a_container_is_restarted_on_its_target() {
    let cluster = cluster();
    cluster.world().start_guest(950);
    let path = "/nodes/pve1/lxc/950";
    let why = "can't migrate running container without --online or --restart\n";
    assert_eq!(migrate(&cluster, path, json!({"target": "pve2"})), Err(why.to_owned()));
    let upid = migrate(&cluster, path, json!({"target": "pve2", "restart": true})).unwrap();
    assert!(!place(&cluster, 950).1, "it is stopped for the move");
    cluster.world().advance(10.0);
    assert_eq!(ended(&cluster, &upid).0, "OK");
    assert_eq!(place(&cluster, 950), ("pve2".to_owned(), true));
    // Only VMs move while they run.
    let upid = migrate(&cluster, "/nodes/pve2/lxc/950", json!({"target": "pve3", "online": true})).unwrap();
    cluster.world().advance(10.0);
    assert!(ended(&cluster, &upid).1[0].contains("lxc live migration is currently not implemented"));
    assert_eq!(place(&cluster, 950), ("pve2".to_owned(), true));
}

#[test]
fn a_migration_that_fails_part_way_leaves_the_guest_where_it_was() {
    let cluster = cluster();
    let path = "/nodes/pve1/lxc/950";
    cluster.world().start_guest(950);
    cluster.world().failing_moves.add(950, Failing::Once);
    let upid = migrate(&cluster, path, json!({"target": "pve2", "restart": true})).unwrap();
    cluster.world().advance(10.0);
    let (status, log) = ended(&cluster, &upid);
    assert_eq!((status.as_str(), log.last().unwrap().as_str()), ("migration aborted", "TASK ERROR: migration aborted"));
    assert!(
        log.iter().any(|line| line.contains("storage migration for 'local-zfs:subvol-950-disk-0' failed")),
        "{log:?}"
    );
    assert_eq!(place(&cluster, 950), ("pve1".to_owned(), true));
    migrate(&cluster, path, json!({"target": "pve2", "restart": true})).unwrap();
    cluster.world().advance(10.0);
    assert_eq!(place(&cluster, 950).0, "pve2");
    // The source loses its power on the way.
    let upid = migrate(&cluster, "/nodes/pve2/lxc/950", json!({"target": "pve3", "restart": true})).unwrap();
    cluster.world().power("pve2", false);
    cluster.world().advance(10.0);
    assert_eq!(ended(&cluster, &upid).0, "unexpected status");
    assert_eq!(place(&cluster, 950), ("pve2".to_owned(), false));
}

#[test]
fn a_target_without_power_is_given_up() {
    let cluster = cluster();
    cluster.world().power("pve2", false);
    let upid = migrate(&cluster, "/nodes/pve1/qemu/100", json!({"target": "pve2"})).unwrap();
    cluster.world().advance(10.0);
    let (status, log) = ended(&cluster, &upid);
    assert_eq!(status, "migration aborted");
    assert!(log.iter().any(|line| line.contains("Can't connect to destination address using public key")), "{log:?}");
}

#[test]
fn a_live_move_of_a_replicated_vm_goes_to_its_replication_target_and_turns_the_job_round() {
    let cluster = cluster();
    let job = json!({"id": "100-0", "type": "local", "target": "pve2"});
    call(&cluster, Method::Post, "/cluster/replication", job).unwrap();
    cluster.world().start_guest(100);
    let wish = |target: &str| json!({"target": target, "online": true, "with-local-disks": true});
    let why = "Cannot live-migrate replicated VM to node 'pve3' - not a replication target. Use 'force' to override.\n";
    assert_eq!(migrate(&cluster, "/nodes/pve1/qemu/100", wish("pve3")), Err(why.to_owned()));
    migrate(&cluster, "/nodes/pve1/qemu/100", wish("pve2")).unwrap();
    cluster.world().advance(10.0);
    let job = call(&cluster, Method::Get, "/cluster/replication/100-0", json!({})).unwrap();
    assert_eq!((&job["source"], &job["target"]), (&json!("pve2"), &json!("pve1")));
}

#[test]
fn devices_and_storages_tie_a_vm_to_nodes() {
    let cluster = cluster();
    let shown = || call(&cluster, Method::Get, "/nodes/pve1/qemu/100/migrate", json!({})).unwrap();
    set(&cluster, 100, "usb0", "mapping=key");
    set(&cluster, 100, "serial0", "socket");
    cluster
        .world()
        .write_file("/etc/pve/mapping/usb.cfg", "key\n\tmap id=1234:5678,node=pve1\n\tmap id=1:2,node=pve3\n\n");
    let answer = shown();
    assert_eq!(answer["mapped-resources"], json!(["usb0"]));
    assert_eq!(answer["mapped-resource-info"], json!({"usb0": {"name": "key"}}));
    assert_eq!(answer["local_resources"], json!([]));
    assert_eq!(answer["allowed_nodes"], json!(["pve3"]));
    assert_eq!(answer["not_allowed_nodes"]["pve2"], json!({"unavailable-resources": ["usb0"]}));
    let missing = migrate(&cluster, "/nodes/pve1/qemu/100", json!({"target": "pve2"})).unwrap();
    set(&cluster, 100, "hostpci0", "0000:01:00.0");
    let local = migrate(&cluster, "/nodes/pve1/qemu/100", json!({"target": "pve3"})).unwrap();
    cluster.world().advance(5.0);
    let text = |upid: &str| ended(&cluster, upid).1.join("\n");
    assert!(text(&missing).contains("can't migrate to 'pve2': missing mapped devices usb0"));
    assert!(text(&local).contains("can't migrate VM which uses local devices: hostpci0"));
    assert_eq!(shown()["local_resources"], json!(["hostpci0"]));

    let storage =
        cluster.world().file("/etc/pve/storage.cfg").replace("\tpool rpool/data", "\tpool rpool/data\n\tnodes pve1");
    cluster.world().write_file("/etc/pve/storage.cfg", storage);
    let blocked = shown();
    assert_eq!(blocked["not_allowed_nodes"]["pve3"], json!({"unavailable_storages": ["local-zfs"]}));
    let why = "storage 'local-zfs' is not available on node 'pve3'\n";
    assert_eq!(migrate(&cluster, "/nodes/pve1/qemu/100", json!({"target": "pve3"})), Err(why.to_owned()));
}

#[test]
fn node_affinity_blocks_moves_from_ha_manager_5_2_5_on() {
    let cluster = cluster();
    let post = |path: &str, params: Value| call(&cluster, Method::Post, path, params).unwrap();
    post("/cluster/ha/resources", json!({"sid": "vm:100", "state": "stopped"}));
    let rule =
        json!({"rule": "keep", "type": "node-affinity", "resources": "vm:100", "nodes": "pve1,pve3", "strict": 1});
    post("/cluster/ha/rules", rule);
    cluster.world().advance(40.0);
    let shown = || call(&cluster, Method::Get, "/nodes/pve1/qemu/100/migrate", json!({})).unwrap();
    assert_eq!(shown()["not_allowed_nodes"]["pve2"], json!({}));
    cluster.world().upgrade("9.2.6".parse().unwrap()).unwrap();
    let blocking = json!({"blocking-ha-resources": [{"sid": "vm:100", "cause": "node-affinity"}]});
    assert_eq!(shown()["not_allowed_nodes"]["pve2"], blocking);
    assert_eq!(shown()["allowed_nodes"], json!(["pve3"]));
}

#[test]
fn pve_8_has_no_preconditions_of_containers_and_no_nodes_of_running_vms() {
    let cluster = cluster_of(Pve::V8);
    let get = |path: &str| call(&cluster, Method::Get, path, json!({}));
    assert!(get("/nodes/pve1/lxc/950/migrate").unwrap_err().starts_with("501 "));
    assert_eq!(get("/nodes/pve1/qemu/100/migrate").unwrap()["allowed_nodes"], json!(["pve2", "pve3"]));
    cluster.world().start_guest(100);
    assert_eq!(get("/nodes/pve1/qemu/100/migrate").unwrap().get("allowed_nodes"), None);
}

#[test]
fn the_ha_manager_meets_the_same_obstacles() {
    let cluster = cluster();
    let post = |path: &str, params: Value| call(&cluster, Method::Post, path, params).unwrap();
    cluster.world().start_guest(100);
    set(&cluster, 100, "hostpci0", "0000:01:00.0");
    post("/cluster/ha/resources", json!({"sid": "vm:100"}));
    cluster.world().advance(40.0);
    migrate(&cluster, "/nodes/pve1/qemu/100", json!({"target": "pve2", "online": true})).unwrap();
    cluster.world().advance(60.0);
    assert_eq!(place(&cluster, 100), ("pve1".to_owned(), true));
    let world = cluster.world();
    let failed = world.tasks.iter().find(|task| task.kind == "qmigrate").unwrap();
    assert_eq!(failed.status.as_deref(), Some("migration aborted"));
    assert!(failed.log[0].contains("can't migrate VM which uses local devices: hostpci0"), "{:?}", failed.log);
}

#[test]
fn a_move_by_the_ha_manager_fails_on_demand_and_leaves_the_service_where_it_was() {
    let cluster = cluster();
    call(&cluster, Method::Post, "/cluster/ha/resources", json!({"sid": "vm:100"})).unwrap();
    cluster.world().advance(40.0);
    cluster.world().failing_moves.add(100, Failing::Once);
    let wish = json!({"target": "pve2", "online": true});
    migrate(&cluster, "/nodes/pve1/qemu/100", wish.clone()).unwrap();
    cluster.world().advance(60.0);
    assert_eq!(place(&cluster, 100), ("pve1".to_owned(), true));
    migrate(&cluster, "/nodes/pve1/qemu/100", wish).unwrap();
    cluster.world().advance(60.0);
    assert_eq!(place(&cluster, 100), ("pve2".to_owned(), true));
}

#[test]
fn tasks_are_listed_by_what_they_are_and_how_they_ended() {
    let cluster = cluster();
    let list = |filter: Value| -> Vec<String> {
        let rows = call(&cluster, Method::Get, "/nodes/pve1/tasks", filter).unwrap();
        let name = |row: &Value| format!("{} {}", row["type"].as_str().unwrap(), row["id"].as_str().unwrap());
        rows.as_array().unwrap().iter().map(name).collect()
    };
    cluster.world().power("pve2", false);
    migrate(&cluster, "/nodes/pve1/qemu/100", json!({"target": "pve2"})).unwrap();
    cluster.world().advance(10.0);
    let bulk = json!({"vms": [103], "timeout": 5});
    call(&cluster, Method::Post, "/cluster/bulk-action/guest/shutdown", bulk).unwrap();
    cluster.world().advance(10.0);
    let middle = cluster.world().now();
    migrate(&cluster, "/nodes/pve1/qemu/103", json!({"target": "pve3"})).unwrap();
    assert_eq!(list(json!({})), ["bulk-shutdown ", "qmigrate 100"]);
    assert_eq!(list(json!({"source": "active"})), ["qmigrate 103"]);
    assert_eq!(list(json!({"source": "all", "limit": 1})), ["qmigrate 103"]);
    assert_eq!(list(json!({"source": "all", "typefilter": "qmigrate"})), ["qmigrate 103", "qmigrate 100"]);
    assert_eq!(list(json!({"source": "all", "vmid": 100})), ["qmigrate 100"]);
    assert_eq!(list(json!({"source": "all", "since": middle})), ["qmigrate 103"]);
    assert_eq!(list(json!({"errors": 1})), ["qmigrate 100"], "a warning is not an error");
    assert_eq!(list(json!({"statusfilter": "warning"})), ["bulk-shutdown "]);
    assert_eq!(list(json!({"userfilter": "nobody"})), Vec::<String>::new());
}

#[test]
fn a_live_move_that_breaks_off_ends_with_problems() {
    let cluster = cluster();
    cluster.world().start_guest(100);
    cluster.world().failing_moves.add(100, Failing::Always);
    let wish = json!({"target": "pve2", "online": true, "with-local-disks": true});
    let upid = migrate(&cluster, "/nodes/pve1/qemu/100", wish).unwrap();
    cluster.world().advance(20.0);
    let (status, log) = ended(&cluster, &upid);
    assert_eq!(status, "migration problems");
    assert!(log.iter().any(|line| line.ends_with("ERROR: online migrate failure - aborting")), "{log:?}");
    assert_eq!(place(&cluster, 100), ("pve1".to_owned(), true));
    cluster.world().failing_moves.cure(100);
    // The target loses its power on the way.
    let wish = json!({"target": "pve3", "online": true, "with-local-disks": true});
    let upid = migrate(&cluster, "/nodes/pve1/qemu/100", wish).unwrap();
    cluster.world().power("pve3", false);
    cluster.world().advance(20.0);
    assert_eq!(ended(&cluster, &upid).0, "migration problems");
    assert_eq!(place(&cluster, 100), ("pve1".to_owned(), true));
}

#[test]
fn a_migration_that_is_stopped_leaves_a_container_running_where_it_was() {
    let cluster = cluster();
    cluster.world().start_guest(950);
    let upid = migrate(&cluster, "/nodes/pve1/lxc/950", json!({"target": "pve2", "restart": true})).unwrap();
    let config = || call(&cluster, Method::Get, "/nodes/pve1/lxc/950/config", json!({})).unwrap();
    assert_eq!(config()["lock"], "migrate");
    call(&cluster, Method::Delete, &format!("/nodes/pve1/tasks/{upid}"), json!({})).unwrap();
    cluster.world().advance(20.0);
    assert_eq!(place(&cluster, 950), ("pve1".to_owned(), true));
    assert_eq!(config().get("lock"), None);
}
