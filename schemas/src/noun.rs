//! The metadata of every noun beside its attributes.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserializer, Serialize};

/// A resource or data source.
pub trait Noun: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The type name, `pve_…`.
    const NAME: &'static str;
    /// What one is called in messages: "HA resource".
    const TITLE: &'static str;
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
