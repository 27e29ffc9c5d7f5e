//! `name=NAME,value=BASE64`: how headers and secrets of webhooks are given and kept.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A header or a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) name: String,
    /// As it is kept: encoded, or what was given in place of that.
    pub(super) value: Option<String>,
}

impl Pair {
    /// # Errors
    /// The complaint of proxmox-schema.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (mut name, mut value) = (None, None);
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (key, text) =
                part.split_once('=').ok_or("value without key, but schema does not define a default key")?;
            let slot = match key {
                "name" => &mut name,
                "value" => &mut value,
                other => return Err(format!("unknown key \"{other}\"")),
            };
            if slot.replace(text.to_owned()).is_some() {
                return Err(format!("duplicate field `{key}`"));
            }
        }
        Ok(Self { name: name.ok_or("missing field `name`")?, value })
    }

    /// Whether there is a value at all.
    pub(super) fn is_empty(&self) -> bool {
        self.value.as_ref().is_none_or(String::is_empty)
    }

    /// The value in clear.
    pub(super) fn decode(&self) -> Option<String> {
        decode(self.value.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "name={}", self.name)?;
        self.value.iter().try_for_each(|value| write!(f, ",value={value}"))
    }
}

/// The text that is encoded in base64.
pub(super) fn decode(text: &str) -> Option<String> {
    STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_a_property_string() {
        let pair = Pair::parse("value=eA==,name=A b").unwrap();
        assert_eq!((pair.to_string().as_str(), pair.decode().as_deref()), ("name=A b,value=eA==", Some("x")));
        assert!(Pair::parse("name=a").unwrap().is_empty() && Pair::parse("name=a,value=").unwrap().is_empty());
        assert_eq!(Pair::parse("A: b").unwrap_err(), "value without key, but schema does not define a default key");
        assert_eq!(Pair::parse("value=x").unwrap_err(), "missing field `name`");
        assert_eq!(Pair::parse("name=a,z=1").unwrap_err(), "unknown key \"z\"");
    }
}
