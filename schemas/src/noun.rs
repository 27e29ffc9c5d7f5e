//! What every noun says of itself beside its attributes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// A resource or data source.
pub trait Noun: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The type name, `pve_…`.
    const NAME: &'static str;
    /// What one is called in messages: "HA resource".
    const TITLE: &'static str;
}

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

    /// The natural id.
    fn key(&self) -> String;

    /// Everything that Proxmox stores of it, except the key.
    fn params(&self) -> Params;

    /// The object from an entry of the collection; what is unset stays unset.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    fn from_entry(entry: &Json) -> Result<Self, String>;

    /// Whether an entry of the collection is of this noun: one collection may hold several.
    fn owns(_entry: &Json) -> bool {
        true
    }
}
