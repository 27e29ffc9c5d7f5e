//! How Proxmox's own programs take their arguments.

use super::*;

#[test]
fn commands_may_be_abbreviated_but_not_left_open() {
    let rig = rig(3);
    assert_eq!(rig.out("ha-manager stat"), rig.out("ha-manager status"));
    assert_eq!(
        rig.fails("pvecm qdevice").1,
        "ERROR: incomplete command 'pvecm qdevice'\nUSAGE: pvecm <COMMAND> [ARGS] [OPTIONS]\n\n       \
         pvecm qdevice remove \n       pvecm qdevice setup <address> [OPTIONS]\n"
    );
    assert!(rig.fails("pvecm").1.starts_with("ERROR: no command specified\nUSAGE: pvecm "));
    let (_, error) = rig.fails("pvecm qdevice setup 10.0.0.100 --bogus 1");
    assert_eq!(error, "Unknown option: bogus\n400 unable to parse option\npvecm qdevice setup <address> [OPTIONS]\n");
    let (_, error) = rig.fails("pvecm qdevice setup 10.0.0.100 --force maybe");
    assert_eq!(error, "400 unable to parse boolean option\npvecm qdevice setup <address> [OPTIONS]\n");
    assert_eq!(rig.run_as("terraform", "pvecm status", "").stderr, "please run as root\n");
}

#[test]
fn commands_of_their_own_check_their_arguments_as_the_api_does() {
    let rig = rig(3);
    let usage = "pvesr enable <id>\n";
    let text = "400 Parameter verification failed.\nid: invalid format - invalid replication job id 'bogus'\n\n";
    assert_eq!(rig.fails("pvesr enable bogus").1, format!("{text}{usage}"));
    assert!(rig.fails("pvesr run --id bogus").1.starts_with(text));
    let text =
        "400 Parameter verification failed.\nsid: invalid format - value does not look like a valid ha resource id";
    assert!(rig.fails("ha-manager crm-command stop bogus 0").1.starts_with(text));
    let missing = "unable to detect SID from VMID - VM/CT 777 does not exist\n";
    assert_eq!(rig.fails("ha-manager crm-command stop 777 0").1, missing);
}

#[test]
fn a_bare_number_is_a_guest_for_every_command() {
    let seed = Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1_795_395_964.0));
    let rig = Rig { cluster: Cluster::new(seed), commands: Commands::default() };
    rig.out("ha-manager add 101 --state started");
    rig.out("ha-manager crm-command stop 101 0");
    assert_eq!(rig.out("cat /etc/pve/ha/crm_commands"), "stop vm:101 0\n");
}

#[test]
fn expected_votes_are_taken_only_if_they_can_be_had() {
    let rig = rig(3);
    rig.world(|world| {
        world.power("pve2", false);
        world.power("pve3", false);
        world.advance(30.0);
    });
    assert!(!rig.world(|world| world.is_quorate()));
    rig.out("pvecm expected 1");
    assert!(rig.world(|world| world.is_quorate()));
    rig.world(|world| world.power("pve2", true));
    assert_eq!(rig.world(|world| (world.expected_votes(), world.votes())), (2, (2, 2)));
    assert_eq!(rig.fails("pvecm expected 5"), (1, "Unable to set expected votes: CS_ERR_INVALID_PARAM\n".into()));
}

/// Three nodes of which one is left.
fn alone() -> Rig {
    let seed = Seed::default_cluster("p", "s").build(Pve::V9, Initial::Seed, Clock::standing(1_795_395_964.0));
    let rig = Rig { cluster: Cluster::new(seed), commands: Commands::default() };
    rig.out("ha-manager add vm:100 --state disabled");
    rig.out("ha-manager rules add node-affinity r1 --resources vm:100 --nodes pve1");
    rig.world(|world| {
        world.power("pve2", false);
        world.power("pve3", false);
        world.advance(30.0);
    });
    rig
}

#[test]
fn without_quorum_every_program_asks_nine_times_for_its_lock() {
    let rig = alone();
    for (line, lock, prefix) in [
        ("ha-manager set vm:100 --comment x", "domain-ha", "update resources config failed: "),
        ("ha-manager remove vm:100", "domain-ha", "delete resource failed: "),
        ("ha-manager rules remove r1", "domain-ha", "delete ha rule failed: "),
        ("ha-manager crm-command node-maintenance enable pve2", "domain-ha", ""),
        ("ha-manager crm-command arm-ha", "domain-ha", ""),
        ("pvesh set /cluster/options --keyboard de", "file-datacenter_cfg", ""),
        ("pvesr create-local-job 100-0 pve2", "file-replication_cfg", ""),
    ] {
        let outcome = rig.run(line);
        assert_eq!(outcome.exit(), Some(13), "{line}: {outcome:?}");
        let tries = format!("trying to acquire cfs lock '{lock}' ...\n").repeat(9);
        assert_eq!(outcome.stderr, format!("{tries}{prefix}cfs-lock '{lock}' error: no quorum!\n"), "{line}");
        assert_eq!(outcome.seconds, 9.0, "{line}");
    }
    // A command that checks quorum before it takes the lock does not wait.
    assert_eq!(rig.run("ha-manager add vm:100").stderr, "cluster not ready - no quorum?\n");
    assert_eq!(rig.run("ha-manager add vm:100").seconds, 0.0);
}

