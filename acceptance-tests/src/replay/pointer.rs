//! RFC 6901 pointers with the two additions of the recordings: `*` and `[key=value]`.

use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer(Vec<Token>);

/// One step of a pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Every member.
    Any,
    /// The array elements whose `key` has the value.
    Where(String, String),
    /// The member of that name, or the element of that index.
    Name(String),
}

impl Pointer {
    /// Reads a pointer; text that doesn't begin with a slash is read as if it did.
    pub(super) fn parse(text: &str) -> Self {
        Self(
            text.trim_start_matches('/')
                .split('/')
                .filter(|_| !text.trim_start_matches('/').is_empty())
                .map(Token::parse)
                .collect(),
        )
    }

    /// The first value that the pointer names.
    pub(super) fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        find(&self.0, value)
    }
}

/// A pointer on its way down a document: what is left of it at this place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trail<'p>(&'p [Token]);

impl<'p> Trail<'p> {
    pub(super) fn at_root(pointer: &'p Pointer) -> Self {
        Self(&pointer.0)
    }

    /// Whether the pointer names this very place.
    pub(super) fn ends_here(self) -> bool {
        self.0.is_empty()
    }

    /// What is left inside the object member `name`.
    pub(super) fn member(self, name: &str) -> Option<Self> {
        let (first, rest) = self.0.split_first()?;
        let fits = match first {
            Token::Any => true,
            Token::Name(own) => own == name,
            Token::Where(..) => false,
        };
        fits.then_some(Self(rest))
    }

    /// What is left inside the array element `value` with that index.
    pub(super) fn element(self, index: usize, value: &Value) -> Option<Self> {
        let (first, rest) = self.0.split_first()?;
        first.fits_element(index, value).then_some(Self(rest))
    }
}

impl Token {
    fn parse(text: &str) -> Self {
        let text = text.replace("~1", "/").replace("~0", "~");
        if text == "*" {
            return Self::Any;
        }
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match inner.and_then(|inner| inner.split_once('=')) {
            Some((key, value)) => Self::Where(key.to_owned(), value.to_owned()),
            None => Self::Name(text),
        }
    }

    fn fits_element(&self, index: usize, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Name(own) => own.parse() == Ok(index),
            Self::Where(key, expected) => value.get(key).is_some_and(|found| as_text(found) == *expected),
        }
    }
}

/// A value as the text that a pointer or a wait compares it with.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn find<'v>(tokens: &[Token], value: &'v Value) -> Option<&'v Value> {
    let Some((first, rest)) = tokens.split_first() else { return Some(value) };
    match value {
        Value::Object(members) => match first {
            Token::Any => members.values().find_map(|member| find(rest, member)),
            Token::Name(name) => members.get(name).and_then(|member| find(rest, member)),
            Token::Where(..) => None,
        },
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .filter(|(index, element)| first.fits_element(*index, element))
            .find_map(|(_, element)| find(rest, element)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_what_the_additions_name() {
        let value = json!({"data": [{"id": "node/pve1", "online": 0}, {"id": "lrm:pve2", "x": {"y": "z"}}]});
        let found = |text: &str| Pointer::parse(text).find(&value).map(as_text);
        assert_eq!(found("/data/[id=node~1pve1]/online"), Some("0".to_owned()));
        assert_eq!(found("/data/[id=lrm:pve2]/x/y"), Some("z".to_owned()));
        assert_eq!(found("/data/*/x/*"), Some("z".to_owned()));
        assert_eq!(found("/data/1/id"), Some("lrm:pve2".to_owned()));
        assert_eq!(found("/data/[id=none]/online"), None);
        assert_eq!(found("").map(|text| text.starts_with("{\"data\"")), Some(true));
    }
}
