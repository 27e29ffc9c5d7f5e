//! Through another host.

use acceptance_tests::sshd::{Key, KeyType, Options, Sshd};
use terraform_provider_pve::ssh::{Address, Command, Config, ErrorKind, HostKey, HostKeys, Jump};

use super::{Node, call, identity, ssh};

fn through(jump: &Sshd, key: Option<&Key>, node: &Node) -> Config {
    let jump = Jump {
        address: Address::new("127.0.0.1", jump.port),
        username: Sshd::user(),
        identities: key.map(identity).into_iter().collect(),
        host_keys: HostKeys::new(&[jump.known()], None).unwrap(),
    };
    Config { jump: Some(jump), ..node.config.clone() }
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_node_behind_a_host_with_a_key_of_its_own() {
    let key = Key::new(KeyType::Ecdsa, "");
    let (jump, node) = (Sshd::start(Options::letting_in(&key)), Node::new());
    let ssh = ssh(&through(&jump, Some(&key), &node));
    let much = vec![b'x'; 2_000_000];
    for _ in 0..3 {
        let output = ssh.run("pve1", &Command::new("cat").stdin(much.clone()), &call()).await.unwrap();
        assert_eq!(output.stdout.len(), much.len());
    }
    assert_eq!((jump.accepted(), node.sshd.accepted()), (1, 1));
    // The node sees the jump host, not us.
    let output = ssh.run("pve1", &Command::new("printenv").arg("SSH_CONNECTION"), &call()).await.unwrap();
    assert!(output.text().starts_with("127.0.0.1 "), "{output:?}");

    // Whichever of the two connections is cut, both are there again.
    jump.cut();
    assert!(ssh.run("pve1", &Command::new("true"), &call()).await.unwrap().is_success());
    node.sshd.cut();
    assert!(ssh.run("pve1", &Command::new("true"), &call()).await.unwrap().is_success());
    assert_eq!((jump.accepted(), node.sshd.accepted()), (2, 3));
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn the_nodes_key_serves_for_the_jump_host_too() {
    let node = Node::new();
    // One server is both: it is reached through itself.
    let jump = Jump {
        address: Address::new("127.0.0.1", node.sshd.port),
        username: Sshd::user(),
        identities: Vec::new(),
        host_keys: node.config.host_keys.clone(),
    };
    let config = Config { jump: Some(jump), ..node.config.clone() };
    assert!(ssh(&config).run("pve1", &Command::new("true"), &call()).await.unwrap().is_success());
    assert_eq!(node.sshd.accepted(), 2);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn both_hosts_have_to_be_the_right_ones() {
    let key = Key::new(KeyType::Ed25519, "");
    let (jump, node) = (Sshd::start(Options::letting_in(&key)), Node::new());
    let other = Key::new(KeyType::Ed25519, "");

    let mut config = through(&jump, Some(&key), &node);
    config.jump.as_mut().unwrap().host_keys = HostKeys::new(&[jump.line(&other)], None).unwrap();
    let error = ssh(&config).run("pve1", &Command::new("true"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey(HostKey::Changed));
    assert!(error.host().unwrap().ends_with(&format!(":{}", jump.port)), "{error}");
    assert_eq!((jump.accepted(), node.sshd.accepted()), (0, 0));

    let mut config = through(&jump, Some(&key), &node);
    config.host_keys = HostKeys::default();
    let error = ssh(&config).run("pve1", &Command::new("true"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey(HostKey::Unknown));
    assert!(error.note().unwrap().ends_with(&node.sshd.known()), "{error}");
    assert_eq!(node.sshd.accepted(), 0);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_jump_host_that_forwards_nothing() {
    let key = Key::new(KeyType::Ed25519, "");
    let lines = vec!["AllowTcpForwarding no".to_owned()];
    let jump = Sshd::start(Options { lines, ..Options::letting_in(&key) });
    let node = Node::new();
    let error = ssh(&through(&jump, Some(&key), &node)).run("pve1", &Command::new("true"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(error.message().contains(&format!(":{}", jump.port)), "{error}");
}
