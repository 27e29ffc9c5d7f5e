//! The collections as lists, shared by all reads of one walk.
//!
//! A list lives for a few seconds and ends with the first write to its lock domain. Reads of
//! single objects that must be fresh, and their digests, never come from here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pve_schemas::rest::Collection;
use reqwest::Method;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::answer::{self, Success};
use super::attempt::over;
use super::error::Error;
use super::{Client, wire};
use crate::call::Call;

/// How long a list may be used, unless a write ends it earlier.
pub const LIST_LIFE: Duration = Duration::from_secs(5);

/// A list as it was at one moment. Objects stay JSON text until one of them is read.
pub struct Listing {
    collection: Collection,
    taken: Instant,
    rows: Vec<Box<RawValue>>,
    by_id: BTreeMap<Box<str>, usize>,
}

impl Listing {
    /// The object with this id, typed.
    ///
    /// # Errors
    ///
    /// When the object is not of that type.
    pub fn find<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>, Error> {
        match self.by_id.get(id) {
            Some(row) => self.typed(&self.rows[*row]).map(Some),
            None => Ok(None),
        }
    }

    /// Whether there is an object with this id.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// All objects in the order of the answer, typed.
    ///
    /// # Errors
    ///
    /// When one of them is not of that type.
    pub fn all<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        self.rows.iter().map(|row| self.typed(row)).collect()
    }

    /// The one object of a collection that is an object.
    ///
    /// # Errors
    ///
    /// When it is not of that type.
    pub fn object<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let row = self.rows.first().map_or(RawValue::NULL, |row| &**row);
        self.typed(row)
    }

    /// The ids, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(|id| &**id)
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn parse(collection: Collection, success: &Success) -> Result<Self, Error> {
        let unexpected = |error| answer::unexpected(&Method::GET, collection.path(), error);
        let data = success.data().map_err(unexpected)?;
        let mut listing = Self { collection, taken: Instant::now(), rows: Vec::new(), by_id: BTreeMap::new() };
        let Some(key) = collection.key() else {
            listing.rows.push(data.to_owned());
            return Ok(listing);
        };
        // Proxmox answers `[]` where there is nothing. What answers otherwise isn't Proxmox, and not an empty cluster.
        let rows: Vec<&RawValue> = serde_json::from_str(data.get()).map_err(unexpected)?;
        for (index, row) in rows.into_iter().enumerate() {
            let mut source = serde_json::Deserializer::from_str(row.get());
            // A row without id (or that is no object) can't be found, but doesn't spoil the rest.
            if let Some(id) = Key(key).deserialize(&mut source).map_err(unexpected)? {
                listing.by_id.insert(id.into(), index);
            }
            listing.rows.push(row.to_owned());
        }
        Ok(listing)
    }

    fn typed<T: DeserializeOwned>(&self, row: &RawValue) -> Result<T, Error> {
        serde_json::from_str(row.get()).map_err(|error| answer::unexpected(&Method::GET, self.collection.path(), error))
    }

    pub(super) fn age(&self) -> Duration {
        self.taken.elapsed()
    }
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("collection", &self.collection).field("len", &self.rows.len()).finish()
    }
}

impl Client {
    /// A collection as it is now or was a few seconds ago; whatever happens meanwhile, concurrent
    /// callers cost one request.
    ///
    /// # Errors
    ///
    /// What the request meets; shared by those who waited for it, and not kept.
    pub async fn list(&self, collection: Collection, call: &Call) -> Result<Arc<Listing>, Error> {
        let generation = || collection.domain().map_or(0, |domain| self.inner.domains.generation(domain));
        let fetch = || {
            let (client, call) = (self.clone(), call.clone());
            async move { client.fetch(collection, &call).await }
        };
        let fresh = |listing: &Arc<Listing>| listing.age() < LIST_LIFE;
        let share = self.inner.lists.share(collection, generation, fresh, call, fetch);
        call.bound(share).await.map_err(|ended| over(ended, &Method::GET, collection.path()))?
    }

    /// A collection by a request of its own.
    pub(super) async fn fetch(&self, collection: Collection, call: &Call) -> Result<Arc<Listing>, Error> {
        let success = self.read(collection.path(), &collection.query(), call).await?;
        Listing::parse(collection, &success).map(Arc::new)
    }
}

impl Client {
    /// Has the next reader of each list ask for it: an operation looks at the cluster again after it has changed it.
    pub fn forget_lists(&self) {
        self.inner.lists.clear();
        self.inner.node_versions.clear();
    }
}

/// Finds one member of an object without building the rest.
struct Key(&'static str);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with the member `{}`", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut id = None;
        while let Some(name) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == self.0 {
                id = wire::text(&members.next_value::<Value>()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, PartialEq, Debug)]
    struct Row {
        sid: String,
    }

    fn parse(body: &'static str) -> Result<Listing, Error> {
        Listing::parse(Collection::HaResources, &Success::of(body))
    }

    #[test]
    fn objects_are_found_by_id_and_keep_their_order() {
        let listing = parse(r#"{"data":[{"x":{"sid":1},"sid":"vm:2"},{"sid":"vm:1"},{"no":1}]}"#).unwrap();
        assert_eq!(listing.len(), 3);
        assert_eq!(listing.ids().collect::<Vec<_>>(), ["vm:1", "vm:2"]);
        let row = listing.find::<Row>("vm:2").unwrap();
        assert_eq!(row, Some(Row { sid: "vm:2".into() }));
        assert_eq!(listing.find::<Row>("vm:3").unwrap(), None);
        assert!(listing.all::<Row>().is_err());
    }

    #[test]
    fn hostile_lists_are_errors() {
        for body in
            ["", "<html>", "{}", r#"{"data":null}"#, r#"{"data":{"a":1}}"#, r#"{"data":[1]}"#, r#"{"data":"x"}"#]
        {
            assert!(parse(body).is_err(), "{body}");
        }
        let deep: &'static str = Box::leak(
            format!(r#"{{"data":[{{"sid":{}1{}}}]}}"#, "[".repeat(100_000), "]".repeat(100_000)).into_boxed_str(),
        );
        assert!(parse(deep).is_err());
    }
}
