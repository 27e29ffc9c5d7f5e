//! What is done in steps over SSH: every command of every verb goes wrong once, in every way. No object is lost, and the next
//! apply does what is left.

use std::io::Write as _;
use std::sync::Arc;
use std::thread;

use acceptance_tests::cluster::{is_existing, skipped};
use acceptance_tests::core::{Core, Object, errors};
use acceptance_tests::{Cluster, runtime};
use pve_emulator::Release;
use serde_json::{Value as Json, json};

/// A resource type under fire.
#[derive(Clone, Copy)]
pub struct Target {
    pub kind: &'static str,
    pub nodes: u32,
    pub create: fn() -> Json,
    update: Option<fn() -> Json>,
    /// What of it is on the cluster.
    pub there: fn(&Cluster) -> bool,
    /// What is left behind when it is gone.
    left: fn(&Cluster) -> String,
}

/// The command is run or not, and its exit status arrives or not.
const FAULTS: [&str; 4] = ["fail", "fail-after", "cut-before", "cut-after"];

fn fence() -> Json {
    json!({"name": "tfacc", "agent": "fence_x", "options": {"ip": "1"}, "secret_options": {"password": "x"}, "connect": [
        {"node": "pve1", "options": {"plug": "1"}}
    ]})
}

fn fence_update() -> Json {
    let mut device = fence();
    device["options"]["ip"] = "2".into();
    device
}

fn watchdog() -> Json {
    json!({"node": "pve1", "module": "ipmi_watchdog"})
}

fn watchdog_update() -> Json {
    json!({"node": "pve1", "module": "hpwdt"})
}

fn shared(cluster: &Cluster, path: &str) -> String {
    cluster.shared_file(path).unwrap_or_default()
}

fn locks(cluster: &Cluster) -> String {
    cluster.run("pve1", "ls /etc/pve/priv/lock")
}

const FENCE: &str = "/etc/pve/ha/fence.cfg";
const WATCHDOG: &str = "/etc/default/pve-ha-manager";

const COROSYNC: &str = "/etc/pve/corosync.conf";

fn corosync(token: i64) -> Json {
    json!({"token": token, "link": [{"number": 0, "priority": 9}]})
}

/// The lines of corosync.conf that are of the options.
fn corosync_lines(cluster: &Cluster) -> String {
    let text = shared(cluster, COROSYNC);
    text.lines().filter(|line| ["token:", "knet_link_priority:"].iter().any(|key| line.contains(key))).collect()
}

pub const TARGETS: [Target; 5] = [
    Target {
        kind: "pve_corosync_options",
        nodes: 2,
        create: || corosync(5000),
        update: Some(|| corosync(6000)),
        there: |cluster| !corosync_lines(cluster).is_empty(),
        left: |cluster| corosync_lines(cluster) + &shared(cluster, "/etc/pve/corosync.conf.new"),
    },
    Target {
        kind: "pve_fence_device",
        nodes: 3,
        create: fence,
        update: Some(fence_update),
        there: |cluster| shared(cluster, FENCE).contains("device tfacc"),
        left: |cluster| shared(cluster, FENCE),
    },
    Target {
        kind: "pve_node_watchdog",
        nodes: 3,
        create: watchdog,
        update: Some(watchdog_update),
        there: |cluster| cluster.node_file("pve1", WATCHDOG).unwrap().contains("\nWATCHDOG_MODULE="),
        left: |cluster| {
            let text = cluster.node_file("pve1", WATCHDOG).unwrap();
            text.lines().filter(|line| line.starts_with("WATCHDOG_MODULE")).collect()
        },
    },
    Target {
        kind: "pve_node_maintenance",
        nodes: 3,
        create: || json!({"node": "pve2"}),
        update: None,
        there: |cluster| {
            // The queue first: the manager empties it before it shows what it took.
            let queue = shared(cluster, "/etc/pve/ha/crm_commands");
            let status = cluster.api.read("/cluster/ha/status/manager_status");
            match queue.lines().rfind(|line| line.ends_with("-node-maintenance pve2")) {
                Some(last) => last.starts_with("enable"),
                None => status["manager_status"]["node_request"]["pve2"]["maintenance"] == 1,
            }
        },
        left: |_| String::new(),
    },
    Target {
        kind: "pve_qdevice",
        nodes: 2,
        create: || json!({"address": "10.0.0.100"}),
        update: None,
        there: |cluster| {
            let world = cluster.emulator().cluster().world();
            world.qdevice.is_some() && world.nodes.keys().all(|node| world.qdevice_runs(node))
        },
        left: |cluster| {
            let world = cluster.emulator().cluster().world();
            let running = world.machines.values().filter(|machine| machine.is_active("corosync-qdevice")).count();
            if running == 0 { String::new() } else { format!("{running} daemons run") }
        },
    },
];

