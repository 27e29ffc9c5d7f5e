//! One builder for each operation: the cluster before it, its configuration, its effect, and what it refuses.

use pve_emulator::Release;
use serde_json::{Value as Json, json};

use super::super::Scene;
use super::stage::START;

/// One operation on one cluster.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) action: &'static str,
    pub(super) config: Json,
    pub(super) release: Release,
    pub(super) build: fn(&Scene),
    /// Whether its effect is there.
    pub(super) effect: fn(&Scene) -> bool,
    /// What makes it refuse, and the refusal.
    pub(super) refusal: (fn(&Scene), &'static str),
    /// Who runs it again has it done again.
    pub(super) repeats: bool,
    /// An interrupt undoes it, for which time has to pass.
    pub(super) undoes: bool,
}

fn case(name: &'static str, action: &'static str, config: Json) -> Case {
    Case {
        name,
        action,
        config,
        release: Release::V9,
        build: |_| (),
        effect: |_| true,
        refusal: (|_| (), ""),
        repeats: false,
        undoes: false,
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = nine();
    let eight = cases.iter().filter(|case| {
        [
            "VM",
            "container",
            "evacuation",
            "evacuation without HA",
            "restoration",
            "replication",
            "backup",
            "HA migration",
        ]
        .contains(&case.name)
    });
    let eight: Vec<Case> = eight.map(|case| Case { release: Release::V8, ..case.clone() }).collect();
    cases.extend(eight);
    cases
}

fn nine() -> Vec<Case> {
    vec![
        Case {
            build: |scene| shared(scene, 101),
            effect: |scene| scene.place(101) == on("pve3"),
            refusal: (
                |scene| unshared(scene, 101),
                "The guest migration is refused: vm:101: it can't move to pve3: scsi0 (local-zfs:vm-101-disk-0) \
                 is on storage that only pve2 has. Nothing was changed.",
            ),
            ..case("VM", "pve_guest_migrate", json!({"guest": "vm:101", "node": "pve3"}))
        },
        Case {
            build: |scene| shared(scene, 950),
            effect: |scene| scene.place(950) == on("pve3"),
            refusal: (
                |scene| unshared(scene, 950),
                "The guest migration is refused: ct:950: it can't move to pve3: rootfs is on local-zfs, which is \
                 not shared, and pve3 has no replica. Nothing was changed.",
            ),
            ..case("container", "pve_guest_migrate", json!({"guest": "ct:950", "node": "pve3"}))
        },
        Case {
            build: |scene| scene.manage("vm:100"),
            effect: |scene| scene.place(100) == on("pve2"),
            refusal: (
                disarm,
                "The guest migration is refused: vm:100: HA is disarmed, and the HA manager then loses \
                 a request to move. Arm HA first. Nothing was changed.",
            ),
            ..case("HA guest", "pve_guest_migrate", json!({"guest": "vm:100", "node": "pve2"}))
        },
        Case {
            build: |scene| scene.manage("vm:100"),
            effect: |scene| scene.place(100) == on("pve2"),
            refusal: (
                |scene| off(scene, "pve2"),
                "Cannot plan the HA migration: pve2: it is not online. Nothing was changed.",
            ),
            ..case("HA migration", "pve_ha_migrate", json!({"resource": "vm:100", "node": "pve2"}))
        },
        Case {
            build: |scene| scene.manage("vm:100"),
            effect: |scene| scene.place(100) == on("pve2"),
            refusal: (
                disarm,
                "The HA relocation is refused: vm:100: HA is disarmed, and the HA manager then loses \
                 a request to move. Arm HA first. Nothing was changed.",
            ),
            ..case("HA relocation", "pve_ha_relocate", json!({"resource": "vm:100", "node": "pve2"}))
        },
        Case {
            build: |scene| scene.manage("vm:100"),
            effect: |scene| armed(scene) == "disarmed",
            refusal: (
                |scene| {
                    scene.cluster.api.post("/cluster/ha/status/disarm-ha", &[("resource-mode", "ignore")]);
                    scene.until("HA is disarmed", || armed(scene) == "disarmed");
                },
                "The disarming of HA is refused: HA: it is disarmed already, with the mode ignore. The HA manager \
                 ignores a second request. Arm HA first. Nothing was changed.",
            ),
            ..case("disarm", "pve_ha_disarm", json!({"mode": "freeze"}))
        },
        Case {
            build: |scene| scene.manage("vm:100"),
            effect: |scene| armed(scene) == "armed",
            undoes: true,
            repeats: true,
            ..case("disarm for", "pve_ha_disarm", json!({"mode": "freeze", "for": "1ms"}))
        },
        Case {
            build: |scene| {
                scene.manage("vm:100");
                disarm(scene);
            },
            effect: |scene| armed(scene) == "armed",
            ..case("arm", "pve_ha_arm", json!({}))
        },
        Case {
            build: |scene| {
                scene.manage("vm:100");
                guests(scene);
            },
            effect: |scene| is_empty(scene) && scene.place(103).1 && scene.place(950).1 && scene.place(100).1,
            refusal: (
                |scene| unshared(scene, 103),
                "The evacuation is refused: vm:103: it can't leave pve1. pve2, pve3: scsi0 \
                 (local-zfs:vm-103-disk-0) is on storage that only pve1 has. Name it in `leave` or `shutdown`, or \
                 copy local disks with `with_local_disks`. Nothing was changed.",
            ),
            ..case("evacuation", "pve_node_evacuate", json!({"node": "pve1", "shutdown": ["vm:900"]}))
        },
        Case {
            build: guests,
            effect: |scene| is_empty(scene) && scene.place(103).1 && scene.place(950).1,
            refusal: (
                |scene| off(scene, "pve3"),
                "The evacuation is refused: pve3: it is offline, and pve1 would be out of service as well. Wait \
                 until pve3 is back, run `pve_node_restore` for it, or name it in `out_of_service`. Nothing was \
                 changed.",
            ),
            ..case("evacuation without HA", "pve_node_evacuate", json!({"node": "pve1", "shutdown": ["vm:900"]}))
        },
        Case {
            build: |scene| {
                scene.manage("vm:100");
                guests(scene);
                scene.done("pve_node_evacuate", &json!({"node": "pve1", "shutdown": ["vm:900"]}));
            },
            effect: |scene| [103, 900, 950].iter().all(|vmid| scene.place(*vmid) == on("pve1")),
            refusal: (
                |scene| off(scene, "pve1"),
                "Cannot plan the restoration: pve1: it is not online. Nothing was changed.",
            ),
            ..case("restoration", "pve_node_restore", json!({"node": "pve1"}))
        },
        Case {
            build: |scene| {
                scene.manage("vm:100");
                scene.done("pve_node_evacuate", &json!({"node": "pve1"}));
            },
            effect: |scene| scene.world(|world| world.nodes["pve1"].since > START && world.is_up("pve1")),
            refusal: (
                |scene| off(scene, "pve3"),
                "The reboot is refused: pve1: without it the cluster has 1 of the 2 votes that it needs. Bring \
                 the other nodes back first. Nothing was changed.",
            ),
            repeats: true,
            ..case("reboot", "pve_node_reboot", json!({"node": "pve1"}))
        },
        Case {
            build: |scene| {
                scene.cluster.api.put("/nodes/pve3/config", &[("wakeonlan", "BC:24:11:AA:BB:CC")]);
                off(scene, "pve3");
            },
            effect: |scene| scene.is_online("pve3"),
            ..case("wake", "pve_node_wake", json!({"node": "pve3"}))
        },
        Case {
            build: |scene| {
                let job = [("id", "100-0"), ("type", "local"), ("target", "pve2"), ("schedule", "sat 03:00")];
                scene.cluster.api.post("/cluster/replication", &job);
            },
            effect: |scene| {
                let state = scene.cluster.api.read("/nodes/pve1/replication/100-0/status");
                state["last_sync"].as_f64().unwrap_or_default() >= START
            },
            refusal: (
                |scene| off(scene, "pve2"),
                "The replication run is refused: 100-0: the node pve2 is not online. Nothing was changed.",
            ),
            repeats: true,
            ..case("replication", "pve_replication_run", json!({"job": "100-0"}))
        },
        Case {
            build: |scene| {
                let job = [
                    ("id", "nightly"),
                    ("schedule", "02:00"),
                    ("vmid", "100,101,103"),
                    ("storage", "local"),
                    ("enabled", "0"),
                ];
                scene.cluster.api.post("/cluster/backup", &job);
            },
            effect: |scene| {
                let is_backup =
                    |kind: &str, status: &Option<String>| kind == "vzdump" && status.as_deref() == Some("OK");
                let nodes = scene.world(|world| {
                    let done = world.tasks.iter().filter(|task| is_backup(&task.kind, &task.status));
                    done.map(|task| task.node.clone()).collect::<std::collections::BTreeSet<_>>()
                });
                nodes.len() == 2
            },
            refusal: (
                |scene| off(scene, "pve2"),
                "The backup run is refused: nightly: pve2, which has 1 guest of it, is not online. Nothing was \
                 changed.",
            ),
            repeats: true,
            ..case("backup", "pve_backup_run", json!({"job": "nightly"}))
        },
    ]
}

fn on(node: &str) -> (String, bool) {
    (node.to_owned(), true)
}

/// A guest without HA that runs, and that any node may have.
fn shared(scene: &Scene, vmid: u32) {
    scene.start(vmid);
    scene.share_disks(vmid);
}

fn unshared(scene: &Scene, vmid: u32) {
    scene.world(|world| {
        for (_, value) in &mut world.guests.get_mut(&vmid).unwrap().config {
            *value = value.replace("shared-nfs:", "local-zfs:");
        }
    });
}

/// The guests without HA of pve1.
fn guests(scene: &Scene) {
    shared(scene, 103);
    shared(scene, 950);
    scene.start(900);
}

fn is_empty(scene: &Scene) -> bool {
    scene.world(|world| world.guests.values().all(|guest| guest.node != "pve1" || !guest.is_running()))
}

fn off(scene: &Scene, node: &str) {
    scene.world(|world| world.power(node, false));
    scene.until_offline(node);
}

fn disarm(scene: &Scene) {
    scene.cluster.api.post("/cluster/ha/status/disarm-ha", &[("resource-mode", "freeze")]);
    scene.until("HA is disarmed", || armed(scene) == "disarmed");
}

pub(in super::super) fn armed(scene: &Scene) -> String {
    let rows = scene.cluster.api.read("/cluster/ha/status/current");
    let row = rows.as_array().unwrap().iter().find(|row| row["type"] == "fencing").cloned().unwrap_or_default();
    match row["armed-state"].as_str() {
        Some("standby") | None => "armed".to_owned(),
        Some(state) => state.to_owned(),
    }
}
