//! Which logins succeed, with which key, and the error when all fail.

use acceptance_tests::sshd::{Agent, Key, KeyType, Options, Sshd};
use terraform_provider_pve::ssh::{Command, Config, ErrorKind, Identity, IdentityError};

use super::{Node, call, config, encrypted, identity, ssh};

/// Logs in with `identities` at a server that lets `key` in.
async fn logs_in(key: &Key, identities: &[Identity]) {
    let sshd = Sshd::start(Options::letting_in(key));
    let output = ssh(&config(&sshd, identities)).run("pve1", &Command::new("id").arg("-un"), &call()).await.unwrap();
    assert_eq!(output.text().trim(), Sshd::user(), "{}", sshd.log());
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn keys_of_all_kinds() {
    for kind in [KeyType::Ed25519, KeyType::Ecdsa, KeyType::Rsa] {
        let key = Key::new(kind, "");
        logs_in(&key, &[identity(&key)]).await;
    }
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn keys_of_all_forms_encrypted() {
    for key in [
        Key::new(KeyType::Ed25519, "correct horse"),
        Key::new(KeyType::Rsa, "correct horse"),
        Key::pem(KeyType::Rsa, "correct horse"),
        Key::pkcs8(KeyType::Rsa, "correct horse"),
        Key::pkcs8(KeyType::Ecdsa, "correct horse"),
    ] {
        assert_eq!(Identity::parse(&key.text(), None).unwrap_err(), IdentityError::Encrypted, "{}", key.text());
        let wrong = Identity::parse(&key.text(), Some(&"battery staple".to_owned().into())).unwrap_err();
        assert_eq!(wrong, IdentityError::Passphrase, "{}", key.text());
        logs_in(&key, &[encrypted(&key, "correct horse")]).await;
    }
    for key in [Key::pem(KeyType::Rsa, ""), Key::pem(KeyType::Ecdsa, ""), Key::pkcs8(KeyType::Ecdsa, "")] {
        logs_in(&key, &[identity(&key)]).await;
        // A passphrase that isn't needed doesn't matter.
        logs_in(&key, &[encrypted(&key, "correct horse")]).await;
    }
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_key_of_an_agent_that_holds_several() {
    for kind in [KeyType::Ed25519, KeyType::Ecdsa, KeyType::Rsa] {
        let (key, other) = (Key::new(kind, ""), Key::new(KeyType::Ed25519, ""));
        let agent = Agent::start(&[&other, &key]);
        let sshd = Sshd::start(Options::letting_in(&key));
        let config = Config { agent: Some(agent.socket()), ..config(&sshd, &[]) };
        let output = ssh(&config).run("pve1", &Command::new("true"), &call()).await.unwrap();
        assert!(output.is_success(), "{kind:?}: {}", sshd.log());
    }
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_login_that_no_method_allows_is_refused() {
    let node = Node::new();
    let wrong = Key::new(KeyType::Ed25519, "");
    let agent = Agent::start(&[&wrong]);
    let config = Config { identities: vec![identity(&wrong)], agent: Some(agent.socket()), ..node.config.clone() };
    let error = ssh(&config).run("pve1", &Command::new("true"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Login);
    let note = error.note().unwrap();
    let fingerprint = wrong.fingerprint();
    assert!(
        note.contains(&format!("ssh-ed25519 key {fingerprint}; ssh-ed25519 key {fingerprint} of the agent")),
        "{note}"
    );
    assert!(note.contains("The host accepts: publickey"), "{note}");
    assert_eq!(node.sshd.accepted(), 0);

    let config = Config { agent: Some("/nonexistent/socket".into()), ..config };
    let error = ssh(&config).run("pve1", &Command::new("true"), &call()).await.unwrap_err();
    assert!(error.note().unwrap().contains("the agent at /nonexistent/socket, which can't be reached"), "{error}");

    let config = Config { identities: Vec::new(), agent: None, ..config };
    let error = ssh(&config).run("pve1", &Command::new("true"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Login);
    assert!(error.note().unwrap().contains("`private_key_file`"), "{error}");
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn more_keys_than_the_server_allows_are_reported() {
    let node = Node::new();
    let wrong: Vec<Key> = (0..8).map(|_| Key::new(KeyType::Ed25519, "")).collect();
    let agent = Agent::start(&wrong.iter().collect::<Vec<_>>());
    let config = Config { identities: Vec::new(), agent: Some(agent.socket()), ..node.config.clone() };
    let error = ssh(&config).run("pve1", &Command::new("true"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Login, "{error}");
    assert!(error.note().unwrap().contains("MaxAuthTries"), "{error}");
}
