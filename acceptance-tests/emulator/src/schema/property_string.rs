//! Property strings: `key=value,key=value`, read as `parse_property_string` of `PVE::JSONSchema` reads them.

use serde_json::{Map, Value};

use super::check::Errors;
use super::{Kind, Prop, Schema};

/// Reads `text`. Booleans become the numbers 0 and 1; all other values are strings.
///
/// # Errors
/// Proxmox's complaint, with its line feeds.
pub fn parse(keys: &Schema, text: &str, path: &str) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    for part in text.split(',') {
        if part.trim().is_empty() {
            continue;
        }
        let (key, value) = match part.split_once('=') {
            Some((key, value)) if !key.is_empty() && !value.is_empty() => (key.to_owned(), value.to_owned()),
            Some(_) => return Err("missing key in comma-separated list property\n".into()),
            None => {
                let default = keys.props.iter().find(|(_, prop)| prop.default_key);
                let (key, _) = default.ok_or("value without key, but schema does not define a default key\n")?;
                ((*key).to_owned(), part.to_owned())
            }
        };
        if found.contains_key(&key) {
            return Err(format!("duplicate key in comma-separated list property: {key}\n"));
        }
        let flag = keys.find(&key).filter(|prop| is_boolean(prop)).and_then(|_| boolean(&value));
        let value = flag.map_or(Value::String(value), |flag| Value::from(u8::from(flag == "1")));
        found.insert(key, value);
    }
    let mut errors = Errors::new();
    keys.check(path, &found, &mut errors);
    if errors.is_empty() {
        let Some(validator) = keys.validator else { return Ok(found) };
        return validator(found).map_err(|text| format!("{text}\n"));
    }
    let lines: String = errors.iter().map(|(key, text)| format!("{key}: {text}\n")).collect();
    Err(format!("format error\n{lines}"))
}

fn is_boolean(prop: &Prop) -> bool {
    matches!(prop.kind, Kind::Boolean)
}

/// Writes a property string as `print_property_string` does: the default key first and bare, then what is required,
/// then the rest, each in order of name.
#[must_use]
pub fn print(keys: &Schema, values: &Map<String, Value>) -> String {
    let mut parts = Vec::new();
    let rank = |name: &str| match keys.find(name) {
        Some(prop) if prop.default_key => 0,
        Some(prop) if !prop.optional => 1,
        _ => 2,
    };
    let mut names: Vec<&String> = values.keys().collect();
    names.sort_by_key(|name| (rank(name), (*name).clone()));
    for name in names {
        let value = super::check::perl_text(&values[name]);
        parts.push(if rank(name) == 0 { value } else { format!("{name}={value}") });
    }
    parts.join(",")
}

/// `parse_boolean`: the words a property string takes for true and false.
#[must_use]
pub fn boolean(text: &str) -> Option<&'static str> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" => Some("1"),
        "0" | "off" | "no" | "false" => Some("0"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys() -> Schema {
        Schema::new()
            .req("type", Prop::choice(&["secure", "insecure"]).default_key())
            .opt("flag", Prop::boolean())
            .opt("more", Prop::string().requires("flag"))
    }

    #[test]
    fn values_without_key_go_to_the_default_key() {
        let found = parse(&keys(), "secure,flag=yes,", "m").unwrap();
        assert_eq!(print(&keys(), &found), "secure,flag=1");
        assert_eq!(Value::Object(found), json!({"type": "secure", "flag": 1}));
    }

    #[test]
    fn a_validator_has_the_last_word() {
        let keys = keys().validated(|mut values| match values.shift_remove("more") {
            Some(_) => Err("more is too much".to_owned()),
            None => Ok(values),
        });
        assert_eq!(parse(&keys, "secure,flag=0,more=1", "m"), Err("more is too much\n".to_owned()));
        assert!(parse(&keys, "bogus,flag=0,more=1", "m").unwrap_err().starts_with("format error\n"));
        assert!(parse(&keys, "secure", "m").is_ok());
    }

    #[test]
    fn complaints() {
        let complaint = |text| parse(&keys(), text, "m").unwrap_err();
        assert_eq!(complaint("secure,type=x"), "duplicate key in comma-separated list property: type\n");
        let unknown = "property is not defined in schema and the schema does not allow additional properties";
        assert_eq!(complaint("secure,x=1"), format!("format error\nm.x: {unknown}\n"));
        assert_eq!(complaint("type="), "missing key in comma-separated list property\n");
        assert_eq!(complaint(""), "format error\nm.type: property is missing and it is not optional\n");
        assert_eq!(complaint("secure,more=1"), "format error\nm.flag: missing property required by 'm.more'\n");
    }
}
