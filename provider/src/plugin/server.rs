//! From the bound socket to the end of the process.

use std::io;
use std::time::Duration;

use tonic::transport::Server;

use super::environment::Environment;
use super::lifetime::Lifetime;
use super::signals::Signals;
use super::socket::Listener;
use super::tls::{Identity, NoIdentity};
use super::{controller, handshake, incoming, reattach, stdio};
use crate::framework::Provider;
use crate::protocol::Service;

/// Core waits two seconds after Shutdown and then kills. All its calls have been answered by then.
const AFTER_SHUTDOWN: Duration = Duration::from_secs(1);

/// For requests in flight after the last client has gone: a write is finished, not interrupted.
const AFTER_TERMINATION: Duration = Duration::from_secs(10);

/// For the last answers to be fetched and the connection to be closed.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) enum Mode {
    /// The core that started us.
    Plugin(Environment),
    /// All clients that attach, one after the other.
    Debug,
}

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoServer {
    #[error("the system has no random numbers: {0}")]
    Entropy(getrandom::Error),
    #[error("the system can't wait for events: {0}")]
    Events(io::Error),
    #[error("cannot listen: {0}")]
    Listen(io::Error),
    #[error(transparent)]
    Identity(#[from] NoIdentity),
    #[error("stdout can't be written: {0}")]
    Announce(io::Error),
}

/// Serves until the end.
///
/// # Errors
/// It could not start.
pub(super) fn run(mode: Mode, provider: impl FnOnce() -> Provider + Send + 'static) -> Result<(), NoServer> {
    // The crypto library would end the process without a word.
    getrandom::fill(&mut [0; 32]).map_err(NoServer::Entropy)?;
    // One thread: calls wait for the network most of the time, and a second one would have to be woken for every call, in each
    // of the processes that core starts. What computes for longer is the failover simulation, which pauses after each failure.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(NoServer::Events)?;
    let served = runtime.block_on(serve(mode, Service::new(provider)));
    // What is still running has had its time.
    runtime.shutdown_background();
    served
}

async fn serve(mode: Mode, service: Service) -> Result<(), NoServer> {
    // From here on a signal finds us prepared, and core can only send one once it has seen the handshake.
    let mut signals = Signals::listen().map_err(NoServer::Events)?;
    let lifetime = Lifetime::new();
    let (listener, _place, tls) = match &mode {
        Mode::Debug => {
            let (listener, place) = Listener::bind(None).map_err(NoServer::Listen)?;
            reattach::announce(&listener.address()).map_err(NoServer::Announce)?;
            (listener, place, None)
        }
        Mode::Plugin(environment) => {
            let (listener, place) = Listener::bind(Some(environment)).map_err(NoServer::Listen)?;
            let identity = environment.client.clone().map(Identity::new).transpose()?;
            let certificate = identity.as_ref().map(|identity| &identity.certificate);
            handshake::announce(&listener.address(), certificate).map_err(NoServer::Announce)?;
            (listener, place, identity.map(|identity| identity.config))
        }
    };

    let server = Server::builder()
        .add_service(service.clone().into_server())
        .add_service(controller::controller(lifetime.clone()))
        .add_service(stdio::stdio(&lifetime));
    let connections = incoming::incoming(listener, tls, lifetime.clone());
    let mut server =
        tokio::spawn(server.serve_with_incoming_shutdown(connections, lifetime.ending().cancelled_owned()));

    let by_person = matches!(mode, Mode::Debug);
    let limit = tokio::select! {
        () = lifetime.shutdown() => AFTER_SHUTDOWN,
        () = signals.end(by_person) => AFTER_TERMINATION,
        () = lifetime.orphaned(), if !by_person => AFTER_TERMINATION,
        ended = &mut server => {
            tracing::error!(?ended, "the server ended by itself");
            return Ok(());
        }
    };
    tracing::debug!("ending");
    lifetime.end();
    if tokio::time::timeout(limit, service.stop()).await.is_err() {
        tracing::warn!(?limit, "left with calls unanswered");
    }
    // Neither of its errors matters any more: a connection that broke, or one that was left open.
    let _ = tokio::time::timeout(FLUSH_TIMEOUT, server).await;
    Ok(())
}
