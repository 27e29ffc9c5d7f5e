//! Operations as actions of a Terraform that has them: invoked by hand, triggered by a change, and two runs at once.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::sync::Arc;

use acceptance_tests::cluster::Hurry;
use acceptance_tests::core::Core;
use acceptance_tests::output::Run;
use acceptance_tests::process::{interrupt, until};
use acceptance_tests::{Cluster, Workspace, cli, runtime};
use pve_emulator::Options;

use super::Scene;

/// A cluster in a hurry, and as many folders.
fn set(test: &str, folders: usize) -> Option<(Scene, Vec<Workspace>)> {
    let terraform = cli::with_actions(test)?;
    let mut cluster = Cluster::own(test, Options { ssh: true, ..Options::default() })?;
    cluster.environment.push(("PROXMOX_VE_POLL_INTERVAL".to_owned(), "50ms".to_owned()));
    let cluster = Arc::new(cluster);
    let core = runtime::block_on(Core::new(&cluster, &[("poll_interval", "50ms")]));
    let hurry: Hurry = cluster.hurry();
    let folders = (0..folders).map(|_| Workspace::of(&cluster, terraform.clone())).collect();
    let scene = Scene { cluster, core, _hurry: Some(hurry) };
    scene.manage("vm:100");
    scene.manage("vm:101");
    scene.start(103);
    scene.share_disks(103);
    Some((scene, folders))
}

fn evacuate(node: &str) -> String {
    format!(
        "action \"pve_node_evacuate\" \"x\" {{\n  config {{\n    node        = {node:?}\n    max_workers = 1\n  }}\n}}\n"
    )
}

const INVOKE: &str = "-invoke=action.pve_node_evacuate.x";
const RESTORE: &str = "action \"pve_node_restore\" \"x\" {\n  config {\n    node = \"pve1\"\n  }\n}\n";

fn start(w: &Workspace) -> Child {
    let mut command = w.command(&["apply", "-auto-approve", "-no-color", INVOKE]);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(process: Child) -> (bool, String) {
    let output = process.wait_with_output().unwrap();
    (output.status.success(), Run::new(&output).text)
}

#[test]
fn a_node_is_emptied_by_hand_and_restored() {
    let Some((scene, folders)) = set("operations::terraform::a_node_is_emptied_by_hand_and_restored", 1) else {
        return;
    };
    let w = &folders[0];
    w.configure(&evacuate("pve1"));
    let process = start(w);
    until("the guest moves", || scene.sent("POST /nodes/{node}/qemu/{vmid}/migrate") > 0);
    interrupt(&process);
    let (_, text) = ended(process);
    assert!(!text.contains("panicked") && !text.contains("plugin crashed"), "{text}");
    let run = w.expect(0, &["apply", "-auto-approve", "-no-color", INVOKE]);
    assert!(run.text.contains("pve1: no guest runs on it.") || run.text.contains("Nothing to do."), "{}", run.text);
    assert!(scene.place(103).0 != "pve1" && scene.place(100).0 != "pve1");
    let tasks =
        scene.world(|world| world.tasks.iter().filter(|task| task.kind == "qmigrate" && task.id == "103").count());
    assert_eq!(tasks, 1);
    w.configure(RESTORE);
    w.expect(0, &["apply", "-auto-approve", "-no-color", "-invoke=action.pve_node_restore.x"]);
    assert_eq!(scene.place(103), ("pve1".to_owned(), true));
}

#[test]
fn a_change_empties_the_node_first() {
    let Some((scene, folders)) = set("operations::terraform::a_change_empties_the_node_first", 1) else { return };
    let w = &folders[0];
    let watchdog = |module: &str| {
        format!(
            "{}resource \"pve_node_watchdog\" \"x\" {{\n  node   = \"pve1\"\n  module = {module:?}\n\n  lifecycle {{\n    \
             action_trigger {{\n      events  = [before_update]\n      actions = [action.pve_node_evacuate.x]\n    }}\n  \
             }}\n}}\n",
            evacuate("pve1")
        )
    };
    w.configure(&watchdog("ipmi_watchdog"));
    w.apply();
    assert_eq!(scene.place(103).0, "pve1", "a create empties nothing");
    w.configure(&watchdog("iTCO_wdt"));
    w.apply();
    assert!(scene.place(103).0 != "pve1" && scene.place(100).0 != "pve1");
    w.destroy();
}

#[test]
fn of_two_runs_at_once_at_most_one_empties_its_node() {
    let Some((scene, folders)) = set("operations::terraform::of_two_runs_at_once_at_most_one_empties_its_node", 2)
    else {
        return;
    };
    for (w, node) in folders.iter().zip(["pve1", "pve2"]) {
        w.configure(&evacuate(node));
    }
    let runs: Vec<Child> = folders.iter().map(start).collect();
    let ends: Vec<(bool, String)> = runs.into_iter().map(ended).collect();
    let done = ends.iter().filter(|(success, _)| *success).count();
    assert!(done <= 1, "{ends:#?}");
    let answer = scene.cluster.api.read("/cluster/ha/status/manager_status");
    let requested = answer["manager_status"]["node_request"].as_object().cloned().unwrap_or_default();
    assert_eq!(
        requested.values().filter(|request| request["maintenance"] == 1).count(),
        done,
        "{requested:?} {ends:#?}"
    );
    for (_, text) in ends.iter().filter(|(success, _)| !success) {
        assert!(text.contains("would be out of service") || text.contains("began at the same time"), "{text}");
    }
}
