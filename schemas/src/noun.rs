//! The metadata of every noun beside its attributes.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde::{Deserializer, Serialize};
use serde_json::Value as Json;

/// A resource or data source.
pub trait Noun: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The type name, `pve_…`.
    const NAME: &'static str;
    /// What one is called in messages: "HA resource".
    const TITLE: &'static str;
}

/// The JSON Schema of `M`, without references.
pub fn json_schema<M: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<M>().to_value()
}

/// A noun of which a part may be unknown, as in a plan. `#[tf_block(partial)]` implements it.
pub trait Partly: Noun {
    /// What is known of it.
    type Partial: Default + From<Self>;

    /// What is known of the noun whose members are these; `None` is a member that is not known, null one that is unset.
    fn known<'de, D: Deserializer<'de>>(member: impl Fn(&str) -> Option<D>) -> Self::Partial;

    /// The noun with the default in the place of every attribute that is unset and has one.
    #[must_use]
    fn with_defaults(self) -> Self;
}

/// What is known of a noun.
pub type Partial<N> = <N as Partly>::Partial;
