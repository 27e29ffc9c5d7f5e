//! The interface of a function, and how it is called: pure, without a configured provider.

use serde_json::Value as Json;

use super::{Diagnostic, Schema, Step, Type, Value, validate};

/// A function: computes a value from its arguments alone.
pub trait Function: Send + Sync {
    /// The name behind `provider::pve::`.
    fn name(&self) -> &'static str;

    /// Its parameters: the attributes, in the order in which they are passed.
    fn schema(&self) -> &Schema;

    /// Whether the last parameter, a list, is passed element by element: any number of arguments.
    fn is_variadic(&self) -> bool;

    /// The type of what it returns.
    fn returns(&self) -> &Type;

    /// The JSON Schema of what it returns, for its page.
    fn result_schema(&self) -> Json;

    /// The result for the parameters as an object, wholly known and within all constraints.
    ///
    /// # Errors
    /// Says what is wrong with which argument.
    fn call(&self, parameters: &Value) -> Result<Value, Refusal>;
}

/// Why a function returns nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The argument at fault, counted from 0; none if the call as a whole is.
    pub argument: Option<usize>,
    /// Core adds the name of the function or parameter before it, and a full stop.
    pub text: String,
}

impl Refusal {
    /// A refusal of the argument at `index`.
    pub fn of(index: usize, text: impl Into<String>) -> Self {
        Self { argument: Some(index), text: text.into() }
    }
}

impl dyn Function + '_ {
    /// The types of the arguments of a call that passes `count` of them.
    ///
    /// # Errors
    /// The function takes another number of arguments.
    pub fn argument_types(&self, count: usize) -> Result<Vec<&Type>, Refusal> {
        let mut types: Vec<&Type> = self.schema().block.attributes.iter().map(|attribute| &attribute.ty).collect();
        let variadic = if self.is_variadic() { types.pop().and_then(element) } else { None };
        let fits = if variadic.is_some() { count >= types.len() } else { count == types.len() };
        if !fits {
            let at_least = if variadic.is_some() { "at least " } else { "" };
            let text = format!("{} takes {at_least}{} arguments, not {count}", self.name(), types.len());
            return Err(Refusal { argument: None, text });
        }
        types.extend(variadic);
        let last = types.last().copied();
        types.extend(std::iter::repeat_n(last, count.saturating_sub(types.len())).flatten());
        types.truncate(count);
        Ok(types)
    }

    /// Calls the function with the `arguments`. What is not known yet makes the result unknown.
    ///
    /// # Errors
    /// An argument is null or not within the constraints, or the function refuses it.
    pub fn answer(&self, arguments: Vec<Value>) -> Result<Value, Refusal> {
        self.argument_types(arguments.len())?;
        if let Some(index) = arguments.iter().position(Value::is_null) {
            return Err(Refusal::of(index, "must not be null"));
        }
        if !arguments.iter().all(Value::is_wholly_known) {
            return Ok(Value::Unknown);
        }
        let parameters = self.parameters(arguments);
        match validate::check(self.schema(), &parameters).into_iter().next() {
            Some(diagnostic) => Err(self.refusal(diagnostic)),
            None => self.call(&parameters),
        }
    }

    fn parameters(&self, arguments: Vec<Value>) -> Value {
        let mut arguments = arguments.into_iter();
        let attributes = &self.schema().block.attributes;
        let last = attributes.len().checked_sub(1).filter(|_| self.is_variadic());
        let parameters = attributes.iter().enumerate().map(|(index, attribute)| {
            let value = if Some(index) == last {
                Value::List(arguments.by_ref().collect())
            } else {
                arguments.next().unwrap_or_default()
            };
            (attribute.name.as_str(), value)
        });
        Value::object(parameters)
    }

    /// What is wrong with a value, on the argument that the value is a part of.
    fn refusal(&self, diagnostic: Diagnostic) -> Refusal {
        let path = diagnostic.path.unwrap_or_default();
        let argument = match path.steps() {
            [Step::Attribute(name), inside @ ..] => {
                let position = self.schema().block.attributes.iter().position(|attribute| attribute.name == *name);
                position.map(|position| position + self.element_of(position, inside))
            }
            _ => None,
        };
        // Core adds a full stop.
        Refusal { argument, text: diagnostic.detail.trim_end_matches('.').to_owned() }
    }

    /// The arguments of a variadic parameter before the one that a path leads into.
    fn element_of(&self, position: usize, inside: &[Step]) -> usize {
        let is_last = position + 1 == self.schema().block.attributes.len();
        match inside {
            [Step::Index(index), ..] if is_last && self.is_variadic() => usize::try_from(*index).unwrap_or_default(),
            _ => 0,
        }
    }
}

fn element(ty: &Type) -> Option<&Type> {
    match ty {
        Type::List(element) => Some(element),
        _ => None,
    }
}
