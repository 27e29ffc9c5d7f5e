//! How a call fails: one status, one text, and for parameter errors a map from parameter to text.
//!
//! Invariant: the reason phrase is always the first line of the message, as pveproxy does it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What an endpoint answers.
pub type ApiResult<T = Value> = Result<T, ApiError>;

/// A refused or failed call.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{code} {message}")]
pub struct ApiError {
    pub code: u16,
    /// The full text of `message` in the body, usually with its trailing line feed.
    pub message: String,
    /// Per-parameter texts of a failed parameter check.
    pub errors: BTreeMap<String, String>,
    /// The shape of the body.
    pub body: ErrorBody,
}

/// The shapes of body an error can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorBody {
    /// `{"data":null,"message":…}`, plus `errors` where there are any.
    Json,
    /// The message itself, without a Content-Type.
    Text,
    Empty,
}

impl ApiError {
    /// An error with a JSON body; `message` is used unchanged.
    pub fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), errors: BTreeMap::new(), body: ErrorBody::Json }
    }

    /// A Perl `die "text\n"`: status 500. The line feed is added here.
    pub fn die(text: impl AsRef<str>) -> Self {
        Self::new(500, format!("{}\n", text.as_ref()))
    }

    /// `raise_param_exc`: status 400 with one text per parameter.
    pub fn params<K: Into<String>, V: Into<String>>(errors: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut error = Self::new(400, "Parameter verification failed.\n");
        error.errors = errors.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        error
    }

    pub fn param(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::params([(name, text)])
    }

    /// `raise_perm_exc`: status 403, the reason in brackets.
    pub fn permission(what: Option<&str>) -> Self {
        match what {
            Some(what) => Self::new(403, format!("Permission check failed ({what})\n")),
            None => Self::new(403, "Permission check failed\n"),
        }
    }

    /// A 401: pveproxy sends it without a body.
    pub fn unauthorized(reason: &str) -> Self {
        Self { body: ErrorBody::Empty, ..Self::new(401, reason) }
    }

    /// The path or method exists nowhere in the tree; the message has no line feed.
    pub fn not_implemented(method: &str, path: &str) -> Self {
        Self::new(501, format!("Method '{method} {path}' not implemented"))
    }

    /// What the proxy itself says about a backend it could not use: an empty body.
    pub fn proxy(code: u16, reason: &str) -> Self {
        Self { body: ErrorBody::Empty, ..Self::new(code, reason) }
    }

    /// The same error as text in front of which a caller has put its own words. A nested exception passes through
    /// `die "prefix: $err"` as a string, so the status becomes 500, its code the text's first word, and the
    /// parameter texts become lines.
    #[must_use]
    pub fn prefixed(self, prefix: &str) -> Self {
        Self::new(500, format!("{prefix}{}", self.stringified()))
    }

    /// `PVE::Exception` as a string.
    #[must_use]
    pub fn stringified(&self) -> String {
        let mut text = match self.code {
            500 => self.message.clone(),
            code => format!("{code} {}", self.message),
        };
        for (name, error) in &self.errors {
            text.push_str(&format!("{name}: {error}\n"));
        }
        text
    }

    /// The reason phrase of the status line.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    /// The body's bytes and whether they are JSON.
    #[must_use]
    pub fn render(&self) -> (String, bool) {
        match self.body {
            ErrorBody::Empty => (String::new(), false),
            ErrorBody::Text => (self.message.clone(), false),
            ErrorBody::Json => {
                let mut body = Map::new();
                body.insert("data".into(), Value::Null);
                body.insert("message".into(), json!(self.message));
                if !self.errors.is_empty() {
                    body.insert("errors".into(), json!(self.errors));
                }
                (Value::Object(body).to_string(), true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixing_turns_an_exception_into_text() {
        let inner =
            ApiError { errors: [("a".into(), "b".into())].into(), ..ApiError::new(400, "Rule 'x' is invalid.\n") };
        let outer = inner.prefixed("create ha rule failed: ");
        assert_eq!(outer.code, 500);
        assert_eq!(outer.message, "create ha rule failed: 400 Rule 'x' is invalid.\na: b\n");
        assert_eq!(outer.reason(), "create ha rule failed: 400 Rule 'x' is invalid.");
    }
}
