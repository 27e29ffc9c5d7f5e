//! The tree of values that plans and states are made of.

mod de;
mod json;
mod number;
mod ser;

use std::collections::BTreeMap;

pub use de::ModelError;
pub use number::Number;
pub use ser::As;

/// A value of Terraform's type system. A secret is an ordinary string here, so values are never logged.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Value {
    /// Not set.
    #[default]
    Null,
    /// Not known before apply.
    Unknown,
    Bool(bool),
    /// A decimal number of any size.
    Number(Number),
    String(String),
    /// An ordered collection.
    List(Vec<Value>),
    /// An unordered collection without duplicates; kept sorted, so that equality is the equality of sets.
    /// Make one by [`Value::set`].
    Set(Vec<Value>),
    /// A map by key, or an object by attribute name.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// A set: sorted and without duplicates. Two elements that aren't wholly known may yet turn out to differ, so both
    /// are kept, as core does.
    pub fn set(elements: impl IntoIterator<Item = Value>) -> Self {
        let mut elements: Vec<Value> = elements.into_iter().collect();
        elements.sort();
        elements.dedup_by(|a, b| a == b && a.is_wholly_known());
        Self::Set(elements)
    }

    /// An object or map of the given members.
    pub fn object<K: Into<String>>(members: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(members.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// The member `name` of an object; null where this is no object or has no such member.
    pub fn at(&self, name: &str) -> &Value {
        const NULL: &Value = &Value::Null;
        self.as_map().and_then(|members| members.get(name)).unwrap_or(NULL)
    }

    /// Sets the member `name` of an object. Does nothing on any other value.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) {
        if let Self::Map(members) = self {
            members.insert(name.into(), value);
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether this itself is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Whether nothing in this tree is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::List(elements) | Self::Set(elements) => elements.iter().all(Self::is_wholly_known),
            Self::Map(members) => members.values().all(Self::is_wholly_known),
            _ => true,
        }
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if this is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The members, if this is a map or object.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Value>> {
        match self {
            Self::Map(members) => Some(members),
            _ => None,
        }
    }

    /// The elements, if this is a list or set.
    pub fn elements(&self) -> Option<&[Value]> {
        match self {
            Self::List(elements) | Self::Set(elements) => Some(elements),
            _ => None,
        }
    }
}

/// Says the shape, never the content: it might be a secret.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Unknown => f.write_str("(known after apply)"),
            #[cfg(test)]
            Self::Bool(value) => write!(f, "{value}"),
            #[cfg(test)]
            Self::Number(number) => write!(f, "{number}"),
            #[cfg(test)]
            Self::String(text) => write!(f, "{text:?}"),
            #[cfg(not(test))]
            Self::Bool(_) => f.write_str("bool"),
            #[cfg(not(test))]
            Self::Number(_) => f.write_str("number"),
            #[cfg(not(test))]
            Self::String(_) => f.write_str("string"),
            Self::List(elements) | Self::Set(elements) => f.debug_list().entries(elements).finish(),
            Self::Map(members) => f.debug_map().entries(members).finish(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(Number::from(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_equal_whatever_their_order() {
        let a = Value::set(["b", "a", "b"].map(Value::from));
        let b = Value::set(["a", "b"].map(Value::from));
        assert_eq!(a, b);
    }

    #[test]
    fn unknown_elements_of_a_set_may_yet_differ() {
        let set = Value::set([Value::Unknown, "a".into(), Value::Unknown]);
        assert_eq!(set.elements().map(<[Value]>::len), Some(3));
    }

    #[test]
    fn a_missing_member_reads_as_null() {
        assert!(Value::object([("a", Value::from(true))]).at("b").is_null());
        assert!(Value::Unknown.at("b").is_null());
    }
}
