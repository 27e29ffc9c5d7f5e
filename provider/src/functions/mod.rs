//! The functions: what a module computes without a cluster, such as in a test or for input that is checked before a plan.

mod expand_nodes;
mod next_runs;
mod parse_sid;
mod placement;
mod quorum;
mod sid;

use std::marker::PhantomData;
use std::sync::OnceLock;

use pve_schemas::function::Function as Parameters;
use serde_json::Value as Json;

use crate::framework::{Function, Refusal, Role, Schema, Type, Value, from_model, json_schema, to_model, type_of};

/// A function as the parameters of which it computes something.
pub trait Compute: Parameters {
    /// The result.
    ///
    /// # Errors
    /// Says what is wrong with which argument, beyond the constraints that each parameter has.
    fn compute(&self) -> Result<Self::Output, Refusal>;
}

/// The function with these parameters, for the registry.
pub fn function<F: Compute>() -> Box<dyn Function> {
    Box::new(Adapter::<F> { schema: OnceLock::new(), returns: OnceLock::new(), function: PhantomData })
}

struct Adapter<F> {
    /// Made on first use, since a user waits for the start of the process.
    schema: OnceLock<Schema>,
    returns: OnceLock<Type>,
    function: PhantomData<fn() -> F>,
}

impl<F: Compute> Function for Adapter<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| Schema::packed::<F>(Role::Function))
    }

    fn is_variadic(&self) -> bool {
        F::IS_VARIADIC
    }

    fn returns(&self) -> &Type {
        self.returns.get_or_init(type_of::<F::Output>)
    }

    fn result_schema(&self) -> Json {
        json_schema::<F::Output>()
    }

    fn call(&self, parameters: &Value) -> Result<Value, Refusal> {
        let parameters: F = to_model(parameters).map_err(|problem| self.misfit(problem.to_string()))?;
        let result = from_model(&parameters.compute()?, self.returns());
        result.map_err(|problem| Refusal { argument: None, text: problem.to_string() })
    }
}

impl<F: Compute> Adapter<F> {
    /// The refusal of a null inside of an argument: the problem begins with the name of the parameter.
    fn misfit(&self, problem: String) -> Refusal {
        let (parameter, _) = problem.split_once(':').unwrap_or_default();
        let argument = self.schema().block.attributes.iter().position(|attribute| attribute.name == parameter);
        Refusal { argument, text: problem }
    }
}

#[cfg(test)]
mod testing;
