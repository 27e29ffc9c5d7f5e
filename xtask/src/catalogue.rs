//! The nouns that this provider offers, as what documents and schemas are made from.

use terraform_provider_pve::framework::Schema;
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

/// Everything that the provider offers, sorted by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    pub provider: Option<Schema>,
    pub resources: Vec<Entry>,
    pub data_sources: Vec<Entry>,
    pub actions: Vec<Entry>,
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
        Self {
            provider: Some(provider.schema().clone()),
            resources: provider.resources().map(|(name, r)| entry(name, r.title(), r.schema())).collect(),
            data_sources: provider.data_sources().map(|(name, d)| entry(name, d.title(), d.schema())).collect(),
            actions: provider.actions().map(|(name, a)| entry(name, a.title(), a.schema())).collect(),
        }
    }
}
