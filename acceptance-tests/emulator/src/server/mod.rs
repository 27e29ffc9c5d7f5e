//! The listener: TLS, HTTP/1.1, and nothing that depends on the request.

pub(crate) mod body;
mod connection;
mod courier;
pub(crate) mod doors;
mod handle;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::pipeline::Cluster;
use crate::site::Door;
use crate::tls::{Served, TlsError};
use crate::world::seed::{Initial, Seed};
use crate::world::{Profile, Pve, RestoreError, Version, World};
use crate::{ssh, tls};
pub use doors::Access;
use doors::{Alone, Identity, lock};
pub use handle::Handle;

/// Which cluster to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Release {
    /// Proxmox VE 8.4.
    V8,
    /// Proxmox VE 9.2.
    #[default]
    V9,
    /// Proxmox VE 9.2 whose HA groups have not been migrated to rules yet.
    V9Unmigrated,
    /// The release that this version of pve-manager is of.
    At(Version),
}

#[derive(Clone, Debug)]
pub struct Options {
    pub listen: SocketAddr,
    /// Which cluster to be.
    pub release: Release,
    /// The start state; without one a cluster of three nodes is made up.
    pub seed: Option<Seed>,
    /// Whether HA was used before.
    pub initial: Initial,
    /// The time at which its clock is stopped; without it the clock runs.
    pub clock: Option<f64>,
    /// The file the cluster is kept in; without one it lives in memory only.
    pub state: Option<PathBuf>,
    /// Added to every answer of the API.
    pub latency: Duration,
    /// How long a write holds its cluster lock while the clock runs by itself.
    pub write_time: Duration,
    /// How long a failed login takes while the clock runs by itself.
    pub failed_login_delay: Duration,
    /// Where hosts outside of the cluster are, by `HOST:PORT`: notifications go nowhere else than to this machine.
    pub hosts: BTreeMap<String, SocketAddr>,
    /// Offer SSH as well.
    pub ssh: bool,
    /// Log requests to stderr.
    pub log: bool,
}

impl Default for Options {
    /// For use inside a test: a free port, no delays, no log.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            release: Release::default(),
            seed: None,
            initial: Initial::Seed,
            clock: None,
            state: None,
            latency: Duration::ZERO,
            write_time: Duration::ZERO,
            failed_login_delay: Duration::ZERO,
            hosts: BTreeMap::new(),
            ssh: false,
            log: false,
        }
    }
}

impl Options {
    fn clock(&self) -> Clock {
        self.clock.map_or_else(Clock::real, Clock::standing)
    }
}

/// Why an emulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port or a file.
    #[error("cannot start: {0}")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error(transparent)]
    State(#[from] RestoreError),
    #[error("SSH: {0}")]
    Ssh(#[from] ssh::SshError),
    #[error("the seed has no node")]
    NoNode,
    #[error("a cluster can be saved only without nodes beside it")]
    StandaloneState,
}

pub struct Emulator;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) cluster: Cluster,
    pub(crate) options: Options,
    pub(crate) control: crate::control::Control,
    /// What the emulator's own address leads to.
    pub(crate) door: Door,
    /// What the listener there shows.
    served: Arc<Served>,
    /// The cluster's authority, and the certificates of its nodes by name; the first one is served.
    identity: Option<Identity>,
    /// The same of each node that was in no cluster at the start.
    standalone: BTreeMap<String, Alone>,
    /// Where nodes with a listener of their own listen.
    pub(crate) addresses: Mutex<BTreeMap<String, SocketAddr>>,
    /// Files of certificates and keys for clients.
    folder: TempDir,
    tracker: TaskTracker,
    pub(crate) accounts: ssh::Accounts,
    pub(crate) stop: CancellationToken,
}

