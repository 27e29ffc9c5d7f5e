//! How Proxmox writes the options: property strings in, a mixture of objects, strings and numbers out.

use serde_json::{Map, Value as Json};

use super::DatacenterOptions;
use crate::rest::Params;
use crate::value::Entry;

/// One option: the attribute or block, Proxmox's name, and how it is written.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// The attribute or block.
    pub attribute: &'static str,
    /// Proxmox's name.
    pub name: &'static str,
    kind: Kind,
}

/// How a value is written.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Number,
    Flag,
    /// `tag;tag`
    Tags,
    /// `tag:RRGGBB;tag:RRGGBB`
    Colors,
    /// A property string of these.
    Properties(&'static [Opt]),
}

const fn opt(attribute: &'static str, name: &'static str, kind: Kind) -> Opt {
    Opt { attribute, name, kind }
}

const TRANSFER: &[Opt] = &[opt("type", "type", Kind::Text), opt("network", "network", Kind::Text)];

/// Every option, by attribute.
pub const OPTIONS: &[Opt] = &[
    opt("ha", "ha", Kind::Properties(&[opt("shutdown_policy", "shutdown_policy", Kind::Text)])),
    opt(
        "crs",
        "crs",
        Kind::Properties(&[
            opt("ha", "ha", Kind::Text),
            opt("ha_rebalance_on_start", "ha-rebalance-on-start", Kind::Flag),
            opt("ha_auto_rebalance", "ha-auto-rebalance", Kind::Flag),
            opt("ha_auto_rebalance_threshold", "ha-auto-rebalance-threshold", Kind::Number),
            opt("ha_auto_rebalance_method", "ha-auto-rebalance-method", Kind::Text),
            opt("ha_auto_rebalance_hold_duration", "ha-auto-rebalance-hold-duration", Kind::Number),
            opt("ha_auto_rebalance_margin", "ha-auto-rebalance-margin", Kind::Number),
        ]),
    ),
    opt("migration", "migration", Kind::Properties(TRANSFER)),
    opt("replication", "replication", Kind::Properties(TRANSFER)),
    opt(
        "bwlimit",
        "bwlimit",
        Kind::Properties(&[
            opt("default", "default", Kind::Number),
            opt("restore", "restore", Kind::Number),
            opt("migration", "migration", Kind::Number),
            opt("clone", "clone", Kind::Number),
            opt("move", "move", Kind::Number),
        ]),
    ),
    opt(
        "next_id",
        "next-id",
        Kind::Properties(&[opt("lower", "lower", Kind::Number), opt("upper", "upper", Kind::Number)]),
    ),
    opt(
        "notify",
        "notify",
        Kind::Properties(&[
            opt("package_updates", "package-updates", Kind::Text),
            opt("target_package_updates", "target-package-updates", Kind::Text),
            opt("fencing", "fencing", Kind::Text),
            opt("target_fencing", "target-fencing", Kind::Text),
            opt("replication", "replication", Kind::Text),
            opt("target_replication", "target-replication", Kind::Text),
        ]),
    ),
    opt(
        "tag_style",
        "tag-style",
        Kind::Properties(&[
            opt("shape", "shape", Kind::Text),
            opt("color_map", "color-map", Kind::Colors),
            opt("ordering", "ordering", Kind::Text),
            opt("case_sensitive", "case-sensitive", Kind::Flag),
        ]),
    ),
    opt(
        "user_tag_access",
        "user-tag-access",
        Kind::Properties(&[
            opt("user_allow", "user-allow", Kind::Text),
            opt("user_allow_list", "user-allow-list", Kind::Tags),
        ]),
    ),
    opt(
        "webauthn",
        "webauthn",
        Kind::Properties(&[
            opt("rp", "rp", Kind::Text),
            opt("origin", "origin", Kind::Text),
            opt("id", "id", Kind::Text),
            opt("allow_subdomains", "allow-subdomains", Kind::Flag),
        ]),
    ),
    opt("u2f", "u2f", Kind::Properties(&[opt("appid", "appid", Kind::Text), opt("origin", "origin", Kind::Text)])),
    opt(
        "location",
        "location",
        Kind::Properties(&[
            opt("latitude", "latitude", Kind::Number),
            opt("longitude", "longitude", Kind::Number),
            opt("name", "name", Kind::Text),
        ]),
    ),
    opt("fencing", "fencing", Kind::Text),
    opt("max_workers", "max_workers", Kind::Number),
    opt("console", "console", Kind::Text),
    opt("consent_text", "consent-text", Kind::Text),
    opt("description", "description", Kind::Text),
    opt("email_from", "email_from", Kind::Text),
    opt("http_proxy", "http_proxy", Kind::Text),
    opt("keyboard", "keyboard", Kind::Text),
    opt("language", "language", Kind::Text),
    opt("mac_prefix", "mac_prefix", Kind::Text),
    opt("registered_tags", "registered-tags", Kind::Tags),
];