#[test]
fn a_guest_that_is_missing_is_errno_17() {
    let rig = rig(3);
    let (code, error) = rig.fails("ha-manager add vm:777");
    assert!(code == 17 && error.ends_with("resource 'vm:777' does not exist in cluster\n"), "{code} {error}");
    assert_eq!(rig.fails("pvesh create /cluster/ha/resources --sid vm:777").0, 17);
}

#[test]
fn a_node_without_the_daemon_counts_no_qdevice() {
    let rig = rig(3);
    rig.out("pvecm qdevice setup 10.0.0.100 --force");
    rig.out("systemctl stop corosync-qdevice");
    let status = rig.out("pvecm status");
    assert!(status.contains("Expected votes:   5\n") && status.contains("Total votes:      3\n"), "{status}");
    assert!(status.contains("Flags:            Quorate \n") && !status.contains("Qdevice"), "{status}");
    rig.out("systemctl start corosync-qdevice");
    // The other nodes and the QNetd host are down.
    rig.world(|world| {
        world.power("pve2", false);
        world.power("pve3", false);
        world.machines.get_mut("10.0.0.100").unwrap().reachable = false;
        world.advance(30.0);
    });
    let status = rig.run("pvecm status");
    assert_eq!(status.exit(), Some(2));
    for line in [
        "Expected votes:   5\n",
        "Total votes:      1\n",
        "Quorum:           3 Activity blocked\n",
        "Flags:            Qdevice \n",
        "0x00000001          1   A,NV,NMW 10.0.0.1 (local)\n",
        "0x00000000          0            Qdevice (votes 2)\n",
    ] {
        assert!(status.stdout.contains(line), "{line:?} is not in\n{}", status.stdout);
    }
}

#[test]
fn a_forced_set_up_that_is_refused_leaves_the_device_connected() {
    let rig = rig(3);
    let printed = rig.out("pvecm qdevice setup 10.0.0.100 --force");
    for line in [
        "node 'pve2': Creating /etc/corosync/qdevice/net/nssdb",
        "node 'pve2': Creating new noise file /etc/corosync/qdevice/net/nssdb/noise.txt",
        "node 'pve2': Importing CA",
        "pk12util: PKCS12 EXPORT SUCCESSFUL",
        "node 'pve3': Importing cluster certificate and key",
        "node 'pve3': pk12util: PKCS12 IMPORT SUCCESSFUL",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line:?} is not in\n{printed}");
    }
    let connected = |rig: &Rig| {
        let said = rig.out("corosync-qdevice-tool -s");
        assert!(said.contains("State:\t\t\tConnected\n"), "{said}");
    };
    connected(&rig);
    let (_, error) = rig.fails("pvecm qdevice setup 10.0.0.100 --force");
    assert!(error.contains("Certificate database already exists. Delete it to continue\n"), "{error}");
    assert!(error.ends_with("Qdevice already configured, must be removed before setting up new one!\n"), "{error}");
    connected(&rig);
    // Another host that can't be reached, and one that has no qnetd.
    for address in ["10.0.0.99", "10.0.0.2"] {
        rig.fails(&format!("pvecm qdevice setup {address} --force"));
        connected(&rig);
        rig.out("systemctl restart corosync-qdevice");
        connected(&rig);
    }
}