impl Release {
    /// The cluster, if there is one, and the nodes beside it.
    fn build(self, seed: &Seed, initial: Initial, clock: Clock) -> Vec<World> {
        let profile = match self {
            Release::V8 => Profile::of(Pve::V8),
            Release::V9 | Release::V9Unmigrated => Profile::of(Pve::V9),
            Release::At(version) => Profile::at(version),
        };
        let mut worlds = Vec::new();
        if seed.has_cluster() {
            let mut world = seed.build_with(profile.clone(), initial, clock.clone());
            if self == Release::V9Unmigrated {
                crate::crm::leave_unmigrated(&mut world);
            }
            worlds.push(world);
        }
        worlds.extend(seed.build_standalone(&profile, &clock));
        worlds
    }
}

impl Shared {
    /// New worlds; their nodes keep their certificates.
    pub(crate) fn build_worlds(&self, seed: &Seed, initial: Initial) -> Vec<World> {
        let mut worlds = self.options.release.build(seed, initial, self.options.clock());
        worlds.iter_mut().for_each(|world| self.sign(world));
        worlds
    }

    fn sign(&self, world: &mut World) {
        let alone = world.nodes.keys().next().filter(|_| world.standalone).and_then(|node| self.standalone.get(node));
        let Some(identity) = alone.map(|alone| &alone.identity).or(self.identity.as_ref()) else { return };
        world.authority = Some(identity.authority.clone());
        for (name, certificate) in &*lock(&identity.certificates) {
            if let Some(node) = world.nodes.get_mut(name) {
                node.fingerprint.clone_from(&certificate.fingerprint);
            }
        }
    }

    /// The node of the listener gets a new certificate of the same authority.
    pub(crate) fn renew_certificate(&self) -> Result<String, TlsError> {
        let Some(identity) = &self.identity else {
            let mut world = self.cluster.world();
            let node = world.answering_node.clone();
            let site = world.site();
            if let Some(new) = site.main().authority.as_ref().map(|authority| authority.certify(&node)).transpose()? {
                site.install_certificate(&node, new);
            }
            return Ok(site.certificate(&node).map(|new| new.fingerprint.clone()).unwrap_or_default());
        };
        let mut certificates = lock(&identity.certificates);
        let Some((node, known)) = certificates.first_mut() else { return Ok(String::new()) };
        *known = identity.authority.certify(node)?;
        self.served.show(&[known]);
        let renewed = known.fingerprint.clone();
        drop(certificates);
        self.sign(&mut self.cluster.world());
        Ok(renewed)
    }

    /// Puts the first worlds in place, the saved one if there is one, and returns the credentials of the first.
    fn prepare(&self, seed: &Seed) -> Result<(Option<String>, Option<String>), StartError> {
        let mut worlds = self.build_worlds(seed, self.options.initial);
        if let Some(path) = self.options.state.as_ref().filter(|path| path.exists()) {
            worlds[0].restore(&std::fs::read_to_string(path)?)?;
            self.sign(&mut worlds[0]);
        }
        let credentials = worlds[0].credentials();
        let mut site = self.cluster.site();
        site.begin_anew(worlds);
        for (node, alone) in &self.standalone {
            site.open_door(node, alone.served.clone());
            let certificate = lock(&alone.identity.certificates).first().map(|(_, certificate)| certificate.clone());
            if let Some(certificate) = certificate {
                site.install_certificate(node, certificate);
            }
        }
        Ok(credentials)
    }

    /// Begins anew.
    pub(crate) fn begin_anew(&self, seed: &Seed, initial: Initial) {
        let mut worlds = self.build_worlds(seed, initial);
        let mut site = self.cluster.site();
        // A client keeps its ticket.
        worlds[0].keys = site.main().keys.clone();
        if !site.main().clock.is_running() {
            worlds[0].clock.stop();
        }
        site.begin_anew(worlds);
        for (node, alone) in &self.standalone {
            if let Some((_, certificate)) = lock(&alone.identity.certificates).first() {
                site.install_certificate(node, certificate.clone());
            }
        }
    }

