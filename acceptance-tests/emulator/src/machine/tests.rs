//! Commands on an emulated cluster.

mod programs;
mod qdevice;

use super::*;
use crate::clock::Clock;
use crate::world::seed::{Initial, Seed};
use crate::world::{Pve, World};

struct Rig {
    cluster: Cluster,
    commands: Commands,
}

/// A cluster of so many nodes.
fn rig(nodes: usize) -> Rig {
    let nodes: Vec<_> = (1..=nodes)
        .map(|i| serde_json::json!({"node": format!("pve{i}"), "nodeid": i, "ring0_addr": format!("10.0.0.{i}")}))
        .collect();
    let seed = Seed::parse(&serde_json::json!({"cluster": {"name": "test"}, "nodes": nodes}).to_string()).unwrap();
    let world = seed.build(Pve::V9, Initial::Seed, Clock::standing(1_795_395_964.0));
    Rig { cluster: Cluster::new(world), commands: Commands::default() }
}

impl Rig {
    fn run(&self, line: &str) -> Outcome {
        self.run_as("root", line, "")
    }

    fn run_as(&self, user: &str, line: &str, stdin: &str) -> Outcome {
        let request = Request {
            machine: "pve1".into(),
            user: user.into(),
            line: line.into(),
            stdin: stdin.into(),
            environment: [("LC_ALL".to_owned(), "C".to_owned())].into(),
        };
        execute(&self.cluster, &self.commands, &request)
    }

    /// What a command that must succeed prints.
    #[track_caller]
    fn out(&self, line: &str) -> String {
        let outcome = self.run(line);
        assert_eq!(outcome.exit(), Some(0), "{line}: {outcome:?}");
        outcome.stdout
    }

    /// Exit code and complaint of a command that must fail.
    #[track_caller]
    fn fails(&self, line: &str) -> (i32, String) {
        let outcome = self.run(line);
        let code = outcome.exit().unwrap();
        assert_ne!(code, 0, "{line}: {outcome:?}");
        assert_ne!(code, line::Refused::EXIT, "{outcome:?}");
        (code, outcome.stderr)
    }

    /// Writes a file as the provider does.
    #[track_caller]
    fn write(&self, path: &str, text: &str) {
        let line = format!("dd of={path} bs=128K status=none");
        let outcome = self.run_as("root", &line, text);
        let silent =
            Outcome { end: End::Exit(0), stdout: String::new(), stderr: String::new(), seconds: 0.0, waits: None };
        assert_eq!(outcome, silent, "{line}");
    }

    fn world<T>(&self, code: impl FnOnce(&mut World) -> T) -> T {
        code(&mut self.cluster.world())
    }

    fn fault(&self, fault: serde_json::Value) {
        self.commands.fault(serde_json::from_value(fault).unwrap()).unwrap();
    }
}

#[test]
fn what_needs_a_shell_is_refused_on_every_machine() {
    let rig = rig(2);
    for line in [
        "cat /etc/hostname | wc -l",
        "echo a > /tmp/f",
        "ssh pve2 'true; true'",
        "timeout 10 bash -c 'touch /tmp/f'",
        "sh",
        "bash -s",
        "",
    ] {
        let refused = rig.run_as("root", line, "touch /tmp/f\n");
        assert_eq!(refused.exit(), Some(64), "{line}: {refused:?}");
        let why = "pve-emulator: the emulator carries out one program per command line, without a shell: ";
        assert!(refused.stderr.starts_with(why), "{line}: {refused:?}");
    }
    assert_eq!(rig.fails("test -e /tmp/f").0, 1);
}

#[test]
fn a_program_that_is_not_installed_is_127() {
    let rig = rig(1);
    assert_eq!(rig.fails("nosuch a"), (127, "bash: line 1: nosuch: command not found\n".into()));
    assert_eq!(rig.fails("timeout 10 nosuch").0, 127);
    assert_eq!(rig.fails("sudo -n -- nosuch"), (1, "sudo: nosuch: command not found\n".into()));
}

