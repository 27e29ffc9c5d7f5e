//! The nouns that this provider offers, as what documents and schemas are made from.

use pve_schemas::HaResource;
use pve_schemas::noun::Noun;
use terraform_provider_pve::framework::{Role, Schema};

/// One resource or data source.
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

/// Everything that the provider offers, sorted by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// The provider block.
    pub provider: Option<Schema>,
    /// The resource types.
    pub resources: Vec<Entry>,
    /// The data sources.
    pub data_sources: Vec<Entry>,
}

impl Catalogue {
    /// What the provider of this checkout offers.
    pub fn of_this_build() -> Self {
        let resource = Entry {
            name: HaResource::NAME.to_owned(),
            title: HaResource::TITLE.to_owned(),
            schema: Schema::of::<HaResource>(Role::Resource),
        };
        Self { provider: None, resources: vec![resource], data_sources: Vec::new() }
    }
}
