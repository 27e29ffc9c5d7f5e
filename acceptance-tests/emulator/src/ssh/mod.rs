//! The SSH servers of the nodes: one listener per node, on a port of its own, and behind it the node's programs.
//!
//! Invariant: a node without power has no listener and no connection; what a client may run is what the account it logs in
//! with may run on a real node.

mod link;
mod session;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::ssh_key::{LineEnding, PublicKey};
use russh::keys::{PrivateKey, ssh_key};
use russh::server::Config;
use russh::{MethodKind, MethodSet};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::server::Shared;

/// How often a listener looks whether its node has power.
const POLL_INTERVAL: Duration = Duration::from_millis(25);
const BACKLOG: u32 = 1024;

/// How nodes are reached over SSH.
#[derive(Clone, Debug)]
pub struct Access {
    /// The port of each node on the address the API listens on.
    pub ports: BTreeMap<String, u16>,
    /// The host key of all nodes, as `known_hosts` has it after the address.
    pub host_key: String,
    /// The file with the private key that root and `terraform`, who may use sudo, log in with.
    pub private_key_file: PathBuf,
}

/// The keys that open a session, besides root's password.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    keys: Mutex<Vec<PublicKey>>,
}

/// Why SSH is not available.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// A port or a file.
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
    #[error("cannot make a key: {0}")]
    Key(#[from] ssh_key::Error),
    #[error("no random numbers")]
    Random,
}

impl Accounts {
    /// Lets the owner of a key in, as a line in `authorized_keys` does.
    pub(crate) fn authorise(&self, line: &str) -> Result<(), String> {
        let key = PublicKey::from_openssh(line).map_err(|error| error.to_string())?;
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).push(key);
        Ok(())
    }

    fn contains(&self, key: &PublicKey) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().any(|known| known.key_data() == key.key_data())
    }
}

/// Starts the servers of all nodes.
pub(crate) async fn start(
    shared: &Arc<Shared>,
    tracker: &TaskTracker,
    address: SocketAddr,
    folder: &Path,
) -> Result<Access, SshError> {
    let host_key = new_key()?;
    let login = new_key()?;
    let private_key_file = folder.join("id_ed25519");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&private_key_file)?;
    file.write_all(login.to_openssh(LineEnding::LF)?.as_bytes())?;
    shared.accounts.keys.lock().unwrap_or_else(PoisonError::into_inner).push(login.public_key().clone());
    let public = host_key.public_key().to_openssh()?;
    let config = Arc::new(Config {
        methods: MethodSet::from(&[MethodKind::PublicKey, MethodKind::Password][..]),
        auth_rejection_time: Duration::from_millis(20),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key],
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    });
    let nodes: Vec<String> =
        shared.cluster.site().worlds().iter().flat_map(|world| world.nodes.keys().cloned()).collect();
    let mut ports = BTreeMap::new();
    for node in nodes {
        let listener = TcpListener::bind((address.ip(), 0)).await?;
        let at = listener.local_addr()?;
        ports.insert(node.clone(), at.port());
        let server = Server { shared: shared.clone(), config: config.clone(), node, at };
        tracker.spawn(server.run(listener, tracker.clone()));
    }
    Ok(Access { ports, host_key: public, private_key_file })
}

fn new_key() -> Result<PrivateKey, SshError> {
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| SshError::Random)?;
    Ok(PrivateKey::new(KeypairData::from(Ed25519Keypair::from_seed(&seed)), "")?)
}

/// The server of one node.
struct Server {
    shared: Arc<Shared>,
    config: Arc<Config>,
    node: String,
    at: SocketAddr,
}

impl Server {
    async fn run(self, listener: TcpListener, tracker: TaskTracker) {
        let mut listener = Some(listener);
        while !self.shared.stop.is_cancelled() {
            match listener.take() {
                Some(listener) => self.serve(listener, &tracker).await,
                None => match self.bind() {
                    // No server listens, and the port stays reserved.
                    Ok(port) => {
                        self.wait_for_power(true).await;
                        listener = port.listen(BACKLOG).ok();
                    }
                    // Another process has the port already; then it is tried again.
                    Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
                },
            }
        }
    }

    /// The port, on which no process listens.
    fn bind(&self) -> io::Result<TcpSocket> {
        let socket = if self.at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Connections that were cut may linger there.
        socket.set_reuseaddr(true)?;
        socket.bind(self.at)?;
        Ok(socket)
    }

    /// Takes connections until the node loses power, and cuts them then.
    async fn serve(&self, listener: TcpListener, tracker: &TaskTracker) {
        let power = CancellationToken::new();
        let _cut = power.clone().drop_guard();
        loop {
            let accepted = tokio::select! {
                () = self.shared.stop.cancelled() => return,
                () = self.wait_for_power(false) => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            if !self.has_power() {
                return;
            }
            let connection = link::Connection {
                shared: self.shared.clone(),
                config: self.config.clone(),
                node: self.node.clone(),
                cut: power.child_token(),
            };
            tracker.spawn(connection.run(stream));
        }
    }

    async fn wait_for_power(&self, powered: bool) {
        while self.has_power() != powered && !self.shared.stop.is_cancelled() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn has_power(&self) -> bool {
        self.shared.cluster.world_of(&self.node).is_up(&self.node)
    }
}
