//! The version of this Proxmox, and the features it has.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;
use pve_schemas::value::HaMode;
use serde::Deserialize;

use super::error::{Error, ErrorKind};
use super::wire;
use super::{Client, Collection};
use crate::call::Call;

pub(super) const VERSION: &str = "/version";

/// The version of pve-manager on the node that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// 8 or 9.
    pub major: u32,
    /// The release within it.
    pub minor: u32,
    /// The patch, 0 where the version has no third part.
    pub patch: u32,
    /// The whole version, `9.2.11`.
    pub version: String,
    /// The release, `9.2`.
    pub release: String,
    /// The commit it was built from.
    pub repoid: String,
}

/// The version of one node, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeVersion {
    /// `/version` was read.
    Known(Version),
    /// It is offline, or gave no answer.
    Unanswered,
}

/// The versions of all nodes by name.
pub type NodeVersions = Arc<BTreeMap<String, NodeVersion>>;

impl Client {
    /// The version, asked for once.
    ///
    /// # Errors
    ///
    /// What the request meets; not kept.
    pub async fn version(&self, call: &Call) -> Result<Version, Error> {
        let fetch = || {
            let (client, call) = (self.clone(), call.clone());
            async move {
                let answer: Answer = client.get(VERSION, &call).await?;
                answer.parse()
            }
        };
        let share = self.inner.versions.share((), || 0, |_| true, call, fetch);
        call.bound(share).await.map_err(|ended| super::attempt::over(ended, &reqwest::Method::GET, VERSION))?
    }

    /// The version of every node: one request for each. Kept once all have answered.
    ///
    /// # Errors
    ///
    /// What the list of the nodes meets.
    pub async fn node_versions(&self, call: &Call) -> Result<NodeVersions, Error> {
        let fetch = || {
            let (client, call) = (self.clone(), call.clone());
            async move {
                let nodes: Vec<Node> = client.list(Collection::Nodes, &call).await?.all()?;
                let versions = nodes.into_iter().map(|node| client.version_of(node, &call));
                Ok(Arc::new(join_all(versions).await.into_iter().collect()))
            }
        };
        let complete = |versions: &NodeVersions| !versions.values().any(|version| *version == NodeVersion::Unanswered);
        let share = self.inner.node_versions.share((), || 0, complete, call, fetch);
        let ended = |ended| super::attempt::over(ended, &reqwest::Method::GET, Collection::Nodes.path());
        call.bound(share).await.map_err(ended)?
    }

    async fn version_of(&self, node: Node, call: &Call) -> (String, NodeVersion) {
        let Node { node, status } = node;
        if status != "online" {
            return (node, NodeVersion::Unanswered);
        }
        let answer = self.get::<Answer>(&format!("/nodes/{node}{VERSION}"), call).await.and_then(Answer::parse);
        (node, answer.map_or(NodeVersion::Unanswered, NodeVersion::Known))
    }

    /// Whether this cluster has groups or rules. "Migrated" is for good and asked once; the
    /// opposite may change at any time.
    ///
    /// # Errors
    ///
    /// What the requests meet.
    pub async fn ha_mode(&self, call: &Call) -> Result<HaMode, Error> {
        if self.version(call).await?.major < 9 {
            return Ok(HaMode::Groups);
        }
        if self.inner.migrated.get().is_some() {
            return Ok(HaMode::Rules);
        }
        match self.list(Collection::HaGroups, call).await {
            Ok(_) => Ok(HaMode::GroupsUntilMigrated),
            Err(error) if error.kind() == ErrorKind::GroupsMigrated => {
                // Losing the race to set it means that it is set.
                let _ = self.inner.migrated.set(());
                Ok(HaMode::Rules)
            }
            Err(error) => Err(error),
        }
    }
}

impl Version {
    /// Whether this is at least `major.minor`.
    #[must_use]
    pub fn is_at_least(&self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }

    /// Whether its node affinity rules can name nodes to avoid: from 9.2.6 on, with pve-ha-manager 5.2.5.
    #[must_use]
    pub fn has_nodes_to_avoid(&self) -> bool {
        (self.major, self.minor, self.patch) >= (9, 2, 6)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.version)
    }
}

#[derive(Deserialize)]
struct Node {
    node: String,
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
struct Answer {
    version: String,
    #[serde(default, deserialize_with = "wire::optional::text")]
    release: Option<String>,
    #[serde(default, deserialize_with = "wire::optional::text")]
    repoid: Option<String>,
}

impl Answer {
    fn parse(self) -> Result<Version, Error> {
        // `9.0.0~16`, `8.4.1`, `9.2-1`: numbers until something else comes.
        let mut numbers = self.version.split(['.', '-', '~']).map_while(|part| part.parse::<u32>().ok());
        let Some(major) = numbers.next() else {
            let message = format!("`{}` is not a version", self.version);
            return Err(Error::new(ErrorKind::UnexpectedResponse, &reqwest::Method::GET, VERSION, message));
        };
        let minor = numbers.next().unwrap_or(0);
        let patch = numbers.next().unwrap_or(0);
        Ok(Version {
            major,
            minor,
            patch,
            release: self.release.unwrap_or_else(|| format!("{major}.{minor}")),
            repoid: self.repoid.unwrap_or_default(),
            version: self.version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Version, Error> {
        let answer = Answer { version: text.to_owned(), release: None, repoid: None };
        answer.parse()
    }

    #[test]
    fn versions() {
        let of = |text| {
            let version = parse(text).unwrap();
            (version.major, version.minor, version.patch)
        };
        assert_eq!(of("9.2.11"), (9, 2, 11));
        assert_eq!(of("8.4.1"), (8, 4, 1));
        assert_eq!(of("9.0.0~16"), (9, 0, 0));
        assert_eq!(of("9"), (9, 0, 0));
        assert!(parse("x").is_err());
        assert!(parse("9.1").unwrap().is_at_least(8, 4));
        assert!(!parse("9.0.9").unwrap().is_at_least(9, 1));
        let avoids = |text| parse(text).unwrap().has_nodes_to_avoid();
        assert!(avoids("9.2.6") && avoids("9.2.11") && avoids("9.3.0") && avoids("10.0.1"));
        assert!(!avoids("9.2.5") && !avoids("9.2") && !avoids("9.1.20") && !avoids("8.4.21"));
    }
}