/// What PUT takes for everything that is set.
pub fn to_params(options: &DatacenterOptions) -> Params {
    let json = serde_json::to_value(options).unwrap_or_default();
    let mut params = Params::new();
    for option in OPTIONS {
        if let Some(text) = written(option.kind, &json[option.attribute]).filter(|text| !text.is_empty()) {
            params.set(option.name, text);
        }
    }
    params
}

/// What GET says, with all that is not set left out.
///
/// # Errors
/// Says which option has an unexpected form.
pub fn from_api(answer: &Json) -> Result<DatacenterOptions, String> {
    let mut json = Map::new();
    for option in OPTIONS {
        json.insert(option.attribute.to_owned(), read(option.kind, Entry(answer), option.name));
    }
    serde_json::from_value(Json::Object(json)).map_err(|e| e.to_string())
}

/// What Proxmox answers beside the options: computed, or an older form of one.
const BESIDE: &[&str] = &["allowed-tags", "digest", "migration_unsecure"];

/// The options that are set and that [`OPTIONS`] does not have, and such properties of options as `crs.NAME`; sorted.
pub fn unknown(answer: &Json) -> Vec<String> {
    let members = answer.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let options = members.map(|(name, _)| name).filter(|name| !BESIDE.contains(&name.as_str()));
    let options = options.filter(|name| !OPTIONS.iter().any(|option| option.name == name.as_str())).cloned();
    let properties = OPTIONS.iter().flat_map(|option| {
        option.unknown_properties(answer).into_iter().map(|(name, _)| format!("{}.{name}", option.name))
    });
    let mut names: Vec<String> = options.chain(properties).collect();
    names.sort();
    names
}

impl Opt {
    /// The properties that `answer` has in this option and that are not in the table, as Proxmox's names and values.
    fn unknown_properties(&self, answer: &Json) -> Vec<(String, String)> {
        let Kind::Properties(known) = self.kind else { return Vec::new() };
        let parsed;
        let object = match &answer[self.name] {
            Json::String(text) => {
                parsed = properties(text, known);
                &parsed
            }
            object => object,
        };
        let members = object.as_object().into_iter().flatten();
        let unknown =
            members.filter(|(name, value)| !value.is_null() && !known.iter().any(|k| k.name == name.as_str()));
        unknown.map(|(name, value)| (name.clone(), as_property(value))).collect()
    }

    /// A PUT replaces the whole property string of an option: `text` with the properties that `answer` has there and
    /// that no field here has.
    pub fn with_unknown(&self, text: &str, answer: &Json) -> String {
        let unknown = self.unknown_properties(answer).into_iter().map(|(name, value)| format!("{name}={value}"));
        join(Some(text.to_owned()).filter(|text| !text.is_empty()).into_iter().chain(unknown), ",")
    }
}

/// The value of a property in the form that PUT takes.
fn as_property(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Bool(flag) => u8::from(*flag).to_string(),
        Json::Array(items) => join(items.iter().map(as_property), ";"),
        other => other.to_string(),
    }
}

fn written(kind: Kind, json: &Json) -> Option<String> {
    match (kind, json) {
        (_, Json::Null) => None,
        (Kind::Flag, json) => Some(u8::from(json == true).to_string()),
        (Kind::Tags, Json::Array(tags)) => Some(join(tags.iter().filter_map(Json::as_str).map(str::to_owned), ";")),
        (Kind::Colors, Json::Object(colors)) => {
            Some(join(colors.iter().map(|(tag, color)| format!("{tag}:{}", color.as_str().unwrap_or_default())), ";"))
        }
        (Kind::Properties(members), json) => {
            let members =
                members.iter().filter_map(|m| Some(format!("{}={}", m.name, written(m.kind, &json[m.attribute])?)));
            Some(join(members, ","))
        }
        (Kind::Number, Json::Number(number)) => Some(plain(number)),
        (_, Json::String(text)) => Some(text.clone()),
        (_, json) => Some(json.to_string()),
    }
}

/// Proxmox expects 1024, not 1024.0. An integer is not rounded to what a float can hold.
fn plain(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => value.to_string(),
        _ => number.to_string(),
    }
}

fn read(kind: Kind, entry: Entry<'_>, name: &str) -> Json {
    match kind {
        Kind::Text => entry.text(name).filter(|text| !text.is_empty()).map_or(Json::Null, Json::String),
        Kind::Flag => entry.flag(name).map_or(Json::Null, Json::Bool),
        Kind::Number => match (entry.integer(name), entry.number(name)) {
            (Some(whole), _) => Json::from(whole),
            (None, Some(value)) => Json::from(value),
            (None, None) => Json::Null,
        },
        Kind::Tags => match entry.json(name) {
            Json::Array(tags) => Json::Array(tags.clone()),
            Json::String(tags) if !tags.is_empty() => tags.split([';', ',', ' ']).map(Json::from).collect(),
            _ => Json::Null,
        },
        Kind::Colors => entry.text(name).filter(|text| !text.is_empty()).map_or(Json::Null, |text| {
            let colors = text.split(';').filter_map(|one| one.split_once(':'));
            let colors: Map<String, Json> = colors.map(|(tag, color)| (tag.to_owned(), Json::from(color))).collect();
            // What has no tag and color is no map: written, it would be an empty option.
            if colors.is_empty() { Json::Null } else { Json::Object(colors) }
        }),
        Kind::Properties(members) => {
            let parsed;
            let object = match entry.json(name) {
                object @ Json::Object(_) => object,
                // `bwlimit` and `location` come as they were sent; an emptied option reads back as "".
                Json::String(text) if !text.is_empty() => {
                    parsed = properties(text, members);
                    &parsed
                }
                _ => return Json::Null,
            };
            let members: Map<String, Json> =
                members.iter().map(|m| (m.attribute.to_owned(), read(m.kind, Entry(object), m.name))).collect();
            // A block without a member can't be configured.
            if members.values().all(Json::is_null) { Json::Null } else { Json::Object(members) }
        }
    }
}