#[test]
fn the_tools_of_corosync_have_their_layouts() {
    let rig = rig(2);
    rig.out("pvecm qdevice setup 10.0.0.100");
    let (short, long) = (rig.out("corosync-qdevice-tool -s"), rig.out("corosync-qdevice-tool -sv"));
    assert_eq!(
        short,
        "Qdevice information\n-------------------\nModel:\t\t\tNet\nNode ID:\t\t1\nConfigured node list:\n    \
         0\tNode ID = 1\n    1\tNode ID = 2\nMembership node list:\t1, 2\n\nQdevice-net \
         information\n----------------------\nCluster name:\t\ttest\nQNetd host:\t\t10.0.0.100:5403\n\
         Algorithm:\t\tFifty-Fifty split\nTie-breaker:\t\tNode with lowest node ID\nState:\t\t\tConnected\n"
    );
    assert!(long.lines().count() >= short.lines().count() + 8, "{long}");
    let (code, error) = rig.fails("corosync-quorumtool -x");
    assert!(code == 1 && error.contains("invalid option"), "{code} {error}");
    let nodes = rig.out("corosync-cfgtool -n");
    assert!(nodes.contains("nodeid: 2 reachable\n   LINK: 0 udp (10.0.0.1->10.0.0.2) enabled connected"), "{nodes}");
    for line in ["corosync-cmapctl -g nosuch", "corosync-cmapctl nosuch"] {
        assert_eq!(rig.fails(line), (1, "Can't get key nosuch. Error CS_ERR_NOT_EXIST\n".to_owned()));
    }
    assert_eq!(rig.out("corosync-cmapctl -g totem.cluster_name"), "totem.cluster_name (str) = test\n");
    assert!(rig.out("corosync-cmapctl -m stats").contains("stats.knet.node2.link0.connected (u8) = 1\n"));
    assert!(rig.fails("dpkg -s nosuch").1.lines().nth(1).is_some_and(|line| line.starts_with("Use dpkg --info ")));
    let listed = rig.out("ls -la /etc/pve/ha");
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("total ") && lines[1].ends_with(" .") && lines[2].ends_with(" .."), "{listed}");
    let (code, error) = rig.fails("ln /etc/pve/corosync.conf /etc/pve/x");
    assert!(code == 1 && error.ends_with("Function not implemented\n"), "{error}");
}

#[test]
fn a_file_of_any_name_below_etc_pve_is_written_renamed_and_removed() {
    let rig = rig(2);
    let file = "/etc/pve/evacuated-pve1.json";
    assert_eq!(rig.fails(&format!("cat -- {file}")).0, 1);
    rig.write(&format!("{file}.tmp"), "{\"guests\":[100]}\n");
    rig.out(&format!("mv -f -- {file}.tmp {file}"));
    assert_eq!(rig.out(&format!("cat -- {file}")), "{\"guests\":[100]}\n");
    // It is the cluster's: another node has it as well.
    assert_eq!(rig.out(&format!("ssh root@10.0.0.2 cat -- {file}")), "{\"guests\":[100]}\n");
    rig.out(&format!("rm -- {file}"));
    assert!(rig.fails(&format!("cat -- {file}")).1.contains("No such file or directory"));
    assert!(!rig.out("ls /etc/pve").contains("evacuated"));
    assert_eq!(rig.fails("dd of=/etc/pve/nosuch/f bs=128K status=none").0, 1);
}

#[test]
fn hooks_upgrade_a_node_in_one_program() {
    let rig = rig(1);
    let upgrade = "sudo -n -- env DEBIAN_FRONTEND=noninteractive apt-get -y dist-upgrade";
    assert!(rig.out(upgrade).contains("1 newly installed"));
    assert!(rig.out("cat /run/reboot-required").contains("restart required"));
    assert_eq!(rig.run_as("terraform", "apt-get -y dist-upgrade", "").exit(), Some(100));
    let outcome = rig.run("timeout 10 sleep 30");
    assert_eq!((outcome.exit(), outcome.seconds), (Some(124), 10.0));
    assert_eq!(rig.fails("env nosuch").0, 127);
}

#[test]
fn a_unit_of_systemd_run_ends_in_its_own_time_and_keeps_its_exit_code() {
    let rig = rig(1);
    let begin = |program: &str| {
        format!("systemd-run --quiet --unit=job --property=StandardOutput=truncate:/var/log/job.log -- {program}")
    };
    let state = || rig.out("systemctl show --property=LoadState,ActiveState,SubState,ExecMainStatus job");
    assert!(state().contains("LoadState=not-found\n"));
    rig.fault(serde_json::json!({"command": "^echo", "kind": "latency", "ms": 60_000}));
    assert_eq!(rig.run(&begin("echo begun")).seconds, 0.0, "it waits for nothing");
    assert!(state().contains("SubState=running\n"));
    assert!(rig.fails(&begin("true")).1.contains("job.service was already loaded"));
    assert_eq!(rig.out("tail -c +3 /var/log/job.log"), "gun\n");
    rig.world(|world| world.advance(61.0));
    assert!(state().contains("ActiveState=active\nSubState=exited\n"));
    rig.out("systemctl stop job");
    assert!(state().contains("LoadState=not-found\n"));

    rig.out(&begin("false"));
    assert!(state().contains("ExecMainStatus=1\n") && state().contains("ActiveState=failed\n"));
    rig.out("systemctl stop job");
    assert!(state().contains("ActiveState=failed\n"), "a stop keeps it");
    rig.out("systemctl reset-failed job");
    assert!(state().contains("LoadState=not-found\n"));
    assert!(rig.fails("systemctl reset-failed job").1.contains("not loaded"));
    assert!(rig.fails(&begin("nosuch")).1.contains("Failed to find executable nosuch"));
    assert!(rig.run_as("terraform", &begin("true"), "").exit() == Some(1));
}
