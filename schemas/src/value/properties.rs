//! An entry of a collection whose every property has to be accounted for.

use std::cell::RefCell;
use std::str::FromStr;

use serde_json::Value as Json;

use super::Entry;

/// An entry that notes which of its properties are read, so that those which nothing reads can be named.
///
/// Proxmox adds properties in minor releases. One that is ignored can turn the meaning of an object round: a rule with
/// `affinity negative` reads as its opposite where `affinity` is not known.
#[derive(Debug)]
pub struct Properties<'a> {
    entry: Entry<'a>,
    read: RefCell<Vec<&'static str>>,
}

impl<'a> Properties<'a> {
    /// Nothing read yet.
    pub fn of(entry: &'a Json) -> Self {
        Self { entry: Entry(entry), read: RefCell::default() }
    }

    /// See [`Entry::text`].
    pub fn text(&self, name: &'static str) -> Option<String> {
        self.reading(name).text(name)
    }

    /// See [`Entry::required`].
    ///
    /// # Errors
    /// Names the missing property.
    pub fn required(&self, name: &'static str) -> Result<String, String> {
        self.reading(name).required(name)
    }

    /// See [`Entry::parsed`].
    ///
    /// # Errors
    /// Names the property that can't be parsed.
    pub fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, name: &'static str) -> Result<Option<T>, String> {
        self.reading(name).parsed(name)
    }

    /// See [`Entry::integer`].
    pub fn integer(&self, name: &'static str) -> Option<i64> {
        self.reading(name).integer(name)
    }

    /// See [`Entry::number`].
    pub fn number(&self, name: &'static str) -> Option<f64> {
        self.reading(name).number(name)
    }

    /// See [`Entry::flag`].
    pub fn flag(&self, name: &'static str) -> Option<bool> {
        self.reading(name).flag(name)
    }

    /// See [`Entry::json`].
    pub fn json(&self, name: &'static str) -> &'a Json {
        self.reading(name).json(name)
    }

    /// Accounts for properties that repeat others, or describe the file or the answer rather than the object.
    pub fn skip(&self, names: &[&'static str]) {
        self.read.borrow_mut().extend(names);
    }

    /// The properties that are set and were not read, sorted.
    pub fn unread(&self) -> Vec<String> {
        let read = self.read.borrow();
        let members = self.entry.0.as_object().into_iter().flatten();
        let unread = members.filter(|(name, value)| !value.is_null() && !read.contains(&name.as_str()));
        let mut names: Vec<String> = unread.map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    fn reading(&self, name: &'static str) -> Entry<'a> {
        self.read.borrow_mut().push(name);
        self.entry
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_property_that_nothing_reads_is_named() {
        let json = json!({"sid": "vm:100", "digest": "x", "zone": "a", "unset": null, "affinity": "weak"});
        let entry = Properties::of(&json);
        entry.skip(&["digest", "type"]);
        assert_eq!(entry.text("sid").as_deref(), Some("vm:100"));
        assert_eq!(entry.unread(), ["affinity", "zone"]);
    }
}
