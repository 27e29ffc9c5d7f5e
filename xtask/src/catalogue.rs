//! The nouns that this provider offers, as what documents and schemas are made from.

use serde_json::Value as Json;
use terraform_provider_pve::framework::{Attribute, Schema, Type};
use terraform_provider_pve::registry;

/// One resource, data source or action.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The type name, `pve_…`.
    pub name: String,
    /// What one is called: "HA resource".
    pub title: String,
    /// Its attributes and blocks.
    pub schema: Schema,
}

impl Entry {
    /// The name without the provider's prefix, as the registry names pages.
    pub fn short_name(&self) -> &str {
        self.name.strip_prefix("pve_").unwrap_or(&self.name)
    }
}

/// A function.
#[derive(Debug, Clone)]
pub struct FunctionEntry {
    /// The name behind `provider::pve::`.
    pub name: String,
    /// Its parameters as attributes.
    pub schema: Schema,
    /// Whether the last parameter is passed element by element.
    pub is_variadic: bool,
    pub returns: Type,
    /// The JSON Schema of the result, with the descriptions of its members.
    pub result: Json,
}

impl FunctionEntry {
    /// The parameters, each with the type of one argument.
    pub fn parameters(&self) -> impl Iterator<Item = (&Attribute, &Type)> {
        self.schema.block.attributes.iter().enumerate().map(|(index, attribute)| match &attribute.ty {
            Type::List(element) if self.variadic() == Some(index) => (attribute, element.as_ref()),
            ty => (attribute, ty),
        })
    }

    /// The index of the parameter that is passed element by element.
    pub fn variadic(&self) -> Option<usize> {
        self.schema.block.attributes.len().checked_sub(1).filter(|_| self.is_variadic)
    }
}

/// Everything that the provider offers, sorted by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    pub provider: Option<Schema>,
    pub resources: Vec<Entry>,
    pub data_sources: Vec<Entry>,
    pub actions: Vec<Entry>,
    pub functions: Vec<FunctionEntry>,
}

impl Catalogue {
    /// What the provider of this checkout offers.
    pub fn of_this_build() -> Self {
        let provider = registry::provider();
        let entry = |name: &str, title: &str, schema: &Schema| Entry {
            name: name.to_owned(),
            title: title.to_owned(),
            schema: schema.clone(),
        };
        let functions = provider.functions().map(|(name, function)| FunctionEntry {
            name: name.to_owned(),
            schema: function.schema().clone(),
            is_variadic: function.is_variadic(),
            returns: function.returns().clone(),
            result: function.result_schema(),
        });
        Self {
            functions: functions.collect(),
            provider: Some(provider.schema().clone()),
            resources: provider.resources().map(|(name, r)| entry(name, r.title(), r.schema())).collect(),
            data_sources: provider.data_sources().map(|(name, d)| entry(name, d.title(), d.schema())).collect(),
            actions: provider.actions().map(|(name, a)| entry(name, a.title(), a.schema())).collect(),
        }
    }
}
