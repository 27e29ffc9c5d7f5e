//! Invokes an action. The answer is a stream: messages as they come, then one event that ends it.

use tokio::sync::mpsc::UnboundedSender;

use super::{Backend, Failed, Rpc};
use crate::framework::{self, Diagnostics};
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::invoke_action::Request;
use crate::protocol::tfplugin5::invoke_action::event::{Completed, Progress, Type};
use crate::protocol::{diagnostics, dynamic};

/// A request, and where the messages of the action go. Its answer is the last event.
pub(in crate::protocol) struct Invocation {
    pub(in crate::protocol) request: Request,
    pub(in crate::protocol) events: UnboundedSender<Type>,
}

impl Rpc for Invocation {
    type Response = Completed;
    const NAME: &'static str = "InvokeAction";

    fn subject(&self) -> &str {
        &self.request.action_type
    }

    async fn answer(&self, backend: &Backend) -> Result<Completed, Diagnostics> {
        let action = backend.provider().action(&self.request.action_type)?;
        let config = dynamic::decode(self.request.config.as_ref(), Shape::of(action.schema()), "the configuration")?;
        let invoked = action.invoke(&config, self).await;
        Ok(Completed { diagnostics: diagnostics::encode(invoked.diagnostics) })
    }

    fn failed(self, _: &Backend, failed: Failed) -> Completed {
        Completed { diagnostics: diagnostics::encode(failed.diagnostics) }
    }
}

impl framework::Progress for Invocation {
    fn report(&self, message: &str) {
        // A core that is gone reads nothing; the action continues.
        let _ = self.events.send(Type::Progress(Progress { message: message.to_owned() }));
    }
}
