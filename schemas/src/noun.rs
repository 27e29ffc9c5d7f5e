//! What every noun says of itself beside its attributes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::value::Properties;

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
    fn known(member: impl Fn(&str) -> Option<Json>) -> Self::Partial;

    /// The noun with the default in the place of every attribute that is unset and has one.
    #[must_use]
    fn with_defaults(self) -> Self;
}

/// What is known of a noun.
pub type Partial<N> = <N as Partly>::Partial;

/// Parameters of a request by Proxmox's names; what is unset is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<&'static str, String>);

impl Params {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one.
    pub fn insert(&mut self, name: &'static str, value: String) {
        self.0.insert(name, value);
    }

    /// Sets a flag that is off by default: absent unless it is on.
    pub fn flag(&mut self, name: &'static str, value: Option<bool>) {
        if value == Some(true) {
            self.insert(name, "1".to_owned());
        }
    }

    /// Sets a text; an empty one is the same as none.
    pub fn text(&mut self, name: &'static str, value: Option<&str>) {
        if let Some(value) = value.filter(|text| !text.is_empty()) {
            self.insert(name, value.to_owned());
        }
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// What makes `self` out of `from`: the parameters to set, and the names to delete.
    pub fn since(&self, from: &Self) -> (Vec<(&'static str, &str)>, Vec<&'static str>) {
        let set = self.iter().filter(|(name, value)| from.get(name) != Some(*value)).collect();
        let delete = from.0.keys().filter(|name| self.get(name).is_none()).copied().collect();
        (set, delete)
    }
}

/// The file that a noun is stored in, whose lock serialises its writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// `/etc/pve/ha/*.cfg`, lock `domain-ha`.
    Ha,
    /// `/etc/pve/replication.cfg`, lock `file-replication_cfg`.
    Replication,
    /// `/etc/pve/datacenter.cfg`, lock `file-datacenter_cfg`.
    Datacenter,
}

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

/// A noun that is one object of a REST collection: GET, POST on the collection; GET, PUT, DELETE on the object.
pub trait Rest: Noun {
    /// The collection's path below `/api2/json`.
    const COLLECTION: &'static str;
    /// The parameter of POST, and member of an entry, that names the object.
    const KEY: &'static str;
    /// Where it is stored.
    const STORE: Store;
    /// Parameters that every POST and PUT repeats, such as the type of a rule.
    const ALWAYS: &'static [(&'static str, &'static str)] = &[];

    /// Every value of `type` in the collection that some noun is for; empty where the collection has a single noun.
    const TYPES: &'static [&'static str] = &[];

    /// The natural id.
    fn key(&self) -> String;

    /// Everything that Proxmox stores of it, except the key.
    fn params(&self) -> Params;

    /// The object from the properties of an entry; what is unset stays unset. A property that this neither reads nor skips
    /// is unknown.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    fn from_properties(properties: &Properties<'_>) -> Result<Self, String>;

    /// The object from an entry of the collection, and what of the entry this noun has no attribute for.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    fn parse(entry: &Json) -> Result<Parsed<Self>, String> {
        let properties = Properties::of(entry);
        let noun = Self::from_properties(&properties)?;
        Ok(Parsed { noun, unknown: properties.unread() })
    }

    /// Whether an entry of the collection is of this noun: one collection may hold several.
    fn owns(_entry: &Json) -> bool {
        true
    }

    /// The type of an entry that no noun is for.
    fn unknown_type(entry: &Json) -> Option<&str> {
        let kind = entry["type"].as_str().unwrap_or_default();
        (!Self::TYPES.is_empty() && !Self::TYPES.contains(&kind)).then_some(kind)
    }
}