/// A property string as object; a value without key belongs to the first property.
fn properties(text: &str, members: &[Opt]) -> Json {
    let default_key = members.first().map_or("", |m| m.name);
    let pairs =
        text.split(',').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((default_key, part)));
    Json::Object(pairs.map(|(key, value)| (key.to_owned(), Json::from(value))).collect())
}

fn join(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_large_integer_is_written_as_it_was_read() {
        let options = from_api(&json!({"next-id": "lower=55555555595555555"})).unwrap();
        assert_eq!(to_params(&options).value("next-id"), Some("lower=55555555595555555"));
    }

    #[test]
    fn a_color_map_without_colors_is_none() {
        assert_eq!(from_api(&json!({"tag-style": "color-map=a"})).unwrap().tag_style, None);
    }

    #[test]
    fn reads_what_a_cluster_answers() {
        let options = from_api(&json!({
            "bwlimit": "migration=1024,restore=10.5", "crs": {"ha": "static", "ha-auto-rebalance": 1,
            "ha-auto-rebalance-threshold": "30", "ha-rebalance-on-start": 1}, "description": "my notes\nline2:x\n",
            "ha": {"shutdown_policy": "migrate"}, "location": "latitude=48.2,longitude=16.3,name=Vienna",
            "mac_prefix": "BC:24:11", "max_workers": "4", "migration": {"network": "10.0.0.0/24", "type": "secure"},
            "next-id": "", "registered-tags": ["b", "a"],
            "user-tag-access": {"user-allow": "list", "user-allow-list": ["z", "y"]}, "allowed-tags": ["a", "b"],
            "tag-style": {"color-map": "x:000000;y:ffffff:000000", "case-sensitive": 0}
        }))
        .unwrap();
        assert_eq!(options.max_workers, Some(4));
        assert_eq!(options.next_id, None);
        let params = to_params(&options);
        assert_eq!(params.value("bwlimit"), Some("restore=10.5,migration=1024"));
        assert_eq!(
            params.value("crs"),
            Some("ha=static,ha-rebalance-on-start=1,ha-auto-rebalance=1,ha-auto-rebalance-threshold=30")
        );
        assert_eq!(params.value("location"), Some("latitude=48.2,longitude=16.3,name=Vienna"));
        assert_eq!(params.value("registered-tags"), Some("a;b"));
        assert_eq!(params.value("tag-style"), Some("color-map=x:000000;y:ffffff:000000,case-sensitive=0"));
        assert_eq!(
            from_api(&json!({"migration": "insecure,network=::/0"})).unwrap().migration.unwrap().r#type,
            "insecure"
        );
    }

    #[test]
    fn an_option_without_any_property_is_not_set() {
        let options = from_api(&json!({"crs": {}, "bwlimit": "", "notify": {"new-in-the-next-release": "1"}})).unwrap();
        assert_eq!(options, DatacenterOptions::default());
    }

    #[test]
    fn what_is_not_in_the_table_is_named_and_kept_in_a_write() {
        let answer = json!({"crs": {"ha": "static", "zone-aware": 1, "zones": ["a", "b"]}, "location": "latitude=1,longitude=2,alt=9",
            "allowed-tags": [], "description": "", "site": "x", "gone": null});
        assert_eq!(unknown(&answer), ["crs.zone-aware", "crs.zones", "location.alt", "site"]);
        let option = |name| OPTIONS.iter().find(|option| option.name == name).unwrap();
        assert_eq!(option("crs").with_unknown("ha=basic", &answer), "ha=basic,zone-aware=1,zones=a;b");
        assert_eq!(option("location").with_unknown("", &answer), "alt=9");
        assert_eq!(option("ha").with_unknown("shutdown_policy=migrate", &answer), "shutdown_policy=migrate");
    }

    #[test]
    fn the_table_has_every_attribute_of_the_struct() {
        let schema = schemars::schema_for!(DatacenterOptions).to_value();
        let properties: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(properties, OPTIONS.iter().map(|o| o.attribute).collect::<Vec<_>>());
        let full: DatacenterOptions = serde_json::from_value(json!({})).unwrap();
        assert_eq!(full, DatacenterOptions::default());
    }
}
