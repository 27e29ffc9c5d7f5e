//! Proxmox's section config files: `type: id` lines followed by options indented with a TAB.
//!
//! This is `PVE::SectionConfig` as the HA stack and storage replication use it. Invariant: a file is only ever replaced as a
//! whole by what [`FileType::render`] makes of its sections, so digests come out as Proxmox's do.

pub mod bytes;
mod cache;
mod codec;
mod parse;
mod render;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::schema::check::perl_text;
use crate::schema::{Kind, Params, Prop, perl};

pub use cache::Cache;
pub use codec::{Codec, escape, node_priorities};

/// Options of a section by name. Values of boolean, integer and number options are JSON numbers, those of array options
/// arrays of strings, all others strings.
pub type Values = BTreeMap<String, Value>;

/// What a file may hold.
#[derive(Debug)]
pub struct FileType {
    /// Its types of sections.
    pub plugins: Vec<Plugin>,
    /// Whether a section's id is written without its type and read with it: `vm: 100` is `vm:100`.
    pub typed_ids: bool,
}

/// One type of section.
#[derive(Debug)]
pub struct Plugin {
    pub kind: &'static str,
    pub options: Vec<Opt>,
}

/// An option of a type of section.
#[derive(Debug)]
pub struct Opt {
    pub name: &'static str,
    /// What values it takes.
    pub prop: Prop,
    /// Whether a section can't be without it.
    pub required: bool,
    /// Whether it can't be changed.
    pub fixed: bool,
    /// How the value is written in the file.
    pub codec: Codec,
}

/// A section of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The name of its type.
    pub kind: String,
    pub id: String,
    /// Its rank when the file is written; its position, counted from 1, when it was read.
    pub order: usize,
    pub values: Values,
}

/// A file's sections in their order.
#[derive(Clone, Debug, Default)]
pub struct Sections {
    pub list: Vec<Section>,
    /// SHA-1 of the text they were read from.
    pub digest: String,
}

impl Opt {
    /// An option that may be absent.
    #[must_use]
    pub fn optional(name: &'static str, prop: Prop) -> Self {
        Self { name, prop, required: false, fixed: false, codec: Codec::Plain }
    }

    /// An option that can't be absent.
    #[must_use]
    pub fn required(name: &'static str, prop: Prop) -> Self {
        Self { required: true, ..Self::optional(name, prop) }
    }

    #[must_use]
    pub fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }

    /// The same, written in another form.
    #[must_use]
    pub fn codec(self, codec: Codec) -> Self {
        Self { codec, ..self }
    }

    fn is_boolean(&self) -> bool {
        matches!(self.prop.kind, Kind::Boolean)
    }

    fn is_numeric(&self) -> bool {
        matches!(self.prop.kind, Kind::Boolean | Kind::Integer | Kind::Number)
    }

    fn is_array(&self) -> bool {
        matches!(self.prop.kind, Kind::Array(_))
    }

    /// `check_value` without its schema check: the value as the section keeps it.
    ///
    /// # Errors
    /// Proxmox's complaint, without its line feed.
    pub fn accept(&self, value: &Value) -> Result<Value, String> {
        if value.is_null() {
            return Err(format!("got undefined value for option '{}'", self.name));
        }
        if let (true, Value::Array(items)) = (self.is_array(), value) {
            return items.iter().map(|item| self.accept(item)).collect();
        }
        let text = perl_text(value);
        if text.contains(['\n', '\r']) {
            return Err("property contains a line feed".to_owned());
        }
        if self.is_numeric() {
            return Ok(perl::number(&text));
        }
        Ok(Value::String(self.codec.decode(&text)))
    }
}

impl FileType {
    /// The plugin of that name.
    #[must_use]
    pub fn plugin(&self, kind: &str) -> Option<&Plugin> {
        self.plugins.iter().find(|plugin| plugin.kind == kind)
    }
}

