//! go-plugin's forwarding of the standard streams. Nothing is ever written there after the handshake but the log, which
//! core reads from the pipe itself, so the stream is empty. It is served for what it does to the connection: as long as
//! it is open the connection isn't idle, and its end informs core that this process exits.

use futures_util::FutureExt;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use super::lifetime::Lifetime;
use super::proto::StdioData;
use super::proto::grpc_stdio_server::{GrpcStdio, GrpcStdioServer};

struct Stdio(CancellationToken);

/// The service whose streams end with `lifetime`.
pub(super) fn stdio(lifetime: &Lifetime) -> GrpcStdioServer<impl GrpcStdio> {
    GrpcStdioServer::new(Stdio(lifetime.ending()))
}

#[tonic::async_trait]
impl GrpcStdio for Stdio {
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<BoxStream<StdioData>>, Status> {
        Ok(Response::new(Box::pin(nothing_until(self.0.clone()))))
    }
}

/// A graceful shutdown waits for open streams, so this one has to end by itself.
fn nothing_until(end: CancellationToken) -> impl Stream<Item = Result<StdioData, Status>> {
    async move { end.cancelled().await }.into_stream().filter_map(|()| None)
}
