//! Calls a function: always an error, since the provider has no functions.

use super::{Backend, Failed, Rpc};
use crate::framework::Diagnostics;
use crate::protocol::tfplugin5::FunctionError;
use crate::protocol::tfplugin5::call_function::{Request, Response};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "CallFunction";

    fn subject(&self) -> &str {
        &self.name
    }

    async fn answer(&self, _: &Backend) -> Result<Response, Diagnostics> {
        Ok(refusal(format!("This provider has no function {}.", self.name)))
    }

    /// This is the one call whose answer has no diagnostics.
    fn failed(self, _: &Backend, failed: Failed) -> Response {
        let texts: Vec<_> = failed.diagnostics.into_iter().map(|d| format!("{}: {}", d.summary, d.detail)).collect();
        refusal(texts.join("\n"))
    }
}

fn refusal(text: String) -> Response {
    Response { result: None, error: Some(FunctionError { text, function_argument: None }) }
}
