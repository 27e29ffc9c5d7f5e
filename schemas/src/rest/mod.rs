//! Nouns that are objects of a REST collection: where they are, what they send, and how they are read.

mod collection;
mod params;
mod path;
pub mod wire;

use serde_json::Value as Json;

pub use collection::{Collection, LockDomain};
pub use params::{DeleteForm, Params};
pub use path::{is_plain, path};
pub use wire::Wire;

use crate::noun::Noun;
use crate::value::Properties;

/// The types of HA rules.
pub const RULE_TYPES: &[&str] = &["node-affinity", "resource-affinity"];

/// A noun as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed<N> {
    /// The noun.
    pub noun: N,
    /// The properties of its entry that this provider does not support, sorted. They are left as they are, and whatever
    /// depends on the object is unknown.
    pub unknown: Vec<String>,
}

impl<N> Parsed<N> {
    /// The noun, if nothing about it is unknown.
    pub fn understood(self) -> Option<N> {
        self.unknown.is_empty().then_some(self.noun)
    }
}

/// Why an object with unknown properties is left out or is unknown itself.
pub fn unknown_reason(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("it has {}, which this provider does not support", names.join(", "))
}

/// The attributes of a noun as parameters and properties. `#[tf_block(rest)]` implements it from the fields.
pub trait Fields: Sized {
    /// The attribute whose name in the API is `parameter`, where Proxmox takes one of that name.
    fn attribute(parameter: &str) -> Option<&'static str>;

    /// Everything that Proxmox stores of it, except what identifies it.
    fn params(&self) -> Params;

    /// The object from the properties of an entry; what is unset stays unset.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    fn from_properties(properties: &Properties<'_>) -> Result<Self, String>;
}

/// What is known of the attributes of a noun, as parameters. `#[tf_block(partial, rest)]` implements it for the partial noun.
pub trait KnownFields {
    /// The parameter `name`, if it is set; `None` while its attribute is not known, or where no attribute has that name.
    fn parameter(&self, name: &str) -> Option<Params>;
}

/// A noun that is one object of a REST collection: GET, POST on the collection; GET, PUT, DELETE on the object.
pub trait Rest: Noun + Fields {
    /// The collection that has it.
    const COLLECTION: Collection;
    /// Parameters that every POST and PUT repeats, such as the type of a rule.
    const ALWAYS: &'static [(&'static str, &'static str)] = &[];
    /// Parameters of every POST that no PUT takes.
    const AT_CREATE: &'static [(&'static str, &'static str)] = &[];
    /// Parameters that Proxmox takes only together with another one in the same request, and that other one.
    const TOGETHER: &'static [(&'static str, &'static str)] = &[];
    /// The properties of an entry that repeat others, or describe the file or the answer rather than the object.
    const BESIDE: &'static [&'static str];

    /// Every value of `type` in the collection that some noun is for; empty where the collection has a single noun.
    const TYPES: &'static [&'static str] = &[];

    /// The natural id.
    fn key(&self) -> String;

    /// The object from an entry of the collection, and what of the entry this noun has no attribute for.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    fn parse(entry: &Json) -> Result<Parsed<Self>, String> {
        let properties = Properties::of(entry);
        properties.skip(Self::BESIDE);
        let noun = Self::from_properties(&properties)?;
        Ok(Parsed { noun, unknown: properties.unread() })
    }

    /// Whether an entry of the collection is of this noun: one collection may hold several, which differ in what their writes
    /// always repeat.
    fn owns(entry: &Json) -> bool {
        Self::ALWAYS.iter().all(|(name, value)| entry[*name] == *value)
    }

    /// The type of an entry that no noun is for.
    fn unknown_type(entry: &Json) -> Option<&str> {
        let kind = entry["type"].as_str().unwrap_or_default();
        (!Self::TYPES.is_empty() && !Self::TYPES.contains(&kind)).then_some(kind)
    }
}

#[cfg(test)]
mod tests;
