//! The gRPC service: every call takes the same way through [`Service::call`].

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::task::TaskTracker;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};
use tracing::Instrument;

use super::guard::{Crash, guard};
use super::rpc::{Backend, Failed, Invocation, Rpc};
use super::tfplugin5::invoke_action::event::Type;
use super::tfplugin5::provider_server::{Provider as Calls, ProviderServer};
use super::{MESSAGE_LIMIT, tfplugin5 as wire};
use crate::framework::{Diagnostics, Provider};

/// What core talks to.
#[derive(Clone)]
pub struct Service {
    backend: Arc<Backend>,
    running: TaskTracker,
}

impl Service {
    /// The service of a provider that is made when the first call comes.
    pub fn new(provider: impl FnOnce() -> Provider + Send + 'static) -> Self {
        let running = TaskTracker::new();
        running.close();
        Self { backend: Arc::new(Backend::new(provider)), running }
    }

    /// This service, ready to be served.
    pub fn into_server(self) -> ProviderServer<Self> {
        ProviderServer::new(self).max_decoding_message_size(MESSAGE_LIMIT).max_encoding_message_size(MESSAGE_LIMIT)
    }

    /// Ends what is in flight soon, as core's `Stop` does, and waits until it has ended.
    pub async fn stop(&self) {
        if !self.running.is_empty() {
            self.backend.provider().stop();
        }
        self.running.wait().await;
    }

    /// Runs a call in a task of its own, so that it runs to its end even if core is gone: the edit of a file is
    /// completed.
    async fn call<R: Rpc>(&self, request: Request<R>) -> Result<Response<R::Response>, Status> {
        let task = self.start(request.into_inner());
        task.await.map(Response::new).map_err(|error| Status::internal(error.to_string()))
    }

    fn start<R: Rpc>(&self, request: R) -> JoinHandle<R::Response> {
        let backend = Arc::clone(&self.backend);
        let subject = Some(request.subject()).filter(|subject| !subject.is_empty());
        let span = tracing::debug_span!("rpc", tf_rpc = R::NAME, tf_resource_type = subject);
        self.running.spawn(run(backend, request).instrument(span))
    }

    /// Invokes an action in a task of its own: it runs to its end even if core reads no more of its messages.
    fn invoke(&self, request: wire::invoke_action::Request) -> BoxStream<wire::invoke_action::Event> {
        let (events, received) = mpsc::unbounded_channel();
        let invoked = self.start(Invocation { request, events });
        let messages = UnboundedReceiverStream::new(received).map(Ok);
        // The messages end when the task has dropped its sender.
        let end = futures_util::stream::once(async {
            invoked.await.map(Type::Completed).map_err(|error| Status::internal(error.to_string()))
        });
        let event = |event| wire::invoke_action::Event { r#type: Some(event) };
        Box::pin(messages.chain(end).map(move |next| next.map(event)))
    }
}

async fn run<R: Rpc>(backend: Arc<Backend>, request: R) -> R::Response {
    let start = Instant::now();
    let failed = match guard(request.answer(&backend)).await {
        Ok(Ok(response)) => {
            tracing::trace!(elapsed_ms = start.elapsed().as_millis(), "answered");
            return response;
        }
        Ok(Err(diagnostics)) => Failed { diagnostics, crashed: false },
        Err(crash) => Failed { diagnostics: crashed(R::NAME, request.subject(), &crash), crashed: true },
    };
    tracing::debug!(elapsed_ms = start.elapsed().as_millis(), crashed = failed.crashed, "could not be answered");
    request.failed(&backend, failed)
}

fn crashed(rpc: &str, subject: &str, crash: &Crash) -> Diagnostics {
    let of = if subject.is_empty() { String::new() } else { format!(" of {subject}") };
    let text = crash.text.map(|text| format!(": {text}")).unwrap_or_default();
    let detail = format!(
        "{rpc}{of} panicked at {}{text}.\nThis is a bug in the provider; everything else in this run continues. Please \
         report it with this message.",
        crash.place
    );
    let mut diagnostics = Diagnostics::new();
    diagnostics.error("The provider crashed", detail);
    diagnostics
}

macro_rules! calls {
    ($($method:ident($message:ident)),* $(,)?) => {
        #[tonic::async_trait]
        impl Calls for Service {
            $(
                async fn $method(
                    &self,
                    request: Request<wire::$message::Request>,
                ) -> Result<Response<wire::$message::Response>, Status> {
                    self.call(request).await
                }
            )*

            async fn list_resource(
                &self,
                request: Request<wire::list_resource::Request>,
            ) -> Result<Response<BoxStream<wire::list_resource::Event>>, Status> {
                let events = self.call(request).await?.into_inner();
                Ok(Response::new(Box::pin(tokio_stream::iter(events.into_iter().map(Ok)))))
            }

            async fn invoke_action(
                &self,
                request: Request<wire::invoke_action::Request>,
            ) -> Result<Response<BoxStream<wire::invoke_action::Event>>, Status> {
                Ok(Response::new(self.invoke(request.into_inner())))
            }
        }
    };
}

calls! {
    get_metadata(get_metadata),
    get_schema(get_provider_schema),
    get_resource_identity_schemas(get_resource_identity_schemas),
    prepare_provider_config(prepare_provider_config),
    validate_resource_type_config(validate_resource_type_config),
    validate_data_source_config(validate_data_source_config),
    upgrade_resource_state(upgrade_resource_state),
    upgrade_resource_identity(upgrade_resource_identity),
    validate_list_resource_config(validate_list_resource_config),
    configure(configure),
    read_resource(read_resource),
    plan_resource_change(plan_resource_change),
    apply_resource_change(apply_resource_change),
    import_resource_state(import_resource_state),
    move_resource_state(move_resource_state),
    read_data_source(read_data_source),
    validate_ephemeral_resource_config(validate_ephemeral_resource_config),
    open_ephemeral_resource(open_ephemeral_resource),
    renew_ephemeral_resource(renew_ephemeral_resource),
    close_ephemeral_resource(close_ephemeral_resource),
    get_functions(get_functions),
    call_function(call_function),
    validate_action_config(validate_action_config),
    plan_action(plan_action),
    stop(stop),
}