#[test]
fn a_file_is_written_from_stdin_or_the_kernel_s_words_say_why_not() {
    let rig = rig(1);
    rig.write("/tmp/f", "a\nno line feed at the end");
    assert_eq!(rig.out("cat -- /tmp/f"), "a\nno line feed at the end");
    rig.write("/tmp/f", "");
    assert_eq!(rig.out("stat -c '%s %F' /tmp/f"), "0 regular empty file\n");
    for (path, why) in [("/no/f", "No such file or directory"), ("/etc/pve", "Is a directory")] {
        let expected = format!("dd: failed to open '{path}': {why}\n");
        assert_eq!(rig.fails(&format!("dd of={path} status=none")), (1, expected));
    }
    let denied = rig.run_as("terraform", "dd of=/etc/default/x status=none", "");
    assert_eq!(denied.stderr, "dd: failed to open '/etc/default/x': Permission denied\n");
    let large = rig.run_as("root", "dd of=/etc/pve/x status=none", &"x".repeat(2 << 20));
    assert_eq!(large.stderr, "dd: error writing '/etc/pve/x': File too large\n");
    let wrong = "dd: unrecognized operand 'count'\nTry 'dd --help' for more information.\n";
    assert_eq!(rig.fails("dd count"), (1, wrong.into()));
}

#[test]
fn a_cluster_file_is_edited_under_its_lock() {
    let rig = rig(3);
    rig.out("mkdir -- /etc/pve/priv/lock/domain-ha");
    let held = rig.fails("mkdir -- /etc/pve/priv/lock/domain-ha");
    assert_eq!(held, (1, "mkdir: cannot create directory '/etc/pve/priv/lock/domain-ha': File exists\n".into()));
    rig.out("touch -c -d @0 -- /etc/pve/priv/lock/domain-ha");
    assert_eq!(rig.fails("mkdir -- /etc/pve/priv/lock/domain-ha").0, 1);
    let absent = rig.fails("cat -- /etc/pve/ha/fence.cfg");
    assert_eq!(absent, (1, "cat: /etc/pve/ha/fence.cfg: No such file or directory\n".into()));
    rig.write("/etc/pve/ha/fence.cfg.tmp.1", "device d fence_x a=1\n");
    rig.out("mv -f -- /etc/pve/ha/fence.cfg.tmp.1 /etc/pve/ha/fence.cfg");
    let same = "mv: '/etc/pve/ha/fence.cfg' and '/etc/pve//ha/fence.cfg' are the same file\n";
    assert_eq!(rig.fails("mv /etc/pve/ha/fence.cfg /etc/pve//ha/fence.cfg"), (1, same.into()));
    rig.out("rmdir -- /etc/pve/priv/lock/domain-ha");
    assert_eq!(rig.out("cat -- /etc/pve/ha/fence.cfg"), "device d fence_x a=1\n");
    assert_eq!(
        rig.out("ls /etc/pve/ha").lines().filter(|name| name.contains("fence")).collect::<Vec<_>>(),
        ["fence.cfg"]
    );
    assert_eq!(rig.out("stat -c '%a %U:%G' /etc/pve/ha/fence.cfg"), "640 root:www-data\n");
}

#[test]
fn a_lock_held_by_hand_stops_the_api_until_it_has_expired() {
    let rig = rig(3);
    rig.out("mkdir /etc/pve/priv/lock/domain-ha");
    let (_, error) = rig.fails("ha-manager crm-command node-maintenance enable pve2");
    assert!(error.starts_with("trying to acquire cfs lock 'domain-ha' ...\n"), "{error}");
    assert!(error.ends_with("\ncfs-lock 'domain-ha' error: got lock request timeout\n"), "{error}");
    rig.world(|world| world.advance(121.0));
    rig.out("ha-manager crm-command node-maintenance enable pve2");
}

#[test]
fn without_quorum_files_are_read_only() {
    let rig = rig(3);
    rig.world(|world| {
        world.power("pve2", false);
        world.power("pve3", false);
        world.advance(30.0);
    });
    assert!(rig.fails("mkdir /etc/pve/priv/lock/domain-ha").1.ends_with("Permission denied\n"));
    assert_eq!(rig.out("stat -c %a /etc/pve /etc/pve/ha /etc/pve/local /etc/pve/priv/lock"), "755\n555\n555\n500\n");
    let refused = "touch: setting times of '/etc/pve/corosync.conf': Permission denied\n";
    assert_eq!(rig.fails("touch /etc/pve/corosync.conf"), (1, refused.to_owned()));
    assert_eq!(rig.fails("touch /etc/pve/new").1, "touch: cannot touch '/etc/pve/new': Permission denied\n");
    let (code, _) = rig.fails("pvecm status");
    assert_eq!(code, 2);
    assert!(rig.run("pvecm status").stdout.contains("Quorum:           2 Activity blocked\nFlags:            \n"));
}

