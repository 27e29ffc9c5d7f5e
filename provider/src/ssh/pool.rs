//! One connection per node, shared by all operations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::address::Address;
use super::connection::{Connection, Target};
use super::error::{Error, ErrorKind};
use super::login::Credentials;
use super::{Ssh, over};
use crate::call::Call;

/// Waits before connecting again. sshd turns some away while many log in at once (`MaxStartups`).
const DELAYS: &[Duration] = &[Duration::from_millis(200), Duration::from_secs(1)];

/// The connections that there are.
#[derive(Default)]
pub(super) struct Pool {
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    addresses: Mutex<HashMap<String, Address>>,
}

type Slot = tokio::sync::Mutex<State>;

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    /// What the last who tried to connect met, for those who waited for it meanwhile.
    failed: Option<(Instant, Error)>,
}

/// A host's place in the pool: no node's name is empty.
const JUMP: &str = "";

impl Pool {
    fn slot(&self, node: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(node.to_owned()).or_default())
    }

    fn address(&self, node: &str) -> Option<Address> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).get(node).cloned()
    }
}

impl Ssh {
    /// Sets the address of a machine that the cluster does not list, unless the configuration names it.
    pub fn place(&self, node: &str, host: &str) {
        let address = Address::new(host, self.inner.config.port);
        let mut addresses = self.inner.pool.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.insert(node.to_owned(), address);
    }

    /// The connection to a node, the one that there is or a new one.
    pub(super) async fn connection(&self, node: &str, call: &Call) -> Result<Arc<Connection>, Error> {
        self.pooled(node, node, call).await
    }

    async fn pooled(&self, key: &str, node: &str, call: &Call) -> Result<Arc<Connection>, Error> {
        let asked = Instant::now();
        let slot = self.inner.pool.slot(key);
        let mut state = call.bound(slot.lock()).await.map_err(|ended| over(ended, node))?;
        if let Some(connection) = state.connection.as_ref().filter(|connection| !connection.is_dead()) {
            return Ok(Arc::clone(connection));
        }
        state.connection = None;
        if let Some((_, error)) = state.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(error.clone());
        }
        let opened = call.bound(self.open_patiently(key, node, call)).await.map_err(|ended| over(ended, node))?;
        match opened {
            Ok(connection) => {
                let connection = Arc::new(connection);
                state.connection = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn open_patiently(&self, key: &str, node: &str, call: &Call) -> Result<Connection, Error> {
        for delay in DELAYS {
            match self.open(key, node, call).await {
                Err(error) if error.kind() == ErrorKind::Unreachable => {
                    tracing::warn!(node, reason = error.message(), "no SSH connection; trying again");
                    tokio::time::sleep(*delay).await;
                }
                result => return result,
            }
        }
        self.open(key, node, call)
            .await
            .map_err(|error| if key == JUMP { error } else { self.with_named_nodes(error, node) })
    }

    /// A node that the configuration doesn't name, while it names others, may be a slip of the pen.
    fn with_named_nodes(&self, error: Error, node: &str) -> Error {
        let named = &self.inner.config.nodes;
        if error.kind() != ErrorKind::Unreachable || named.is_empty() || named.contains_key(node) {
            return error;
        }
        let names = named.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        error.with_note(format!(
            "The `ssh` block has no `node` of this name, so its address in the cluster was used. It names {names}."
        ))
    }

    async fn open(&self, key: &str, node: &str, call: &Call) -> Result<Connection, Error> {
        let config = &self.inner.config;
        let credentials = Credentials {
            username: &config.username,
            identities: &config.identities,
            agent: config.agent.as_deref(),
            password: config.password.as_ref(),
        };
        match &config.jump {
            Some(jump) if key == JUMP => {
                // A key of its own is the only way in: the nodes' password is never sent to the jump host.
                let credentials = match jump.identities.as_slice() {
                    [] => Credentials { username: &jump.username, ..credentials },
                    own => Credentials { username: &jump.username, identities: own, agent: None, password: None },
                };
                let (address, host_keys) = (&jump.address, &jump.host_keys);
                Connection::open(&Target { node, address, alias: None, host_keys, credentials }, None).await
            }
            jump => {
                let address = self.address(node, call).await?;
                let through = match jump {
                    // A node is asked for by its own slot, the jump host by another: no wait in a circle.
                    Some(_) => Some(Box::pin(self.pooled(JUMP, node, call)).await?),
                    None => None,
                };
                let (address, host_keys) = (&address, &config.host_keys);
                let target = Target { node, address, alias: Some(node), host_keys, credentials };
                Connection::open(&target, through.as_deref()).await
            }
        }
    }

    async fn address(&self, node: &str, call: &Call) -> Result<Address, Error> {
        if let Some(address) = self.inner.config.nodes.get(node) {
            return Ok(address.clone());
        }
        if let Some(address) = self.inner.pool.address(node) {
            return Ok(address);
        }
        let unlocated = |message: String| {
            Error::new(ErrorKind::Unlocated, node, message).with_note(format!(
                "Check the node's name, or add a `node` block with `name = \"{node}\"` and its `address` to the `ssh` \
                 block."
            ))
        };
        match self.inner.locate.locate(node, call).await {
            Ok(Some(host)) => {
                let address = Address::new(&host, self.inner.config.port);
                let mut addresses = self.inner.pool.addresses.lock().unwrap_or_else(PoisonError::into_inner);
                addresses.insert(node.to_owned(), address.clone());
                Ok(address)
            }
            Ok(None) => Err(unlocated("the cluster has no node of this name".to_owned())),
            Err(reason) => Err(unlocated(reason)),
        }
    }
}
