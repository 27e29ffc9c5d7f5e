//! `do` with a real process: evacuations and moves over HTTPS and SSH, dry runs, JSON, interrupts; and through real OpenSSH servers.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::Arc;

use acceptance_tests::core::Core;
use acceptance_tests::process::{signal, until};
use acceptance_tests::{Cluster, cli, runtime};
use pve_emulator::Options;
use serde_json::{Value as Json, json};

use super::Scene;

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

fn command(scene: &Scene, line: &str) -> Command {
    let access = scene.cluster.emulator().ssh().unwrap();
    let host_keys: Vec<String> =
        access.ports.values().map(|port| format!("[127.0.0.1]:{port} {}", access.host_key)).collect();
    let mut command = Command::new(cli::program("terraform-provider-pve"));
    command.arg("do").args(shlex::split(line).unwrap()).env_clear().envs(scene.cluster.environment.iter().cloned());
    for (node, port) in &access.ports {
        command.arg("--ssh-node").arg(format!("{node}=127.0.0.1:{port}"));
    }
    command
        .env("PROXMOX_VE_SSH_PRIVATE_KEY_FILE", &access.private_key_file)
        .env("PROXMOX_VE_SSH_HOST_KEYS", host_keys.join("\n"))
        .env("PROXMOX_VE_POLL_INTERVAL", "50ms")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(scene: &Scene, line: &str) -> Ended {
    command(scene, line).output().unwrap().into()
}

#[track_caller]
fn done(scene: &Scene, line: &str) -> Ended {
    let ended = run(scene, line);
    assert_eq!(ended.code, Some(0), "{line}: {ended:#?}");
    ended
}

/// Starts a command, and interrupts it when `is_time`.
fn interrupted(scene: &Scene, line: &str, is_time: impl Fn() -> bool) -> Ended {
    let mut process = command(scene, line).spawn().unwrap();
    until("the moment to interrupt", || is_time() || process.try_wait().unwrap().is_some());
    signal("-INT", &process.id().to_string());
    process.wait_with_output().unwrap().into()
}

/// A command whose stderr is read while it runs.
struct Heard {
    process: Child,
    lines: Lines<BufReader<ChildStderr>>,
}

impl Heard {
    fn begin(scene: &Scene, line: &str) -> Self {
        let mut process = command(scene, line).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Reads until a line has `text`.
    #[track_caller]
    fn hear(&mut self, text: &str) {
        let mut heard = Vec::new();
        while !heard.last().is_some_and(|line: &String| line.contains(text)) {
            match self.lines.next() {
                Some(line) => heard.push(line.unwrap()),
                None => panic!("{text:?} was not said: {heard:#?}"),
            }
        }
    }

    fn interrupt(&self) {
        assert!(signal("-INT", &self.process.id().to_string()));
    }

    /// The exit code.
    fn end(mut self) -> Option<i32> {
        self.lines.by_ref().for_each(drop);
        self.process.wait().unwrap().code()
    }
}

fn moves(scene: &Scene) -> u64 {
    scene.sent("POST /nodes/{node}/qemu/{vmid}/migrate") + scene.sent("POST /nodes/{node}/lxc/{vmid}/migrate")
}

fn set(test: &str) -> Option<Scene> {
    let scene = Scene::of_three(test)?;
    scene.manage("vm:100");
    for vmid in [103, 950] {
        scene.start(vmid);
        scene.share_disks(vmid);
    }
    Some(scene)
}

#[test]
fn a_node_is_emptied_and_restored_by_commands() {
    let Some(scene) = set("operations::binary::a_node_is_emptied_and_restored_by_commands") else { return };
    let before = scene.writes();
    let ended = done(&scene, "evacuate pve1 --dry-run");
    assert!(ended.stdout.starts_with("This would:\n- Put pve1 into maintenance"), "{ended:#?}");
    let ended = done(&scene, "evacuate pve1 --dry-run --json");
    let documents: Vec<Json> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents.last().unwrap()["result"], "planned");
    assert_eq!(scene.writes(), before, "a dry run writes nothing");
    let commands = scene.cluster.emulator().commands().log();
    assert!(commands.iter().all(|entry| !entry["command"].as_str().unwrap().contains("crm-command")), "{commands:?}");

    // An interrupt in the middle: the record stays, and the next command goes on.
    let ended = interrupted(&scene, "evacuate pve1 --max-workers 1", || moves(&scene) > 0);
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert!(ended.stderr.contains("Run the evacuation again, or undo it with `pve_node_restore`."), "{ended:#?}");
    let record = scene.cluster.emulator().execute("pve2", "cat -- /etc/pve/ha/evacuated-pve1.json", "");
    assert!(record.stdout.contains("vm:103") && record.stdout.contains("ct:950"), "{record:?}");
    let ended = done(&scene, "evacuate pve1 --json");
    let documents: Vec<Json> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents.last().unwrap()["result"], "done");
    assert!(documents.iter().any(|document| document["type"] == "progress"), "{documents:#?}");
    assert!(done(&scene, "evacuate pve1").stderr.contains("Nothing to do."));

    let ended = run(&scene, "evacuate pve2");
    assert_eq!(ended.code, Some(3), "{ended:#?}");
    assert!(
        ended.stderr.contains("pve1: it is in maintenance, and pve2 would be out of service as well"),
        "{ended:#?}"
    );

    done(&scene, "restore pve1");
    assert!([103, 950].iter().all(|vmid| scene.place(*vmid) == ("pve1".to_owned(), true)));
}

