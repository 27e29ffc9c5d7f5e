//! Accepts connections, each with its TLS handshake beside the others, and hands on those that may come in.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use super::connection::Connection;
use super::lifetime::Lifetime;
use super::socket::{Listener, Stream};

/// A local handshake takes a millisecond; a client that takes longer is not core.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// After a failed accept (no file descriptor left), before the next one.
const PAUSE: Duration = Duration::from_millis(100);

/// The connections to `listener`, authenticated if there is a TLS configuration.
pub(super) fn incoming(
    listener: Listener,
    tls: Option<Arc<ServerConfig>>,
    lifetime: Lifetime,
) -> impl tokio_stream::Stream<Item = Result<Connection, Infallible>> {
    let (sender, receiver) = mpsc::channel(1);
    let acceptor = tls.map(TlsAcceptor::from);
    tokio::spawn(async move {
        while !sender.is_closed() {
            let stream = tokio::select! {
                stream = listener.accept() => stream,
                () = sender.closed() => break,
            };
            match stream {
                Ok(stream) => {
                    tokio::spawn(admit(stream, acceptor.clone(), lifetime.clone(), sender.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    });
    ReceiverStream::new(receiver).map(Ok)
}

async fn admit(
    stream: Box<dyn Stream>,
    acceptor: Option<TlsAcceptor>,
    lifetime: Lifetime,
    sender: mpsc::Sender<Connection>,
) {
    let stream = match acceptor {
        None => stream,
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Box::new(stream),
            Ok(Err(error)) => return tracing::warn!(%error, "refused a connection"),
            Err(_) => return tracing::warn!("closed a connection that did not authenticate in time"),
        },
    };
    // It is dropped if the server has just ended.
    let _ = sender.send(Connection { stream, _open: lifetime.opened() }).await;
}
