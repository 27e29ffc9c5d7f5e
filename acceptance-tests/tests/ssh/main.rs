//! The SSH transport against a real OpenSSH server: what a user's nodes really answer.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod commands;
mod edits;
mod emulated;
mod host_keys;
mod jump;
mod logins;
mod sudo;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acceptance_tests::sshd::{Key, KeyType, Options, Sshd};
use secrecy::SecretString;
use terraform_provider_pve::call::Call;
use terraform_provider_pve::ssh::{Address, Command, Config, HostKeys, Identity, Locate, Ssh};
use tokio_util::sync::CancellationToken;

/// Without requests: the tests name the addresses of their nodes.
struct Nowhere;

impl Locate for Nowhere {
    fn locate<'a>(
        &'a self,
        _: &'a str,
        _: &'a Call,
    ) -> futures_util::future::BoxFuture<'a, Result<Option<String>, String>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// A server that lets one key in, and how to log in to it as the node `pve1`.
struct Node {
    sshd: Sshd,
    config: Config,
}

impl Node {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let key = Key::new(KeyType::Ed25519, "");
        let mut options = Options::letting_in(&key);
        change(&mut options);
        let sshd = Sshd::start(options);
        let config = config(&sshd, &[identity(&key)]);
        Self { sshd, config }
    }

    fn ssh(&self) -> Ssh {
        ssh(&self.config)
    }
}

fn config(sshd: &Sshd, identities: &[Identity]) -> Config {
    let nodes = BTreeMap::from([("pve1".to_owned(), Address::new("127.0.0.1", sshd.port))]);
    Config {
        username: Sshd::user(),
        identities: identities.to_vec(),
        host_keys: HostKeys::new(&[sshd.known()], None).unwrap(),
        nodes,
        ..Config::default()
    }
}

fn ssh(config: &Config) -> Ssh {
    Ssh::new(config.clone(), Arc::new(Nowhere))
}

fn identity(key: &Key) -> Identity {
    Identity::parse(&key.text(), None).unwrap()
}

fn encrypted(key: &Key, passphrase: &str) -> Identity {
    Identity::parse(&key.text(), Some(&SecretString::from(passphrase.to_owned()))).unwrap()
}

/// A script for the node's shell; what follows becomes `$1`, `$2`, …
fn script(text: &str) -> Command {
    Command::new("sh").args(["-c", text, "sh"])
}

fn call() -> Call {
    Call::within(Duration::from_secs(60), CancellationToken::new())
}
