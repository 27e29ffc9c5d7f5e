//! Signatures of functions.

use super::tfplugin5::Function as WireFunction;
use super::tfplugin5::StringKind;
use super::tfplugin5::function::{Parameter, Return};
use super::types::{self, Members};
use crate::framework::{Attribute, Function, Type};

impl From<&dyn Function> for WireFunction {
    fn from(function: &dyn Function) -> Self {
        let block = &function.schema().block;
        let mut parameters: Vec<Parameter> = block.attributes.iter().map(|a| parameter(a, &a.ty)).collect();
        let mut variadic_parameter = None;
        if let Some(attribute) = block.attributes.last()
            && let Type::List(element) = &attribute.ty
            && function.is_variadic()
        {
            parameters.pop();
            variadic_parameter = Some(parameter(attribute, element));
        }
        Self {
            parameters,
            variadic_parameter,
            // What is returned has all of its members.
            r#return: Some(Return { r#type: types::encode(function.returns(), Members::Required) }),
            summary: first_paragraph(&block.description),
            description: block.description.clone(),
            description_kind: StringKind::Markdown.into(),
            deprecation_message: String::new(),
        }
    }
}

fn first_paragraph(text: &str) -> String {
    text.split("\n\n").next().unwrap_or_default().replace('\n', " ")
}

/// Core refuses null for it, and returns an unknown value by itself where an argument is unknown.
fn parameter(attribute: &Attribute, ty: &Type) -> Parameter {
    Parameter {
        name: attribute.name.clone(),
        r#type: types::encode(ty, Members::Optional),
        allow_null_value: false,
        allow_unknown_values: false,
        description: attribute.description.clone(),
        description_kind: StringKind::Markdown.into(),
    }
}
