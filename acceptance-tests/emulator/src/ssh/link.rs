//! One connection: a layer between the client's socket and the SSH library, so that it can be cut at any time.

use std::sync::Arc;

use russh::server::{Config, run_stream};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::session::Session;
use crate::server::Shared;

/// What a connection needs.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) config: Arc<Config>,
    pub(super) node: String,
    /// Ends the connection without a goodbye.
    pub(super) cut: CancellationToken,
}

impl Connection {
    pub(super) async fn run(self, mut client: TcpStream) {
        let _ = client.set_nodelay(true);
        let (mut outside, inside) = tokio::io::duplex(1 << 16);
        let session = Session::new(self.shared.clone(), self.node, self.cut.clone());
        let served = async {
            if let Ok(running) = run_stream(self.config, inside, session).await {
                let _ = running.await;
            }
        };
        let carried = async {
            let _ = copy_bidirectional(&mut client, &mut outside).await;
        };
        tokio::select! {
            () = self.shared.stop.cancelled() => {}
            () = self.cut.cancelled() => {}
            // What the session has said last is still to be carried to the client.
            () = async { tokio::join!(served, carried); } => {}
        }
    }
}
