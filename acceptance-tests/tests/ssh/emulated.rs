//! The emulated cluster's nodes, through their own servers and through real ones: a client finds no difference.

use std::collections::BTreeMap;
use std::time::Duration;

use acceptance_tests::Cluster;
use acceptance_tests::runtime::block_on;
use acceptance_tests::sshd::Sshd;
use pve_emulator::Options;
use terraform_provider_pve::call::Call;
use terraform_provider_pve::ssh::{
    Address, ClusterFile, Command, Config, Edit, Error, ErrorKind, HostKeys, Identity, Ssh,
};
use tokio_util::sync::CancellationToken;

use super::{call, identity, ssh};

/// The same cluster, reached both ways.
fn both(test: &str) -> Option<(Cluster, [Ssh; 2])> {
    let cluster = Cluster::own(test, Options { ssh: true, ..Options::default() })?;
    let access = cluster.emulator().ssh().unwrap();
    let lines: Vec<String> =
        access.ports.values().map(|port| format!("[127.0.0.1]:{port} {}", access.host_key)).collect();
    let own = Config {
        identities: vec![Identity::parse(&std::fs::read_to_string(&access.private_key_file).unwrap(), None).unwrap()],
        host_keys: HostKeys::new(&lines, None).unwrap(),
        nodes: access.ports.iter().map(|(node, port)| (node.clone(), Address::new("127.0.0.1", *port))).collect(),
        ..Config::default()
    };
    let servers: Vec<_> = cluster.sshd().all().collect();
    let lines: Vec<String> = servers.iter().map(|(_, server)| server.known()).collect();
    let nodes: BTreeMap<String, Address> =
        servers.iter().map(|(node, server)| ((*node).to_owned(), Address::new("127.0.0.1", server.port))).collect();
    let real = Config {
        username: Sshd::user(),
        identities: vec![identity(cluster.sshd().key())],
        host_keys: HostKeys::new(&lines, None).unwrap(),
        nodes,
        ..Config::default()
    };
    let both = [ssh(&own), ssh(&real)];
    Some((cluster, both))
}

#[test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
fn commands_and_files() {
    let Some((_cluster, both)) = both("commands_and_files") else { return };
    let file = ClusterFile::new("/etc/pve/ha/fence.cfg", "domain-ha");
    block_on(async {
        let mut before = None;
        for ssh in &both {
            let status = ssh.run("pve1", &Command::new("pvecm").arg("status").reading(), &call()).await.unwrap();
            assert!(status.text().contains("Quorate:"), "{status:?}");
            let failed = ssh.run("pve2", &Command::new("pvecm").args(["qdevice", "remove"]), &call()).await.unwrap();
            assert!(!failed.is_success() && failed.stderr_text().contains("No QDevice configured!"), "{failed:?}");

            let text = format!("{}# größe: $(x) '\"\n", before.clone().unwrap_or_default());
            let bounds = call();
            let wrote = file.edit(ssh, "pve1", &bounds, |now| {
                assert_eq!(now, before.as_deref());
                Ok::<_, Error>(Edit::Write(text.clone()))
            });
            assert!(wrote.await.unwrap());
            // Another node sees it at once.
            assert_eq!(file.read(ssh, "pve3", &call()).await.unwrap().as_deref(), Some(text.as_str()));
            before = Some(text);
        }
    });
}

#[test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
fn without_quorum() {
    let Some((cluster, both)) = both("without_quorum") else { return };
    let file = ClusterFile::new("/etc/pve/ha/fence.cfg", "domain-ha");
    {
        let mut world = cluster.emulator().cluster().world();
        world.power("pve2", false);
        world.power("pve3", false);
        world.advance(30.0);
        assert!(!world.is_quorate());
    }
    block_on(async {
        for ssh in &both {
            let error = file.edit(ssh, "pve1", &call(), |_| -> Result<Edit, Error> { unreachable!("no lock") }).await;
            assert_eq!(error.unwrap_err().kind(), ErrorKind::NoQuorum);
        }
    });
}

#[test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
fn a_connection_cut_by_the_node() {
    let Some((cluster, both)) = both("a_connection_cut_by_the_node") else { return };
    for ssh in &both {
        let fault = serde_json::json!({ "command": "^rmdir", "kind": "cut-before", "count": 1 });
        cluster.emulator().commands().fault(serde_json::from_value(fault).unwrap()).unwrap();
        let bounds = Call::within(Duration::from_secs(30), CancellationToken::new());
        let error = block_on(ssh.run("pve1", &Command::new("rmdir").arg("/etc/pve/priv/lock/x"), &bounds)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error}");
        assert!(block_on(ssh.run("pve1", &Command::new("true"), &bounds)).unwrap().is_success());
    }
}
