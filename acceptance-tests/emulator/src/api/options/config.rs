//! `/etc/pve/datacenter.cfg`, read and written as `PVE::DataCenterConfig` does.
//!
//! A write formats the stored options anew from their parsed form; the options that it sets stay as they were sent.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;
use serde_json::{Map, Value, json};

use super::table;
use crate::schema::check::perl_text;
use crate::schema::{Kind, Schema, property_string};
use crate::section_config::{bytes, escape};
use crate::world::{Pve, World};

pub const DATACENTER_CFG: &str = "/etc/pve/datacenter.cfg";
const MAC_PREFIX: &str = "BC:24:11";

/// The options as they are set.
#[derive(Clone, Debug)]
pub struct Config {
    pve: Pve,
    known: &'static Schema,
    description: String,
    values: BTreeMap<String, Stored>,
}

#[derive(Clone, Debug)]
enum Stored {
    /// A plain value, or one that was just sent.
    Text(String),
    Object(Map<String, Value>),
    Tags(Vec<String>),
}

impl Config {
    /// Reads the file; lines and values Proxmox would refuse are dropped.
    #[must_use]
    pub fn read(world: &World) -> Self {
        let pve = world.profile.pve;
        let mut config = Self { pve, known: table::options(pve), description: String::new(), values: BTreeMap::new() };
        for line in world.file(DATACENTER_CFG).lines() {
            if let Some(text) = line.strip_prefix('#') {
                config.description.push_str(&percent_decode(&bytes::raw(text)).decode_utf8_lossy());
                config.description.push('\n');
            } else if let Some((name, value)) = line.trim().split_once(':') {
                config.load(name, value.trim());
            }
        }
        // The deprecated flag speaks only where nothing newer does.
        let unsecure = config.values.get("migration_unsecure").map(Stored::print_plain);
        if let Some(unsecure) = unsecure
            && let Some(Stored::Object(migration)) = config.values.get_mut("migration")
            && !migration.contains_key("type")
        {
            migration.insert("type".into(), json!(migration_type(&unsecure)));
        }
        config
    }

    fn load(&mut self, name: &str, value: &str) {
        let Some(prop) = self.known.find(name) else { return };
        let boolean = matches!(prop.kind, Kind::Boolean).then(|| property_string::boolean(value)).flatten();
        let value = boolean.unwrap_or(value);
        let mut errors = BTreeMap::new();
        prop.check(Some(&json!(value)), name, &mut errors);
        if !errors.is_empty() {
            return;
        }
        let stored = match table::keys(self.pve, name) {
            Some(keys) if !value.is_empty() => match property_string::parse(keys, value, name) {
                Ok(object) => Stored::Object(object),
                Err(_) => return,
            },
            _ if name == "registered-tags" => Stored::Tags(value.split(';').map(str::to_owned).collect()),
            _ if name == "console" && value == "applet" => Stored::Text("html5".into()),
            _ => Stored::Text(value.to_owned()),
        };
        self.values.insert(name.to_owned(), stored);
    }

    /// Sets an option to what was sent; null unsets it.
    pub(super) fn set(&mut self, name: &str, value: &Value) {
        let text = perl_text(value);
        match name {
            "description" => self.description = text,
            _ if value.is_null() => self.unset(name),
            // Releases since 9.1.6 drop an empty one, because the CRM stumbled over it.
            "crs" if text.is_empty() && self.pve >= Pve::V9 => self.unset(name),
            _ => {
                self.values.insert(name.to_owned(), Stored::Text(text));
            }
        }
    }

    /// Returns an option to its default; unknown ones are ignored.
    pub(super) fn unset(&mut self, name: &str) {
        if name == "description" {
            self.description.clear();
        }
        self.values.remove(name);
    }