#[test]
fn a_user_needs_sudo() {
    let rig = rig(1);
    let denied = rig.run_as("terraform", "cat /etc/pve/corosync.conf", "");
    assert_eq!(denied.stderr, "cat: /etc/pve/corosync.conf: Permission denied\n");
    let allowed = rig.run_as("terraform", "sudo -n -- cat /etc/pve/corosync.conf", "");
    assert!(allowed.stdout.contains("cluster_name: test"));
    let write = "sudo -n -- dd of=/etc/default/pve-ha-manager status=none";
    assert_eq!(rig.run_as("terraform", write, "WATCHDOG_MODULE=ipmi_watchdog\n").exit(), Some(0));
    rig.world(|world| world.machines.get_mut("pve1").unwrap().sudo = false);
    let refused = rig.run_as("terraform", "sudo -n -- true", "");
    assert_eq!((refused.exit(), refused.stderr.as_str()), (Some(1), "sudo: a password is required\n"));
}

#[test]
fn the_watchdog_module_changes_at_boot() {
    let rig = rig(3);
    assert!(rig.out("cat -- /proc/modules").starts_with("softdog 16384 2 "));
    rig.write("/etc/default/pve-ha-manager", "WATCHDOG_MODULE=ipmi_watchdog\n");
    assert!(rig.out("cat /proc/modules").starts_with("softdog "));
    let boot = rig.out("cat /proc/sys/kernel/random/boot_id");
    rig.world(|world| {
        world.advance(5.0);
        world.reboot("pve1");
    });
    assert!(rig.out("cat /proc/modules").starts_with("ipmi_watchdog 16384 2 "));
    assert_ne!(rig.out("cat /proc/sys/kernel/random/boot_id"), boot);
    rig.write("/etc/default/pve-ha-manager", "WATCHDOG_MODULE=nosuch\n");
    rig.out("test -e /dev/watchdog");
    rig.world(|world| world.reboot("pve1"));
    assert_eq!(rig.fails("test -e /dev/watchdog").0, 1);
    assert_eq!(rig.fails("systemctl is-active watchdog-mux").0, 3);
    assert!(rig.fails("modinfo -F filename nosuch").1.contains("Module nosuch not found."));
    assert!(rig.out("modinfo -F filename softdog").ends_with("/softdog.ko\n"));
}

#[test]
fn watchdog_mux_has_a_marker_while_it_has_clients() {
    let rig = rig(3);
    assert_eq!(rig.out("ls /run"), "watchdog-mux.active\nwatchdog-mux.sock\n", "pve1 is master");
    rig.out("test -d /run/watchdog-mux.active");
    rig.out("ls /run/watchdog-mux.active");
    assert_eq!(rig.fails("ssh pve2 -- test -e /run/watchdog-mux.active").0, 1);
    rig.out("ha-manager crm-command disarm-ha freeze");
    for _ in 0..4 {
        rig.world(|world| world.advance(15.0));
        let disarmed = rig.out("ha-manager status").contains("(CRM watchdog released)");
        assert_eq!(rig.run("test -e /run/watchdog-mux.active").exit(), Some(i32::from(disarmed)));
    }
    assert!(rig.out("ha-manager status").contains("(CRM watchdog released)"));
    rig.out("ha-manager crm-command arm-ha");
    rig.world(|world| world.advance(30.0));
    rig.out("test -e /run/watchdog-mux.active");
}

#[test]
fn a_command_that_hangs_keeps_running() {
    let rig = rig(2);
    rig.fault(serde_json::json!({"command": "qdevice-net-certutil -r", "kind": "hang-before"}));
    assert_eq!(rig.run("pvecm qdevice setup 10.0.0.100").end, End::Hang);
    rig.out("pgrep -x pvecm");
    assert_eq!(rig.fails("pgrep -x ha-manager").0, 1);
    rig.out("pkill -x pvecm");
    assert_eq!(rig.fails("pgrep -x pvecm").0, 1);
}

