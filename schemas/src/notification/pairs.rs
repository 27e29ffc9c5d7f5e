//! Headers, secrets and the body of a webhook: in clear here, encoded in base64 at Proxmox.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::rest::{Params, Wire};
use crate::value::Properties;

/// The headers by name. Null is the same as none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub Option<BTreeMap<String, String>>);

/// The secrets by name. Null is the same as none.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secrets(pub Option<BTreeMap<String, String>>);

/// A text that is kept encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Body(pub String);

/// A secret that is kept as it is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

/// `name=NAME,value=BASE64` for each.
fn encoded(pairs: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    pairs.iter().map(|(name, value)| format!("name={name},value={}", STANDARD.encode(value)))
}

/// The pairs of an array of `name=NAME,value=BASE64`; one without a value has an empty one.
///
/// Proxmox checks neither the encoding nor that a name is there once. What is not encoded is taken as it is, and the values of
/// one name are lines: no configuration has either, so that the next apply writes the configured value.
fn decoded(name: &'static str, entry: &Properties<'_>) -> Result<BTreeMap<String, String>, String> {
    let mut pairs = BTreeMap::<String, String>::new();
    for element in entry.json(name).as_array().into_iter().flatten() {
        let text = element.as_str().ok_or_else(|| format!("{name} is not an array of texts"))?;
        let (mut key, mut value) = (None, "");
        for part in text.split(',').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("name", name)) => key = Some(name),
                Some(("value", text)) => value = text,
                // The value may be a secret.
                _ => return Err(format!("an element of {name} is not name=NAME,value=BASE64")),
            }
        }
        let key = key.ok_or_else(|| format!("an element of {name} has no name"))?;
        let value = decode(value);
        match pairs.get_mut(key) {
            Some(first) => *first = format!("{first}\n{value}"),
            None => drop(pairs.insert(key.to_owned(), value)),
        }
    }
    Ok(pairs)
}

fn decode(text: &str) -> String {
    let clear = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    clear.unwrap_or_else(|| text.to_owned())
}

impl Wire for Headers {
    fn write(&self, name: &'static str, params: &mut Params) {
        if let Some(pairs) = &self.0 {
            params.set_all(name, encoded(pairs));
        }
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        let pairs = decoded(name, entry)?;
        Ok(Some(Self((!pairs.is_empty()).then_some(pairs))))
    }
}

/// Proxmox returns the names only.
impl Wire for Secrets {
    fn write(&self, name: &'static str, params: &mut Params) {
        if let Some(pairs) = &self.0 {
            params.set_all(name, encoded(pairs));
        }
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        let names = decoded(name, entry)?.into_keys();
        Ok(Some(Self(Some(names.map(|name| (name, String::new())).collect()))))
    }
}

/// An empty text is the same as none.
impl Wire for Body {
    fn write(&self, name: &'static str, params: &mut Params) {
        if !self.0.is_empty() {
            params.set(name, STANDARD.encode(&self.0));
        }
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        Ok(entry.text(name).map(|text| Self(decode(&text))))
    }
}

/// Proxmox never returns it. An empty one is kept, unlike none.
impl Wire for Secret {
    fn write(&self, name: &'static str, params: &mut Params) {
        params.set(name, &self.0);
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        entry.skip(&[name]);
        Ok(None)
    }
}

/// A write-only attribute: it is in no answer.
pub(super) fn never<T: Default>(_: &Properties<'_>) -> Result<T, String> {
    Ok(T::default())
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().flatten().map(|(name, _)| name)).finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

fn pairs(value: &str) -> Schema {
    json_schema!({
        "type": ["object", "null"],
        "minProperties": 1,
        "propertyNames": {"format": "pve-webhook-name"},
        "additionalProperties": {"type": "string", "minLength": 1, "format": value},
    })
}

impl JsonSchema for Headers {
    fn schema_name() -> Cow<'static, str> {
        "Headers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        pairs("pve-webhook-header")
    }
}

impl JsonSchema for Secrets {
    fn schema_name() -> Cow<'static, str> {
        "Secrets".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        pairs("pve-notification-secret")
    }
}

impl JsonSchema for Body {
    fn schema_name() -> Cow<'static, str> {
        "Body".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "pve-webhook-template"})
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "pve-notification-secret"})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn written(value: &impl Wire) -> Vec<String> {
        let mut params = Params::new();
        value.write("x", &mut params);
        params.iter().map(|(_, value)| value.to_owned()).collect()
    }

    fn read<T: Wire>(property: Json) -> Result<Option<T>, String> {
        T::read("x", &Properties::of(&json!({"x": property})))
    }

    fn map(pairs: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
        Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn headers_and_bodies_are_in_clear() {
        let headers = Headers(map(&[("Content-Type", "application/json"), ("X-Auth", "Bearer {{ secrets.tok }}")]));
        let array =
            ["name=Content-Type,value=YXBwbGljYXRpb24vanNvbg==", "name=X-Auth,value=QmVhcmVyIHt7IHNlY3JldHMudG9rIH19"];
        assert_eq!(written(&headers), array);
        assert_eq!(read(json!(array)), Ok(Some(headers)));
        assert_eq!(read::<Headers>(Json::Null), Ok(Some(Headers(None))));
        let body = Body("{\"text\":\"ü\"}\n".to_owned());
        assert_eq!(read(json!(written(&body)[0])), Ok(Some(body)));
        assert_eq!(written(&Body(String::new())), [""; 0]);
    }

    #[test]
    fn what_proxmox_stores_unchecked_differs_from_every_configuration() {
        let headers = |array: Json| read::<Headers>(array).unwrap().unwrap().0;
        assert_eq!(headers(json!(["name=A,value=not base64!"])), map(&[("A", "not base64!")]));
        assert_eq!(headers(json!(["name=A,value=eA==", "value=eQ==,name=A"])), map(&[("A", "x\ny")]));
        assert_eq!(headers(json!(["name=A"])), map(&[("A", "")]));
        assert!(read::<Headers>(json!(["A: b"])).is_err() && read::<Headers>(json!(["value=eA=="])).is_err());
    }

    #[test]
    fn of_secrets_only_names_are_read_and_shown() {
        let secrets = Secrets(map(&[("tok", "hunter2")]));
        assert_eq!(written(&secrets), ["name=tok,value=aHVudGVyMg=="]);
        assert_eq!(read(json!(["name=tok"])), Ok(Some(Secrets(map(&[("tok", "")])))));
        assert_eq!(read(Json::Null), Ok(Some(Secrets(map(&[])))));
        let secret = Secret("hunter2".to_owned());
        assert_eq!(written(&secret), ["hunter2"]);
        assert_eq!(written(&Secret(String::new())), [""]);
        assert_eq!(read::<Secret>(json!("x")), Ok(None));
        assert_eq!(format!("{secrets:?} {secret:?} {secret}"), "{\"tok\"} … …");
    }
}