impl Plugin {
    /// The option of that name.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&Opt> {
        self.options.iter().find(|option| option.name == name)
    }

    /// `check_config` without its schema check, which the API has done already: the values as a section keeps them.
    ///
    /// # Errors
    /// Proxmox's complaint, without its line feed.
    pub fn check<'v>(
        &self,
        params: impl IntoIterator<Item = (&'v str, &'v Value)>,
        create: bool,
    ) -> Result<Values, String> {
        let mut values = Values::new();
        for (name, value) in params {
            // A type that is repeated is no change.
            if name == "type" && value == self.kind {
                continue;
            }
            let option = self.option(name).ok_or_else(|| format!("unexpected property '{name}'"))?;
            if !create && option.fixed {
                return Err(format!("can't change value of fixed parameter '{name}'"));
            }
            values.insert(name.to_owned(), option.accept(value)?);
        }
        if create
            && let Some(missing) =
                self.options.iter().find(|option| option.required && !values.contains_key(option.name))
        {
            return Err(format!("missing value for required option '{}'", missing.name));
        }
        Ok(values)
    }

    /// Takes the options named in `names` out of `values`, as the `delete` parameter asks for.
    ///
    /// # Errors
    /// Proxmox's complaint, without its line feed.
    pub fn delete(&self, values: &mut Values, names: &[String]) -> Result<(), String> {
        for name in names {
            let option = self.option(name).ok_or_else(|| format!("no such option '{name}'"))?;
            if option.required {
                return Err(format!("unable to delete required option '{name}'"));
            }
            if option.fixed {
                return Err(format!("unable to delete fixed option '{name}'"));
            }
            values.remove(name);
        }
        Ok(())
    }
}

impl Section {
    /// An option as text; absent is `None`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).map(perl_text)
    }

    /// Whether a boolean option is set to true.
    #[must_use]
    pub fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| text != "0" && !text.is_empty())
    }
}

impl Sections {
    /// The section with that id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Section> {
        self.list.iter().find(|section| section.id == id)
    }

    /// The section with that id, to be changed.
    #[must_use]
    pub fn find_mut(&mut self, id: &str) -> Option<&mut Section> {
        self.list.iter_mut().find(|section| section.id == id)
    }

    pub fn push(&mut self, kind: &str, id: &str, values: Values) {
        let order = self.list.iter().map(|section| section.order).max().unwrap_or(0) + 1;
        self.list.push(Section { kind: kind.to_owned(), id: id.to_owned(), order, values });
    }

    /// Removes a section; whether there was one.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.list.len();
        self.list.retain(|section| section.id != id);
        self.list.len() != before
    }

    /// `assert_if_modified`: without a digest, or with an empty one, nothing is compared.
    ///
    /// # Errors
    /// Proxmox's complaint, without its line feed.
    pub fn assert_unmodified(&self, digest: Option<&str>) -> Result<(), String> {
        match digest.filter(|digest| !digest.is_empty()) {
            Some(digest) if digest != self.digest => {
                Err("detected modified configuration - file changed by other user? Try again.".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The parameters of a call that are options of a section: all but `others`.
#[must_use]
pub fn without(params: &Params, others: &[&str]) -> Params {
    let mut options = params.clone();
    for name in others {
        options.take(name);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plugin() -> Plugin {
        Plugin {
            kind: "local",
            options: vec![
                Opt::required("target", Prop::string()).fixed(),
                Opt::optional("rate", Prop::number()),
                Opt::optional("comment", Prop::string()),
            ],
        }
    }

    fn check(params: Value, create: bool) -> Result<Values, String> {
        let params = params.as_object().cloned().unwrap_or_default();
        plugin().check(params.iter().map(|(name, value)| (name.as_str(), value)), create)
    }

    #[test]
    fn complaints_are_proxmox_words() {
        assert_eq!(check(json!({"comment": "a\nb"}), false), Err("property contains a line feed".into()));
        assert_eq!(check(json!({"rate": null}), false), Err("got undefined value for option 'rate'".into()));
        assert_eq!(check(json!({"x": 1}), false), Err("unexpected property 'x'".into()));
        assert_eq!(check(json!({"type": "other"}), false), Err("unexpected property 'type'".into()));
        assert_eq!(check(json!({"target": "a"}), false), Err("can't change value of fixed parameter 'target'".into()));
        assert_eq!(check(json!({}), true), Err("missing value for required option 'target'".into()));
        assert_eq!(
            check(json!({"type": "local", "rate": "007"}), false),
            Ok(Values::from([("rate".into(), json!(7))]))
        );
    }

    #[test]
    fn only_what_may_be_absent_can_be_deleted() {
        let mut values = Values::from([("rate".into(), json!(1)), ("target".into(), json!("a"))]);
        let mut delete = |name: &str| plugin().delete(&mut values, &[name.to_owned()]);
        assert_eq!(delete("rate"), Ok(()));
        assert_eq!(delete("target"), Err("unable to delete required option 'target'".into()));
        assert_eq!(delete("bogus"), Err("no such option 'bogus'".into()));
        assert_eq!(values.len(), 1);
    }

    #[test]
    fn a_stale_digest_is_refused_an_absent_one_is_not() {
        let sections = Sections { digest: "abc".into(), ..Sections::default() };
        assert!(sections.assert_unmodified(None).is_ok() && sections.assert_unmodified(Some("")).is_ok());
        assert!(sections.assert_unmodified(Some("abc")).is_ok() && sections.assert_unmodified(Some("abd")).is_err());
    }
}
