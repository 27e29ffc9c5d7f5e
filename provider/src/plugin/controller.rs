//! go-plugin's controller: the way core ends us.

use tonic::{Request, Response, Status};

use super::lifetime::Lifetime;
use super::proto::Empty;
use super::proto::grpc_controller_server::{GrpcController, GrpcControllerServer};

struct Controller(Lifetime);

/// The service that ends `lifetime`.
pub(super) fn controller(lifetime: Lifetime) -> GrpcControllerServer<impl GrpcController> {
    GrpcControllerServer::new(Controller(lifetime))
}

#[tonic::async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.0.shut_down();
        Ok(Response::new(Empty {}))
    }
}