    /// The keys and values of an option that is an object.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Map<String, Value>> {
        match self.values.get(name)? {
            Stored::Object(object) => Some(object.clone()),
            _ => None,
        }
    }

    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name)? {
            Stored::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An option that is a list of tags.
    #[must_use]
    pub fn tags(&self, name: &str) -> Vec<String> {
        match self.values.get(name) {
            Some(Stored::Tags(tags)) => tags.clone(),
            _ => Vec::new(),
        }
    }

    /// All options as GET shows them.
    #[must_use]
    pub fn show(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("description".into(), json!(self.description));
        shown.insert("mac_prefix".into(), json!(MAC_PREFIX));
        for (name, stored) in &self.values {
            let value = match stored {
                Stored::Text(text) if self.is_boolean(name) => json!(u8::from(text == "1")),
                Stored::Text(text) => json!(text),
                Stored::Tags(tags) => json!(tags),
                Stored::Object(object) => self.show_object(name, object),
            };
            shown.insert(name.clone(), value);
        }
        shown
    }

    fn is_boolean(&self, name: &str) -> bool {
        self.known.find(name).is_some_and(|prop| matches!(prop.kind, Kind::Boolean))
    }

    /// Booleans are numbers, lists of tags arrays, everything else strings.
    fn show_object(&self, name: &str, object: &Map<String, Value>) -> Value {
        let keys = table::keys(self.pve, name);
        let show = |(key, value): (&String, &Value)| {
            let text = perl_text(value);
            let boolean = keys.and_then(|keys| keys.find(key)).is_some_and(|prop| matches!(prop.kind, Kind::Boolean));
            let value = match key.as_str() {
                _ if boolean => json!(u8::from(text == "1")),
                "user-allow-list" => json!(text.split(';').collect::<Vec<_>>()),
                _ => json!(text),
            };
            (key.clone(), value)
        };
        Value::Object(object.iter().map(show).collect())
    }

    pub(super) fn write(mut self, world: &mut World) {
        if let Some(unsecure) = self.values.get("migration_unsecure").map(Stored::print_plain)
            && !self.values.contains_key("migration")
        {
            self.values.remove("migration_unsecure");
            self.values.insert("migration".into(), Stored::Text(migration_type(&unsecure).into()));
        }
        let mut text = String::new();
        for line in
            self.description.split('\n').rev().skip_while(|line| line.is_empty()).collect::<Vec<_>>().iter().rev()
        {
            text.push_str(&format!("#{}\n", escape(line.bytes())));
        }
        text.push('\n');
        for (name, stored) in &self.values {
            let value = match stored {
                Stored::Text(value) if name == "console" && value == "applet" => "html5".to_owned(),
                Stored::Text(value) if name == "mac_prefix" && value == MAC_PREFIX => continue,
                Stored::Text(value) if self.is_boolean(name) => {
                    property_string::boolean(value).unwrap_or(value).to_owned()
                }
                Stored::Text(value) => value.clone(),
                Stored::Tags(tags) => sorted(tags.iter().map(String::as_str)),
                Stored::Object(object) => self.print(name, object),
            };
            text.push_str(&format!("{name}: {value}\n"));
        }
        world.write_file(DATACENTER_CFG, bytes::written(text));
    }

    fn print(&self, name: &str, object: &Map<String, Value>) -> String {
        let mut object = object.clone();
        if let Some(Value::String(tags)) = object.get_mut("user-allow-list") {
            *tags = sorted(tags.split(';'));
        }
        table::keys(self.pve, name).map(|keys| property_string::print(keys, &object)).unwrap_or_default()
    }
}

impl Stored {
    fn print_plain(&self) -> String {
        match self {
            Stored::Text(text) => text.clone(),
            _ => String::new(),
        }
    }
}

fn migration_type(unsecure: &str) -> &'static str {
    if unsecure == "1" { "insecure" } else { "secure" }
}

fn sorted<'a>(tags: impl Iterator<Item = &'a str>) -> String {
    let mut tags: Vec<&str> = tags.collect();
    tags.sort_unstable();
    tags.join(";")
}