#[test]
fn faults_meet_the_commands_they_were_made_for() {
    let rig = rig(1);
    rig.fault(serde_json::json!({"command": "^mv ", "kind": "cut-after"}));
    rig.fault(serde_json::json!({"command": "^cat", "skip": 1, "kind": "fail", "exit": 5, "stderr": "no\n"}));
    rig.write("/tmp/a", "a\n");
    assert_eq!(rig.run("mv /tmp/a /tmp/b").end, End::Cut);
    assert_eq!(rig.out("cat /tmp/b"), "a\n");
    assert_eq!(rig.fails("cat /tmp/b"), (5, "no\n".into()));
    assert_eq!(rig.out("cat /tmp/b"), "a\n");
    assert_eq!(rig.commands.report()["met"], 2);
}

#[test]
fn fence_agents_give_the_scripted_answer() {
    let rig = rig(1);
    let ask = |rig: &Rig| rig.run_as("root", "fence_ipmilan", "ip=10.0.0.9\npassword=secret\naction=status\n");
    assert_eq!(ask(&rig).stdout, "Status: ON\n");
    rig.commands.script(
        serde_json::from_value(serde_json::json!({"agent": "fence_ipmilan", "exit": 2, "stdout": "Status: OFF\n"}))
            .unwrap(),
    );
    let off = ask(&rig);
    assert_eq!((off.exit(), off.stdout.as_str()), (Some(2), "Status: OFF\n"));
    let calls = rig.commands.agent_calls();
    assert_eq!(
        (calls[1]["options"]["password"].as_str(), calls[1]["arguments"].as_array().unwrap().len()),
        (Some("secret"), 0)
    );
    assert_eq!(rig.fails("fence_ipmilan --action=status --ip=").0, 2);
    rig.world(|world| world.machines.get_mut("pve1").unwrap().packages.remove("fence-agents"));
    assert_eq!(rig.fails("fence_ipmilan").0, 127);
}

#[test]
fn maintenance_is_the_crm_s_to_carry_out() {
    let rig = rig(3);
    rig.out("ha-manager crm-command node-maintenance enable pve3");
    rig.world(|world| world.advance(40.0));
    assert!(rig.out("ha-manager status").contains("lrm pve3 (maintenance mode"));
    rig.out("ha-manager crm-command node-maintenance disable pve3");
    rig.world(|world| world.advance(40.0));
    assert!(!rig.out("ha-manager status").contains("maintenance"));
}

#[test]
fn a_node_reboots_in_order() {
    let rig = rig(3);
    rig.out("ssh pve2 -- reboot");
    rig.world(|world| world.advance(20.0));
    assert!(rig.world(|world| !world.is_up("pve2")));
    assert!(rig.fails("ssh root@10.0.0.2 true").1.contains("No route to host"));
    rig.world(|world| world.advance(60.0));
    assert_eq!(rig.out("ssh root@10.0.0.2 hostname"), "pve2\n");
}

#[test]
fn the_shutdown_policy_decides_what_becomes_of_services() {
    let guest = |rig: &Rig| rig.world(|world| (world.guests[&101].node.clone(), world.guests[&101].is_running()));
    for (policy, meanwhile) in [("conditional", ("pve2", false)), ("migrate", ("pve1", true))] {
        let seed = Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1_795_395_964.0));
        let rig = Rig { cluster: Cluster::new(seed), commands: Commands::default() };
        rig.write("/etc/pve/datacenter.cfg", &format!("ha: shutdown_policy={policy}\n"));
        rig.out("ha-manager add vm:101 --state started");
        rig.world(|world| world.advance(60.0));
        assert_eq!(guest(&rig), ("pve2".to_owned(), true), "{policy}");
        rig.out("ssh pve2 -- systemctl reboot");
        for _ in 0..120 {
            if !rig.world(|world| world.is_up("pve2")) {
                break;
            }
            rig.world(|world| world.advance(1.0));
        }
        assert!(!rig.world(|world| world.is_up("pve2")), "{policy}");
        let (node, runs) = guest(&rig);
        assert_eq!((node.as_str(), runs), meanwhile, "{policy}");
        rig.world(|world| world.advance(240.0));
        assert_eq!(guest(&rig), ("pve2".to_owned(), true), "{policy}: {}", rig.out("ha-manager status"));
    }
}
