//! How values are written as parameters, and read from the properties of an entry: one impl for each type of value.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::{self, Display};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::Params;
use crate::value::{Properties, split};

/// A type of values that Proxmox takes as parameters and answers as properties.
pub trait Wire: Sized {
    /// Sets the parameter `name`, or several of that name.
    fn write(&self, name: &'static str, params: &mut Params);

    /// The value of the property `name`; `None` where it is not set.
    ///
    /// # Errors
    /// Says what of the property has an unexpected form.
    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String>;
}

/// The value of a property that every object has.
///
/// # Errors
/// Names the missing property, or says what of it has an unexpected form.
pub fn required<T: Wire>(name: &'static str, entry: &Properties<'_>) -> Result<T, String> {
    T::read(name, entry)?.ok_or_else(|| format!("{name} is missing"))
}

/// An empty text is the same as none.
impl Wire for String {
    fn write(&self, name: &'static str, params: &mut Params) {
        if !self.is_empty() {
            params.set(name, self);
        }
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        Ok(entry.text(name))
    }
}

impl Wire for bool {
    fn write(&self, name: &'static str, params: &mut Params) {
        params.flag(name, *self);
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        Ok(entry.flag(name))
    }
}

impl Wire for i64 {
    fn write(&self, name: &'static str, params: &mut Params) {
        params.set(name, self);
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        Ok(entry.integer(name))
    }
}

impl Wire for f64 {
    fn write(&self, name: &'static str, params: &mut Params) {
        params.set(name, self);
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        Ok(entry.number(name))
    }
}

/// An array: a parameter for each element, in this order. An empty one is the same as none.
impl Wire for Vec<String> {
    fn write(&self, name: &'static str, params: &mut Params) {
        params.set_all(name, self);
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        let Some(elements) = entry.json(name).as_array() else { return Ok(None) };
        let texts = elements.iter().map(|element| element.as_str().map(str::to_owned));
        texts.collect::<Option<_>>().map(Some).ok_or_else(|| format!("{name} is not an array of texts"))
    }
}

/// An array in which no order counts.
impl Wire for BTreeSet<String> {
    fn write(&self, name: &'static str, params: &mut Params) {
        params.set_all(name, self);
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        Ok(Vec::<String>::read(name, entry)?.filter(|elements| !elements.is_empty()).map(Self::from_iter))
    }
}

/// An element of a set that is one text in Proxmox.
pub trait InOneText: Display + FromStr<Err: Display> + Ord {}

impl InOneText for i64 {}

/// A text as an element of a set that is one text in Proxmox: a set of strings is an array there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Part(pub String);

impl InOneText for Part {}

impl Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Part {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl JsonSchema for Part {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// A list in one text, as Proxmox's `-list` formats are. An empty one is the same as none.
impl<T: InOneText> Wire for BTreeSet<T> {
    fn write(&self, name: &'static str, params: &mut Params) {
        if !self.is_empty() {
            params.set(name, self.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
        }
    }

    fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
        let Some(list) = entry.text(name) else { return Ok(None) };
        let elements = split(&list).map(|one| one.parse().map_err(|e| format!("{name} = {list:?}: {one:?}: {e}")));
        let elements = elements.collect::<Result<Self, _>>()?;
        Ok(Some(elements).filter(|elements| !elements.is_empty()))
    }
}

/// Makes an enum whose variants serde writes as Proxmox's words a type of values.
macro_rules! word {
    ($name:ty) => {
        impl $crate::rest::Wire for $name {
            fn write(&self, name: &'static str, params: &mut $crate::rest::Params) {
                if let Ok(serde_json::Value::String(word)) = serde_json::to_value(self) {
                    params.set(name, word);
                }
            }

            fn read(name: &'static str, entry: &$crate::value::Properties<'_>) -> Result<Option<Self>, String> {
                serde_json::from_value(entry.json(name).clone()).map_err(|e| format!("{name}: {e}"))
            }
        }
    };
}

pub(crate) use word;

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use serde::{Deserialize, Serialize};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::value::{ConfigId, NodePriorities, SidSet};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Mode {
        StartTls,
    }

    word!(Mode);

    fn written(value: &impl Wire) -> Vec<String> {
        let mut params = Params::new();
        value.write("x", &mut params);
        params.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    fn read<T: Wire>(property: Json) -> Result<Option<T>, String> {
        T::read("x", &Properties::of(&json!({"x": property})))
    }

    #[track_caller]
    fn is_the_same<T: Wire + Debug + PartialEq>(property: Json, value: T, parameters: &[&str]) {
        assert_eq!(written(&value), parameters);
        assert_eq!(read(property), Ok(Some(value)));
    }

    #[test]
    fn every_type_of_values_is_written_and_read() {
        is_the_same(json!("a b"), "a b".to_owned(), &["x=a b"]);
        is_the_same(json!(""), String::new(), &[]);
        is_the_same(json!(1), true, &["x=1"]);
        is_the_same(json!("0"), false, &["x=0"]);
        is_the_same(json!("7"), 7, &["x=7"]);
        is_the_same(json!("10.5"), 10.5, &["x=10.5"]);
        is_the_same(json!(10), 10.0, &["x=10"]);
        is_the_same(json!(["b", "a"]), vec!["b".to_owned(), "a".to_owned()], &["x=b", "x=a"]);
        is_the_same(json!(["b", "a"]), BTreeSet::from(["a", "b"].map(str::to_owned)), &["x=a", "x=b"]);
        is_the_same(json!("start-tls"), Mode::StartTls, &["x=start-tls"]);
        is_the_same(json!("101; 100"), BTreeSet::from([100, 101]), &["x=100,101"]);
        is_the_same(json!(100), BTreeSet::from([100]), &["x=100"]);
        is_the_same(json!("web"), "web".parse::<ConfigId>().unwrap(), &["x=web"]);
        is_the_same(json!("pve2:2,pve1"), NodePriorities::from_list("pve1,pve2:2").unwrap(), &["x=pve1,pve2:2"]);
        is_the_same(json!("vm:101;vm:100"), SidSet::from_list("vm:100,vm:101").unwrap(), &["x=vm:100,vm:101"]);
    }

    #[test]
    fn what_is_not_set_is_none_or_an_empty_list() {
        assert_eq!(read::<String>(Json::Null), Ok(None));
        assert_eq!(read::<Mode>(Json::Null), Ok(None));
        assert_eq!(read::<Vec<String>>(Json::Null), Ok(None));
        assert_eq!(read::<BTreeSet<String>>(json!([])), Ok(None));
        assert_eq!(read::<BTreeSet<i64>>(json!("")), Ok(None));
        assert_eq!(written(&BTreeSet::<i64>::new()), [""; 0]);
        assert_eq!(read(Json::Null), Ok(Some(SidSet::default())));
        assert_eq!(required::<i64>("x", &Properties::of(&json!({}))), Err("x is missing".to_owned()));
    }

    #[test]
    fn an_unexpected_form_names_the_property() {
        assert!(read::<Mode>(json!("tls")).unwrap_err().starts_with("x: unknown variant `tls`"));
        assert!(read::<ConfigId>(json!("1")).unwrap_err().starts_with("x = \"1\": must be"));
        assert_eq!(read::<Vec<String>>(json!([1])), Err("x is not an array of texts".to_owned()));
    }
}
