//! The host is the right one, or nothing is sent to it.

use std::fs;

use acceptance_tests::sshd::{Key, KeyType, Options, Sshd};
use terraform_provider_pve::ssh::{Command, Config, Error, ErrorKind, HostKey, HostKeys};

use super::{Node, call, ssh};

async fn with(node: &Node, lines: &[String]) -> Result<(), Error> {
    let config = Config { host_keys: HostKeys::new(lines, None).unwrap(), ..node.config.clone() };
    ssh(&config).run("pve1", &Command::new("true"), &call()).await.map(|_| ())
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn each_of_several_keys_is_requested_where_it_is_trusted() {
    let kinds = [KeyType::Ed25519, KeyType::Ecdsa, KeyType::Rsa];
    let node = Node::with(|options| options.host_keys = kinds.map(|kind| Key::new(kind, "")).into());
    for key in &node.sshd.host_keys {
        with(&node, &[node.sshd.line(key)]).await.unwrap();
    }
    assert_eq!(node.sshd.accepted(), 3);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn an_unknown_key_is_refused_with_the_line_that_trusts_it() {
    for kind in [KeyType::Ed25519, KeyType::Ecdsa, KeyType::Rsa] {
        let node = Node::with(|options| options.host_keys = vec![Key::new(kind, "")]);
        let error = with(&node, &[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HostKey(HostKey::Unknown), "{error}");
        let note = error.note().unwrap();
        assert!(note.contains(&node.sshd.host_keys[0].fingerprint()), "{note}");
        let line = note.lines().last().unwrap();
        assert_eq!(line, node.sshd.known());
        assert_eq!(node.sshd.accepted(), 0);
        // The line is what it says it is.
        with(&node, &[line.to_owned()]).await.unwrap();
    }
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_changed_key_is_refused() {
    let node = Node::new();
    let before = Key::new(KeyType::Ed25519, "");
    let error = with(&node, &[node.sshd.line(&before)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey(HostKey::Changed), "{error}");
    assert!(error.note().unwrap().ends_with(&node.sshd.known()), "{error}");
    // Nor is a key of another, unlisted type.
    let before = Key::new(KeyType::Rsa, "");
    let error = with(&node, &[node.sshd.line(&before)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey(HostKey::Changed), "{error}");
    assert_eq!(node.sshd.accepted(), 0);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_revoked_key_is_refused() {
    let node = Node::new();
    let known = node.sshd.known();
    let error = with(&node, &[known.clone(), format!("@revoked {known}")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey(HostKey::Revoked), "{error}");
    assert_eq!(node.sshd.accepted(), 0);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_host_that_is_installed_anew_while_in_use() {
    let node = Node::new();
    let ssh = node.ssh();
    ssh.run("pve1", &Command::new("true"), &call()).await.unwrap();
    let (port, authorized) = (node.sshd.port, node.config.identities.clone());
    drop(node);
    // Another server answers on the same port from now on.
    let impostor = Sshd::start(Options { port, ..Options::default() });
    let error = ssh.run("pve1", &Command::new("true"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey(HostKey::Changed), "{error}");
    assert_eq!((impostor.accepted(), authorized.len()), (0, 1));
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_file_of_known_hosts_with_hashed_names_is_read_and_never_written() {
    let node = Node::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    fs::write(&file, format!("# mine\n{}\n", node.sshd.known())).unwrap();
    let hashed = std::process::Command::new("ssh-keygen").arg("-q").arg("-H").arg("-f").arg(&file).status().unwrap();
    assert!(hashed.success());
    let before = fs::read_to_string(&file).unwrap();
    assert!(before.contains("|1|"), "{before}");

    let host_keys = HostKeys::new::<&str>(&[], Some(file.clone())).unwrap();
    let config = Config { host_keys, ..node.config.clone() };
    ssh(&config).run("pve1", &Command::new("true"), &call()).await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), before);

    fs::write(&file, "").unwrap();
    let error = ssh(&config).run("pve1", &Command::new("true"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostKey(HostKey::Unknown));
    assert!(error.note().unwrap().contains(&file.display().to_string()), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}
