//! Calls a function. Needs no configured provider.

use super::{Backend, Failed, Rpc};
use crate::framework::{Diagnostics, Function, Refusal, Value};
use crate::protocol::dynamic;
use crate::protocol::shape::Shape;
use crate::protocol::tfplugin5::FunctionError;
use crate::protocol::tfplugin5::call_function::{Request, Response};

impl Rpc for Request {
    type Response = Response;
    const NAME: &'static str = "CallFunction";

    fn subject(&self) -> &str {
        &self.name
    }

    async fn answer(&self, backend: &Backend) -> Result<Response, Diagnostics> {
        let Some(function) = backend.provider().function(&self.name) else {
            let text = format!("this provider has no function {}", self.name);
            return Ok(refused(Refusal { argument: None, text }));
        };
        let result = match self.arguments(function).and_then(|arguments| function.answer(arguments)) {
            Ok(result) => result,
            Err(refusal) => return Ok(refused(refusal)),
        };
        let mut diagnostics = Diagnostics::new();
        let result = dynamic::encode(&result, Shape::Type(function.returns()), &mut diagnostics);
        if diagnostics.has_error() { Err(diagnostics) } else { Ok(Response { result: Some(result), error: None }) }
    }

    /// This is the one call whose answer has no diagnostics.
    fn failed(self, _: &Backend, failed: Failed) -> Response {
        refused(Refusal { argument: None, text: text(failed.diagnostics) })
    }
}

impl Request {
    fn arguments(&self, function: &dyn Function) -> Result<Vec<Value>, Refusal> {
        let types = function.argument_types(self.arguments.len())?;
        let arguments = self.arguments.iter().zip(types).enumerate().map(|(index, (argument, ty))| {
            let decoded = dynamic::decode(Some(argument), Shape::Type(ty), "the argument");
            decoded.map_err(|diagnostics| Refusal::of(index, text(diagnostics)))
        });
        arguments.collect()
    }
}

fn text(diagnostics: Diagnostics) -> String {
    let texts: Vec<_> = diagnostics.into_iter().map(|d| format!("{}: {}", d.summary, d.detail)).collect();
    texts.join("\n")
}

fn refused(Refusal { argument, text }: Refusal) -> Response {
    let function_argument = argument.and_then(|index| i64::try_from(index).ok());
    Response { result: None, error: Some(FunctionError { text, function_argument }) }
}
