//! The listener: TLS, HTTP/1.1, and nothing that depends on the request.

pub(crate) mod body;
mod connection;
mod courier;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::ticket::uuid;
use crate::clock::Clock;
use crate::pipeline::Cluster;
use crate::world::seed::{Initial, Seed};
use crate::world::{Profile, Pve, RestoreError, Version, World};
use crate::{ssh, tls};

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
}

pub struct Emulator;

/// A running emulator; it ends when this is dropped.
pub struct Handle {
    endpoint: String,
    api_token: Option<String>,
    password: Option<String>,
    ca_pem: String,
    ca_file: PathBuf,
    fingerprint: String,
    ssh: Option<ssh::Access>,
    shared: Arc<Shared>,
    tracker: TaskTracker,
    _folder: TempDir,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) cluster: Cluster,
    pub(crate) options: Options,
    pub(crate) control: crate::control::Control,
    pub(crate) fingerprints: Mutex<Vec<(String, String)>>,
    pub(crate) authority: tls::Authority,
    pub(crate) accounts: ssh::Accounts,
    pub(crate) stop: CancellationToken,
}

impl Release {
    fn build(self, seed: &Seed, initial: Initial, clock: Clock) -> World {
        let profile = match self {
            Release::V8 => Profile::of(Pve::V8),
            Release::V9 | Release::V9Unmigrated => Profile::of(Pve::V9),
            Release::At(version) => Profile::at(version),
        };
        let mut world = seed.build_with(profile, initial, clock);
        if self == Release::V9Unmigrated {
            crate::crm::leave_unmigrated(&mut world);
        }
        world
    }
}

impl Shared {
    /// A new world; its nodes keep their certificates.
    pub(crate) fn build_world(&self, seed: &Seed, initial: Initial) -> World {
        let mut world = self.options.release.build(seed, initial, self.options.clock());
        self.sign(&mut world);
        world
    }

    fn sign(&self, world: &mut World) {
        for (name, fingerprint) in &*self.fingerprints.lock().unwrap_or_else(PoisonError::into_inner) {
            if let Some(node) = world.nodes.get_mut(name) {
                node.fingerprint.clone_from(fingerprint);
            }
        }
    }

    /// The node of the listener gets a new certificate of the same authority.
    pub(crate) fn renew_certificate(&self) -> Result<String, tls::TlsError> {
        let mut fingerprints = self.fingerprints.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((node, known)) = fingerprints.first_mut() else { return Ok(String::new()) };
        *known = self.authority.renew(node)?;
        let renewed = known.clone();
        drop(fingerprints);
        self.sign(&mut self.cluster.world());
        Ok(renewed)
    }
}

impl Shared {
    /// Puts the first world in place, the saved one if there is one, and returns its credentials.
    fn prepare(&self, seed: &Seed) -> Result<(Option<String>, Option<String>), StartError> {
        let mut world = self.build_world(seed, self.options.initial);
        if let Some(path) = self.options.state.as_ref().filter(|path| path.exists()) {
            world.restore(&std::fs::read_to_string(path)?)?;
            self.sign(&mut world);
        }
        let credentials = world.credentials();
        *self.cluster.world() = world;
        Ok(credentials)
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
        let seed = options.seed.clone().unwrap_or_else(|| Seed::default_cluster(&uuid(), &uuid()));
        let world = options.release.build(&seed, options.initial, options.clock());
        let names: Vec<&str> = seed.node_names().collect();
        let identity = tls::make(&world.cluster_name, &names)?;
        let fingerprints = names.iter().map(|n| (*n).to_owned()).zip(identity.fingerprints.iter().cloned()).collect();
        let folder = tempfile::Builder::new().prefix("pve-emulator-").tempdir()?;
        let ca_file = folder.path().join("pve-root-ca.pem");
        std::fs::write(&ca_file, &identity.ca_pem)?;
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let endpoint = format!("https://{address}");
        let shared = Arc::new(Shared {
            cluster: Cluster::new(world).with_write_time(options.write_time),
            options,
            control: crate::control::Control::new(seed.clone()),
            fingerprints: Mutex::new(fingerprints),
            authority: identity.authority,
            accounts: ssh::Accounts::default(),
            stop: CancellationToken::new(),
        });
        let (api_token, password) = shared.prepare(&seed)?;
        let tracker = TaskTracker::new();
        tracker.spawn(accept(listener, TlsAcceptor::from(identity.server), shared.clone(), tracker.clone()));
        tracker.spawn(daemons(shared.clone()));
        courier::start(&shared, &tracker);
        let ssh = match shared.options.ssh {
            true => Some(ssh::start(&shared, &tracker, address, folder.path()).await?),
            false => None,
        };
        Ok(Handle {
            endpoint,
            api_token,
            password,
            ca_pem: identity.ca_pem,
            ca_file,
            fingerprint: identity.fingerprints.first().cloned().unwrap_or_default(),
            ssh,
            shared,
            tracker,
            _folder: folder,
        })
    }
}

impl Handle {
    /// `https://127.0.0.1:PORT`
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// root@pam's API token, `USER@REALM!NAME=SECRET`.
    #[must_use]
    pub fn api_token(&self) -> Option<&str> {
        self.api_token.as_deref()
    }

    /// `root@pam`
    #[must_use]
    pub fn username(&self) -> &'static str {
        "root@pam"
    }

    /// root@pam's password.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The file with the CA certificate.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// SHA-256 fingerprint of the certificate served.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// How its nodes are reached over SSH, if they are.
    #[must_use]
    pub fn ssh(&self) -> Option<&ssh::Access> {
        self.ssh.as_ref()
    }

    /// The commands that were run on its machines, and what is to go wrong with them.
    #[must_use]
    pub fn commands(&self) -> &crate::control::commands::Commands {
        &self.shared.control.commands
    }

    /// Runs a command line on a machine as root, past SSH.
    #[must_use]
    pub fn execute(&self, machine: &str, line: &str, stdin: &str) -> crate::machine::Outcome {
        let request = crate::machine::Request {
            machine: machine.to_owned(),
            user: "root".to_owned(),
            line: line.to_owned(),
            stdin: stdin.to_owned(),
            environment: Default::default(),
        };
        crate::machine::execute(&self.shared.cluster, &self.shared.control.commands, &request)
    }

    /// The cluster, for tests that look behind the API.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.shared.cluster
    }

    /// The faults in wait.
    #[must_use]
    pub fn faults(&self) -> &crate::control::faults::Faults {
        &self.shared.control.faults
    }

    /// What was asked of it.
    #[must_use]
    pub fn counters(&self) -> &crate::control::counters::Counters {
        &self.shared.control.counters
    }

    /// Ends it and waits until all its connections are closed.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>, tracker: TaskTracker) {
    loop {
        let stream = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // An accept that fails (out of descriptors) must not end the listener.
        if let Ok((stream, peer)) = stream {
            tracker.spawn(connection::run(stream, peer, tls.clone(), shared.clone()));
        }
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
