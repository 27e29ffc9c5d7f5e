//! `pvecm qdevice` on an emulated cluster.

use super::*;

#[test]
fn a_qdevice_is_set_up_and_removed() {
    let rig = rig(2);
    rig.out("timeout 10 bash -c 'exec 3<>\"/dev/tcp/$1/$2\"' bash 10.0.0.100 5403");
    rig.out("ssh -o BatchMode=yes -o ConnectTimeout=10 root@10.0.0.100 dpkg -s corosync-qnetd");
    let printed = rig.out("pvecm qdevice setup 10.0.0.100");
    let steps: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("INFO: ")).collect();
    assert_eq!(
        steps,
        [
            "initializing qnetd server",
            "copying CA cert and initializing on all nodes",
            "generating cert request",
            "copying exported cert request to qnetd server",
            "sign and export cluster cert",
            "copy exported CRT",
            "import certificate",
            "copy and import pk12 cert to all nodes",
            "add QDevice to cluster configuration",
            "start and enable corosync qdevice daemon on node 'pve1'...",
            "start and enable corosync qdevice daemon on node 'pve2'...",
        ]
    );
    assert_eq!(rig.world(|world| (world.votes(), world.expected_votes())), ((3, 2), 3));
    assert!(rig.out("cat /etc/pve/corosync.conf").contains("algorithm: ffsplit\n      host: 10.0.0.100\n"));
    assert!(rig.out("pvecm status").contains("Flags:            Quorate Qdevice \n"));
    assert!(rig.out("ls /etc/pve").lines().all(|name| !name.contains("crt") && !name.contains("p12")));
    assert_eq!(rig.fails("pvecm qdevice setup 10.0.0.100").1, "QDevice already configured!\n");
    assert!(
        rig.fails("pvecm qdevice setup 10.0.0.100 --force")
            .1
            .ends_with("Qdevice already configured, must be removed before setting up new one!\n")
    );
    rig.world(|world| world.power("pve2", false));
    rig.world(|world| world.advance(30.0));
    assert!(rig.world(|world| world.is_quorate()), "one of two nodes and the QDevice");
    assert!(rig.fails("pvecm qdevice remove").1.starts_with("All nodes must be online! Node pve2 is offline"));
    rig.world(|world| world.power("pve2", true));
    rig.out("pvecm qdevice remove");
    assert_eq!(rig.world(|world| world.votes()), (2, 2));
    assert_eq!(rig.fails("test -e /etc/corosync/qdevice").0, 1);
}

#[test]
fn a_failed_set_up_keeps_its_completed_steps() {
    let steps = [
        ("ssh-copy-id", false, false),
        ("^scp .*qnetd-cacert", false, false),
        ("qdevice-net-certutil -r", true, false),
        ("^scp .*crq", true, false),
        ("qnetd-certutil -s", true, false),
        ("^scp .*cluster-test.crt", true, false),
        ("qdevice-net-certutil -M", true, false),
        ("^scp .*p12", true, false),
        ("qdevice-net-certutil -m", true, false),
        ("systemctl start corosync-qdevice", true, true),
        ("systemctl enable corosync-qdevice", true, true),
        ("corosync-cfgtool -R", true, true),
    ];
    for (step, has_store, has_section) in steps {
        let rig = rig(2);
        rig.fault(serde_json::json!({"command": step, "kind": "fail", "exit": 1}));
        let (_, error) = rig.fails("pvecm qdevice setup 10.0.0.100");
        assert!(error.contains("failed: exit code"), "{step}: {error}");
        assert_eq!(rig.run("test -d /etc/corosync/qdevice/net/nssdb").exit() == Some(0), has_store, "{step}");
        assert_eq!(rig.world(|world| world.qdevice.is_some()), has_section, "{step}");
        let again = rig.run("pvecm qdevice setup 10.0.0.100");
        let expected = match (has_store, has_section) {
            (_, true) => "QDevice already configured!\n",
            (true, _) => "QDevice certificate store already initialised, set force to delete!\n",
            _ => "",
        };
        assert!(again.stderr.ends_with(expected), "{step}: {again:?}");
        if has_store && !has_section {
            rig.out("pvecm qdevice setup 10.0.0.100 --force 1");
            assert_eq!(rig.world(|world| world.votes()), (3, 2), "{step}");
        }
    }
}

#[test]
fn a_device_without_its_daemon_casts_no_vote() {
    let rig = rig(2);
    rig.fault(
        serde_json::json!({"command": "^systemctl start corosync-qdevice", "kind": "cut-before", "node": "pve2"}),
    );
    assert_eq!(rig.run("pvecm qdevice setup 10.0.0.100").end, End::Cut);
    assert!(rig.world(|world| world.qdevice_runs("pve1") && !world.qdevice_runs("pve2")));
    assert!(rig.out("pvecm status").contains("0x00000002          1         NR 10.0.0.2\n"));
    rig.world(|world| world.machines.get_mut("10.0.0.100").unwrap().reachable = false);
    let status = rig.out("pvecm status");
    assert!(status.contains("0x00000001          1   A,NV,NMW 10.0.0.1 (local)\n"), "{status}");
    assert!(status.contains("0x00000000          0            Qdevice (votes 1)\n"), "{status}");
    assert!(status.contains("Total votes:      2\n"));
}

#[test]
fn a_qdevice_set_up_reports_what_prevents_it() {
    let rig = rig(2);
    let host = |change: &dyn Fn(&mut crate::world::Machine)| {
        rig.world(|world| change(world.machines.get_mut("10.0.0.100").unwrap()));
    };
    host(&|machine| machine.trusts.clear());
    let (code, error) = rig.fails("ssh -o BatchMode=yes root@10.0.0.100 dpkg -s corosync-qnetd");
    assert_eq!((code, error.trim_end()), (255, "root@10.0.0.100: Permission denied (publickey,password)."));
    assert!(rig.fails("pvecm qdevice setup 10.0.0.100").1.contains("ssh-copy-id"));
    host(&|machine| {
        machine.trusts.insert("pve1".into());
        machine.packages.remove("corosync-qnetd");
        machine.set_unit("corosync-qnetd", false, false);
    });
    let refused = "dpkg-query: package 'corosync-qnetd' is not installed and no information is available\n";
    assert!(rig.fails("ssh root@10.0.0.100 dpkg -s corosync-qnetd").1.starts_with(refused));
    let probe = "timeout 10 bash -c 'exec 3<>\"/dev/tcp/$1/$2\"' bash 10.0.0.100 5403";
    assert!(rig.fails(probe).1.starts_with("bash: connect: Connection refused\n"));
    host(&|machine| machine.reachable = false);
    assert!(rig.fails(probe).1.contains("No route to host"));
    host(&|machine| machine.reachable = true);
    assert!(rig.fails("systemctl start corosync-qdevice").1.starts_with("Job for corosync-qdevice.service failed"));
    rig.world(|world| world.machines.get_mut("pve1").unwrap().packages.remove("corosync-qdevice"));
    assert_eq!(rig.fails("dpkg -s corosync-qdevice").0, 1);
    assert!(rig.fails("pvecm qdevice setup 10.0.0.100").1.contains("failed: "));
}
