//! The listeners: the emulator's own address, and one for each node that is, or was, in no cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Shared, StartError, connection};
use crate::site::Door;
use crate::tls::{Authority, Certificate, Served, TlsError};
use crate::world::seed::{Initial, Seed};

/// How a node with a listener of its own is reached.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Access {
    /// `https://127.0.0.1:PORT`
    pub endpoint: String,
    /// Its address in its own network, which other nodes use.
    pub address: String,
    /// root@pam's API token, `USER@REALM!NAME=SECRET`.
    pub api_token: Option<String>,
    pub username: &'static str,
    pub password: Option<String>,
    /// The file with its own CA certificate.
    pub ca_certificate_file: PathBuf,
    /// SHA-256 fingerprint of its certificate.
    pub tls_fingerprint: String,
}

/// An authority, and the certificates of its nodes by name.
pub(crate) struct Identity {
    pub(super) authority: Arc<Authority>,
    pub(super) certificates: Mutex<Vec<(String, Certificate)>>,
}

/// What a node that is in no cluster has.
pub(crate) struct Alone {
    pub(super) identity: Identity,
    pub(super) served: Arc<Served>,
}

impl Identity {
    pub(super) fn of<'n>(cluster: &str, nodes: impl Iterator<Item = &'n str>) -> Result<Self, TlsError> {
        let authority = Arc::new(Authority::new(cluster)?);
        let certify = |node: &str| Ok((node.to_owned(), authority.certify(node)?));
        let certificates = nodes.map(certify).collect::<Result<_, TlsError>>()?;
        Ok(Self { authority, certificates: Mutex::new(certificates) })
    }

    /// What shows the certificate of the first node.
    pub(super) fn serve(&self) -> Result<Arc<Served>, StartError> {
        let certificates = lock(&self.certificates);
        let (_, first) = certificates.first().ok_or(StartError::NoNode)?;
        Ok(Arc::new(Served::new(first)))
    }

    pub(super) fn first_fingerprint(&self) -> String {
        lock(&self.certificates).first().map(|(_, first)| first.fingerprint.clone()).unwrap_or_default()
    }
}

impl Alone {
    pub(super) fn new(node: &str) -> Result<Self, StartError> {
        let identity = Identity::of(node, [node].into_iter())?;
        let served = identity.serve()?;
        Ok(Self { identity, served })
    }
}

/// Opens a listener for a node, unless it has one `at` an address.
pub(crate) fn open(shared: &Arc<Shared>, node: &str, at: Option<SocketAddr>) -> Result<Access, StartError> {
    let address = match at {
        Some(address) => address,
        None => {
            let listener = std::net::TcpListener::bind((shared.options.listen.ip(), 0))?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            let served = shared.standalone.get(node).map(|alone| alone.served.clone());
            let served = served.or_else(|| shared.cluster.site().door(node)).ok_or(StartError::NoNode)?;
            listen(shared, TcpListener::from_std(listener)?, &served, Door::Node(node.to_owned()))?;
            address
        }
    };
    lock(&shared.addresses).insert(node.to_owned(), address);
    access(shared, node, address)
}

/// A node is installed anew, and in no cluster. It gets a listener if it has none.
pub(crate) fn reinstall(shared: &Arc<Shared>, node: &str, seed: &Seed) -> Result<Access, StartError> {
    let alone = Alone::new(node)?;
    let certificate = lock(&alone.identity.certificates).first().map(|(_, certificate)| certificate.clone());
    let certificate = certificate.ok_or(StartError::NoNode)?;
    {
        let mut site = shared.cluster.site();
        let (profile, clock) = (site.main().profile.clone(), site.main().clock.clone());
        let mut world = seed.build_with(profile, Initial::Fresh, clock);
        world.authority = Some(alone.identity.authority.clone());
        if site.door(node).is_none() {
            site.open_door(node, alone.served.clone());
        }
        site.reinstall(node, world, certificate);
    }
    let known = lock(&shared.addresses).get(node).copied();
    open(shared, node, known)
}

fn access(shared: &Shared, node: &str, address: SocketAddr) -> Result<Access, StartError> {
    let world = shared.cluster.world_of(node);
    let entry = world.nodes.get(node).ok_or(StartError::NoNode)?;
    let (api_token, password) = world.credentials();
    let ca_certificate_file = shared.folder.path().join(format!("{node}-root-ca.pem"));
    let authority = world.authority.as_ref().ok_or(StartError::NoNode)?;
    std::fs::write(&ca_certificate_file, authority.pem())?;
    Ok(Access {
        endpoint: format!("https://{address}"),
        address: entry.address.clone(),
        api_token,
        username: "root@pam",
        password,
        ca_certificate_file,
        tls_fingerprint: entry.fingerprint.clone(),
    })
}

/// Takes connections until the end.
pub(super) fn listen(
    shared: &Arc<Shared>,
    listener: TcpListener,
    served: &Arc<Served>,
    door: Door,
) -> Result<(), StartError> {
    let tls = TlsAcceptor::from(served.config()?);
    shared.tracker.spawn(accept(listener, tls, door, shared.clone()));
    Ok(())
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, door: Door, shared: Arc<Shared>) {
    loop {
        let stream = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // An accept that fails (out of descriptors) must not end the listener.
        if let Ok((stream, peer)) = stream {
            shared.tracker.spawn(connection::run(stream, peer, tls.clone(), door.clone(), shared.clone()));
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
