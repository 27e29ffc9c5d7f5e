//! Starts an emulator in the state in which a case was recorded.

use super::case::Case;
use super::master;
use pve_emulator::route::Method;
use pve_emulator::site::Door;
use pve_emulator::{Emulator, Handle, Initial, Options, Release, Seed, StartError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// A running emulator and the credentials of its start state.
pub(super) struct Stage {
    pub(super) emulator: Handle,
    pub(super) credentials: Credentials,
}

/// The credentials of the start state, by the names that recordings use.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct Credentials(BTreeMap<String, Credential>);

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Credential {
    Token(String),
    Password { username: String, password: String },
}

impl Credentials {
    /// The full token of that name.
    pub(super) fn token(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Credential::Token(token) => Some(token),
            Credential::Password { .. } => None,
        }
    }

    /// User and password of that name.
    pub(super) fn password(&self, name: &str) -> Option<(&str, &str)> {
        match self.0.get(name)? {
            Credential::Token(_) => None,
            Credential::Password { username, password } => Some((username, password)),
        }
    }
}

/// Why the start state can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The seed can't be read.
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// The seed isn't what the format says.
    #[error("{}: {source}", path.display())]
    Malformed { path: PathBuf, source: serde_json::Error },
    /// What happened before can't be done again.
    #[error("before the first step: {0}")]
    Before(String),
    /// The emulator doesn't start.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// The case's seed: the common one, with the versions that the case was recorded with.
fn seed_of(case: &Case, path: &Path) -> Result<(Value, Credentials), SeedError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| SeedError::Unreadable { path: path.to_owned(), source })?;
    let malformed = |source| SeedError::Malformed { path: path.to_owned(), source };
    let mut seed: Value = serde_json::from_str(&text).map_err(malformed)?;
    if let Some(versions) = seed.get_mut("versions").and_then(Value::as_object_mut) {
        let recorded = case.header.versions.iter().map(|(name, version)| (name.clone(), version.clone().into()));
        versions.insert(format!("pve{}", case.header.pve), Value::Object(recorded.collect()));
    }
    // The guests of the recorded clusters were but configurations.
    seed["silent_guests"] = true.into();
    let release = format!("pve{}", case.header.pve);
    seed["cluster"][release]["logging"] =
        json!({"debug": "off", "logfile": "/var/log/corosync.log", "to_logfile": "yes", "to_syslog": "no"});
    seed["master"] = master::of(case).into();
    let credentials = seed.get("credentials").cloned().unwrap_or_default();
    let credentials = serde_json::from_value(credentials).map_err(malformed)?;
    Ok((seed, credentials))
}

/// The certificate of `pvb` that recordings name, which no other machine can have.
const FINGERPRINT: &str =
    "C1:66:A9:3C:1C:44:64:9F:D6:B3:70:DA:4F:A8:09:9A:DF:F4:48:91:1F:B0:E4:10:F3:FE:FE:0E:9A:B1:E9:CF";

/// The states of nodes that began in no cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alone {
    Standalone,
    Created,
    Joined,
}

impl Alone {
    fn of(initial: &str) -> Option<Self> {
        match initial {
            "standalone" => Some(Self::Standalone),
            "created" => Some(Self::Created),
            "joined" => Some(Self::Joined),
            _ => None,
        }
    }

    /// What happened before the recording began.
    fn prepare(self, emulator: &Handle) -> Result<(), SeedError> {
        let call = |node: &str, path: &str, params: Value| {
            let params = params.as_object().cloned().unwrap_or_default();
            let answer = emulator.cluster().call_behind(&Door::Node(node.to_owned()), Method::Post, path, params);
            emulator.cluster().world().advance(20.0);
            answer.map(drop).map_err(|error| SeedError::Before(error.stringified()))
        };
        if self == Self::Standalone {
            let mut world = emulator.cluster().world_of("pvb");
            if let Some(node) = world.nodes.get_mut("pvb") {
                FINGERPRINT.clone_into(&mut node.fingerprint);
            }
        } else {
            call("pva", "/cluster/config", json!({"clustername": "newclu"}))?;
        }
        if self == Self::Joined {
            let fingerprint = emulator.fingerprint();
            let params = json!({"hostname": "10.99.0.11", "fingerprint": fingerprint, "password": "rigpass"});
            call("pvb", "/cluster/config/join", params)?;
        }
        Ok(())
    }
}

/// Two nodes in no cluster in place of one, each with users and storages as in the seed.
fn put_alone(seed: &mut Value) {
    let own = ["users", "acl", "storages", "files"].map(|part| (part.to_owned(), seed[part].clone()));
    let nodes = [("pva", "10.99.0.11"), ("pvb", "10.99.0.12")].map(|(node, address)| {
        let mut entry: serde_json::Map<String, Value> = own.iter().cloned().collect();
        entry.insert("node".to_owned(), json!(node));
        entry.insert("address".to_owned(), json!(address));
        Value::Object(entry)
    });
    seed["nodes"] = json!([]);
    seed["guests"] = json!([]);
    seed["standalone"] = json!(nodes);
}

/// Starts an emulator for `case`.
pub(super) async fn start(case: &Case, path: &Path, hosts: BTreeMap<String, SocketAddr>) -> Result<Stage, SeedError> {
    let (mut seed, credentials) = seed_of(case, path)?;
    let alone = Alone::of(&case.header.initial);
    if alone.is_some() {
        put_alone(&mut seed);
    }
    let seed =
        Seed::parse(&seed.to_string()).map_err(|source| SeedError::Malformed { path: path.to_owned(), source })?;
    let release = if case.header.pve == 8 { Release::V8 } else { Release::V9 };
    let initial = if case.header.initial == "fresh" { Initial::Fresh } else { Initial::Seed };
    let clock = Some(super::control::before_the_first_step());
    let options = Options { release, seed: Some(seed), initial, clock, hosts, ..Options::default() };
    let emulator = Emulator::start(options).await?;
    if let Some(alone) = alone {
        alone.prepare(&emulator)?;
    }
    Ok(Stage { emulator, credentials })
}