    /// Writes the saved state if anything has changed since.
    fn save(&self, last: &mut String) -> std::io::Result<()> {
        let Some(path) = &self.options.state else { return Ok(()) };
        let text = self.cluster.world().save();
        if text == *last {
            return Ok(());
        }
        let unfinished = path.with_extension("unfinished");
        // It holds secrets.
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
        file?.write_all(text.as_bytes())?;
        std::fs::rename(&unfinished, path)?;
        *last = text;
        Ok(())
    }
}

impl Emulator {
    /// Starts a cluster and listens.
    ///
    /// # Errors
    /// When the port is taken or no certificate can be made.
    pub async fn start(options: Options) -> Result<Handle, StartError> {
        let seed = options.seed.clone().unwrap_or_else(Seed::usual).with_logins();
        if options.state.is_some() && seed.standalone_names().next().is_some() {
            return Err(StartError::StandaloneState);
        }
        let worlds = options.release.build(&seed, options.initial, options.clock());
        let first = worlds.first().ok_or(StartError::NoNode)?;
        let identity = match seed.has_cluster() {
            true => Some(Identity::of(&first.cluster_name, seed.node_names())?),
            false => None,
        };
        let mut standalone = BTreeMap::new();
        for node in seed.standalone_names() {
            standalone.insert(node.to_owned(), Alone::new(node)?);
        }
        let served = match (&identity, seed.standalone_names().next()) {
            (Some(identity), _) => identity.serve()?,
            (None, Some(node)) => standalone[node].served.clone(),
            (None, None) => return Err(StartError::NoNode),
        };
        let folder = tempfile::Builder::new().prefix("pve-emulator-").tempdir()?;
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let door = match identity {
            Some(_) => Door::Main,
            None => Door::Node(worlds[0].answering_node.clone()),
        };
        let shared = Arc::new(Shared {
            cluster: Cluster::of(worlds).with_write_time(options.write_time),
            options,
            control: crate::control::Control::new(seed.clone()),
            door: door.clone(),
            served,
            identity,
            standalone,
            addresses: Mutex::default(),
            folder,
            tracker: TaskTracker::new(),
            accounts: ssh::Accounts::default(),
            stop: CancellationToken::new(),
        });
        let (api_token, password) = shared.prepare(&seed)?;
        let tracker = shared.tracker.clone();
        doors::listen(&shared, listener, &shared.served, door.clone())?;
        let mut standalone = BTreeMap::new();
        for node in seed.standalone_names() {
            let at = if door == Door::Node(node.to_owned()) { Some(address) } else { None };
            standalone.insert(node.to_owned(), doors::open(&shared, node, at)?);
        }
        tracker.spawn(daemons(shared.clone()));
        courier::start(&shared, &tracker);
        let ssh = match shared.options.ssh {
            true => Some(ssh::start(&shared, &tracker, address, shared.folder.path()).await?),
            false => None,
        };
        let main = match (&shared.identity, seed.standalone_names().next()) {
            (Some(identity), _) => identity,
            (None, Some(node)) => &shared.standalone[node].identity,
            (None, None) => return Err(StartError::NoNode),
        };
        let ca_pem = main.authority.pem();
        let ca_file = shared.folder.path().join("pve-root-ca.pem");
        std::fs::write(&ca_file, &ca_pem)?;
        let fingerprint = main.first_fingerprint();
        let endpoint = format!("https://{address}");
        Ok(Handle { endpoint, api_token, password, ca_pem, ca_file, fingerprint, standalone, ssh, shared })
    }
}

/// Keeps daemons working between requests, and the saved state fresh.
async fn daemons(shared: Arc<Shared>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    let mut saved = String::new();
    loop {
        let stop = tokio::select! {
            () = shared.stop.cancelled() => true,
            _ = every.tick() => false,
        };
        drop(shared.cluster.world());
        if let Err(error) = shared.save(&mut saved) {
            let _ = writeln!(std::io::stderr(), "cannot save the state: {error}");
        }
        if stop {
            return;
        }
    }
}