#[test]
fn moves_and_disarms_are_interrupted_in_order() {
    let Some(scene) = set("operations::binary::moves_and_disarms_are_interrupted_in_order") else { return };
    let ended = interrupted(&scene, "migrate vm:103 pve2", || moves(&scene) > 0);
    // The move may have been faster than the signal.
    if ended.code != Some(0) {
        assert_eq!(ended.code, Some(130), "{ended:#?}");
        assert!(ended.stderr.contains("continues"), "{ended:#?}");
    }
    done(&scene, "migrate vm:103 pve2");
    assert_eq!(scene.place(103), ("pve2".to_owned(), true));
    let tasks =
        scene.world(|world| world.tasks.iter().filter(|task| task.kind == "qmigrate" && task.id == "103").count());
    assert_eq!(tasks, 1, "the second command waits for the task of the first one");

    let armed = |scene: &Scene| super::matrix::armed(scene);
    let ended = interrupted(&scene, "disarm freeze --for 1h", || armed(&scene) == "disarmed");
    assert_eq!((ended.code, armed(&scene).as_str()), (Some(130), "armed"), "{ended:#?}");
    assert!(ended.stderr.contains("HA is armed again"), "{ended:#?}");
    done(&scene, "disarm freeze --for 100ms");
    assert_eq!(armed(&scene), "armed");
}

#[test]
fn a_roll_that_is_interrupted_waits_for_the_command_and_is_continued() {
    let Some(scene) = set("operations::binary::a_roll_that_is_interrupted_waits_for_the_command_and_is_continued")
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roll.json");
    let phase = || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        serde_json::from_str::<Json>(&text).unwrap_or_default()["nodes"]["pve1"].clone()
    };
    let line = format!("roll --run 'apt-get -y dist-upgrade' --nodes pve1 --journal {}", file.display());
    // In the middle of the moves.
    let ended = interrupted(&scene, &line, || moves(&scene) > 0);
    assert_eq!((ended.code, phase()), (Some(130), "begun".into()), "{ended:#?}");

    // Twice while the command runs: it continues on the node.
    let fault = json!({"kind": "latency", "command": "^apt-get", "ms": 1_000_000_000});
    scene.cluster.emulator().commands().fault(serde_json::from_value(fault).unwrap()).unwrap();
    let mut run = Heard::begin(&scene, &line);
    run.hear("pve1: `apt-get -y dist-upgrade` runs.");
    run.interrupt();
    run.hear("After a second interrupt the command continues on the node");
    run.interrupt();
    assert_eq!((run.end(), phase()), (Some(130), "empty".into()));

    // Once: the roll waits for its end.
    let mut run = Heard::begin(&scene, &line);
    run.hear("pve1: `apt-get -y dist-upgrade` was begun earlier; waiting for its end.");
    run.interrupt();
    run.hear("pve1: the roll waits for the end of the command, and then stops.");
    scene.world(|world| {
        let units = &mut world.machines.get_mut("pve1").unwrap().transient;
        units.values_mut().for_each(|unit| unit.ends = 0.0);
    });
    run.hear("The same command continues it from");
    assert_eq!((run.end(), phase()), (Some(130), "updated".into()));

    let ended = done(&scene, &line);
    assert!(ended.stderr.contains("pve1: it is done."), "{ended:#?}");
    assert_eq!(scene.cluster.emulator().commands().report()["programs"]["apt-get"], 1, "the command runs once");
    assert_eq!(scene.sent("POST /nodes/{node}/status"), 1);
    assert!([103, 950].iter().all(|vmid| scene.place(*vmid) == ("pve1".to_owned(), true)));
}

#[test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
fn a_node_is_emptied_and_restored_through_openssh() {
    let name = "operations::binary::a_node_is_emptied_and_restored_through_openssh";
    let Some(cluster) = Cluster::own(name, Options { ssh: true, ..Options::default() }).map(Arc::new) else { return };
    cluster.sshd();
    let core = runtime::block_on(Core::new(&cluster, &[("poll_interval", "50ms")]));
    let hurry = Some(cluster.hurry());
    let mut scene = Scene { cluster, core, _hurry: hurry };
    scene.manage("vm:100");
    scene.start(103);
    scene.share_disks(103);
    let home = |scene: &Scene| scene.place(103) == ("pve1".to_owned(), true);
    let config = json!({"node": "pve1"});
    for fault in ["none", "cut-before", "cut-after"] {
        for action in ["pve_node_evacuate", "pve_node_restore"] {
            if fault != "none" {
                let fault = json!({"kind": fault, "command": "crm-command"});
                scene.cluster.emulator().commands().fault(serde_json::from_value(fault).unwrap()).unwrap();
                scene.invoke(action, &config);
                assert!(scene.cluster.emulator().commands().report()["met"].as_u64() > Some(0));
                scene.again();
            }
            scene.done(action, &config);
            assert_eq!(home(&scene), action == "pve_node_restore", "{fault} {action}");
        }
    }
    assert!(scene.cluster.sshd().all().map(|(_, server)| server.accepted()).sum::<usize>() > 0);
}
