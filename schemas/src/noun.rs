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
pub type Params = BTreeMap<&'static str, String>;

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
    /// Parameters that POST takes and PUT doesn't know.
    const CREATE_ONLY: &'static [&'static str] = &[];

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