#[test]
fn whatever_happens_to_any_step() {
    let name = "broken_steps::whatever_happens_to_any_step";
    if is_existing() {
        return skipped(name, "needs the control plane of an emulator");
    }
    // Most of the time all of them wait.
    let cases = thread::scope(|scope| {
        let fires: Vec<_> = TARGETS
            .iter()
            .flat_map(|target| FAULTS.map(|fault| (target, fault)))
            .map(|(target, fault)| scope.spawn(move || under_fire(name, target, fault)))
            .collect();
        fires.into_iter().map(|fire| fire.join().expect("the panic is printed above")).sum::<u32>()
    });
    let _ = writeln!(std::io::stderr(), "{cases} steps failed: 0 objects lost, 0 left behind, all converged");
    assert!(cases > 100, "{cases} steps are too few to have been all");
}

/// Puts the fault before every command of every verb; how many there were.
fn under_fire(test: &str, target: &Target, fault: &str) -> u32 {
    let cluster = Cluster::of_nodes(test, Release::V9, target.nodes).map(Arc::new).expect("a cluster of our own");
    let _hurry = cluster.hurry();
    let mut cases = 0;
    for verb in ["create", "update", "delete"] {
        if verb == "update" && target.update.is_none() {
            continue;
        }
        let mut skip = 0;
        while (Case { target, cluster: &cluster, verb, fault, skip }).run() {
            skip += 1;
            cases += 1;
            assert!(skip < 200, "{verb} of {} has no end", target.kind);
        }
    }
    cases
}

struct Case<'a> {
    target: &'a Target,
    cluster: &'a Cluster,
    verb: &'a str,
    fault: &'a str,
    skip: u32,
}

impl Case<'_> {
    /// Whether the verb has so many commands.
    fn run(&self) -> bool {
        let target = self.target;
        let name = format!("{} of {}, command {} {}", self.verb, target.kind, self.skip, self.fault);
        let first = (target.create)();
        let mut object = Object::new(target.kind);
        let core = || runtime::block_on(Core::new(self.cluster, &[]));
        if self.verb != "create" {
            let said = runtime::block_on(core().apply(&mut object, Some(&first)));
            assert!(!said.has_error(), "{name}: {:?}", errors(&said));
        }
        let second = target.update.map(|update| update());
        let wanted = match self.verb {
            "create" => Some(&first),
            "update" => second.as_ref(),
            _ => None,
        };
        self.cluster
            .command_fault(json!({"kind": self.fault, "skip": self.skip, "exit": 1, "stderr": "made to fail\n"}));
        let said = runtime::block_on(core().apply(&mut object, wanted));
        let met = self.cluster.clear_command_faults() > 0;

        let there = (target.there)(self.cluster);
        assert!(!there || !object.state.is_null(), "{name}: lost\n{:?}", errors(&said));

        // The next apply, by another process.
        let core = core();
        let said = runtime::block_on(core.apply(&mut object, wanted));
        assert!(!said.has_error(), "{name}: the next apply fails: {:?}", errors(&said));
        match wanted {
            Some(wanted) => {
                assert!(runtime::block_on(core.is_settled(&object, wanted)), "{name}: not settled: {object:?}");
                assert!((target.there)(self.cluster), "{name}: not there");
            }
            None => assert!(object.state.is_null() && !(target.there)(self.cluster), "{name}: still there"),
        }
        let said = runtime::block_on(core.apply(&mut object, None));
        assert!(!said.has_error() && !(target.there)(self.cluster), "{name}: the end: {:?}", errors(&said));
        // What an interrupted removal leaves is removed by the next create, if not before.
        if self.verb != "delete" {
            assert_eq!((target.left)(self.cluster).trim(), "", "{name}: left behind");
        }
        // The command that gives the lock back may be the one that wasn't run; the lock goes away by itself then.
        if self.fault.ends_with("after") {
            assert_eq!(locks(self.cluster), "", "{name}: a lock is left");
        }
        met
    }
}
