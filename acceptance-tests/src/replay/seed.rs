//! Starts an emulator in the state in which a case was recorded.

use super::case::Case;
use super::master;
use pve_emulator::{Emulator, Handle, Initial, Options, Release, Seed, StartError};
use serde::Deserialize;
use serde_json::Value;
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
    seed["master"] = master::of(case).into();
    let credentials = seed.get("credentials").cloned().unwrap_or_default();
    let credentials = serde_json::from_value(credentials).map_err(malformed)?;
    Ok((seed, credentials))
}

/// Starts an emulator for `case`.
pub(super) async fn start(case: &Case, path: &Path, hosts: BTreeMap<String, SocketAddr>) -> Result<Stage, SeedError> {
    let (seed, credentials) = seed_of(case, path)?;
    let seed =
        Seed::parse(&seed.to_string()).map_err(|source| SeedError::Malformed { path: path.to_owned(), source })?;
    let release = if case.header.pve == 8 { Release::V8 } else { Release::V9 };
    let initial = if case.header.initial == "fresh" { Initial::Fresh } else { Initial::Seed };
    let clock = Some(super::control::before_the_first_step());
    let options = Options { release, seed: Some(seed), initial, clock, hosts, ..Options::default() };
    let emulator = Emulator::start(options).await?;
    Ok(Stage { emulator, credentials })
}
