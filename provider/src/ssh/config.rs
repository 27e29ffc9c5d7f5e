//! The settings of SSH logins, parsed: an invalid one is refused before a connection is opened.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::address::Address;
use super::host_keys::HostKeys;
use super::identity::Identity;

/// How long one command may take unless it says otherwise.
pub const DEFAULT_COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// How nodes are logged in to.
#[derive(Clone, Debug)]
pub struct Config {
    /// The user on the nodes.
    pub username: String,
    /// The port, where a node has none of its own.
    pub port: u16,
    /// Private keys, tried in this order.
    pub identities: Vec<Identity>,
    /// The socket of an agent, whose keys are tried after those.
    pub agent: Option<PathBuf>,
    /// The user's password, tried last.
    pub password: Option<SecretString>,
    /// Whether commands run through sudo.
    pub sudo: bool,
    /// How long one command may take.
    pub command_timeout: Duration,
    /// Which host keys are trusted.
    pub host_keys: HostKeys,
    /// Nodes that are not reached at their address in the cluster.
    pub nodes: BTreeMap<String, Address>,
    pub jump: Option<Jump>,
}

#[derive(Clone, Debug)]
pub struct Jump {
    /// Where it is reached.
    pub address: Address,
    /// The user on it.
    pub username: String,
    /// Private keys for it, instead of those for the nodes.
    pub identities: Vec<Identity>,
    /// Which keys are trusted to be its own.
    pub host_keys: HostKeys,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            username: "root".to_owned(),
            port: 22,
            identities: Vec::new(),
            agent: None,
            password: None,
            sudo: false,
            command_timeout: DEFAULT_COMMAND_TIMEOUT,
            host_keys: HostKeys::default(),
            nodes: BTreeMap::new(),
            jump: None,
        }
    }
}
