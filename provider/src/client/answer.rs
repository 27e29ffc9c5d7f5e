//! Proxmox's envelope: `{"data": …}` or a status with `message` and `errors`.

use std::collections::BTreeMap;

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::{Error, Kind};
use super::texts;
use super::transport::Answer;

/// The body of a success.
#[derive(Clone, Debug)]
pub(super) struct Success {
    body: Bytes,
}

/// Tells success and failure apart.
pub(super) fn judge(method: &Method, path: &str, answer: Answer) -> Result<Success, Error> {
    let Answer { status, reason, body } = answer;
    if (200..300).contains(&status) {
        return Ok(Success { body });
    }
    let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
    // Before libpve-http-server-perl 5.2.0 the words are in the status line alone; 401, 595 and
    // the like have an empty body to this day.
    let message = match refusal.message {
        Some(Value::String(message)) if !message.trim().is_empty() => message,
        _ => reason,
    };
    let errors: BTreeMap<String, String> = match refusal.errors {
        Some(Value::Object(errors)) => errors
            .into_iter()
            .map(|(name, text)| match text {
                Value::String(text) => (name, text),
                other => (name, other.to_string()),
            })
            .collect(),
        _ => BTreeMap::new(),
    };
    let kind = texts::meaning(method, status, &message, errors.values().map(String::as_str));
    let message = message.trim().to_owned();
    Err(Error::new(kind, method, path, message).with_answer(status, errors))
}

#[derive(Default, Deserialize)]
struct Refusal {
    message: Option<Value>,
    errors: Option<Value>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl Success {
    /// The payload's JSON text; `null` if there is none.
    pub(super) fn data(&self) -> Result<&RawValue, serde_json::Error> {
        let envelope: Envelope<'_> = serde_json::from_slice(&self.body)?;
        Ok(envelope.data.unwrap_or(RawValue::NULL))
    }

    #[cfg(test)]
    pub(super) fn of(body: &'static str) -> Self {
        let body = Bytes::from_static(body.as_bytes());
        Self { body }
    }

    /// The payload, typed.
    pub(super) fn typed<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.data()?.get())
    }
}

/// The answer to a read is not what it should be.
pub(super) fn garbled(method: &Method, path: &str, error: &serde_json::Error) -> Error {
    let message = format!("the answer can't be read: {error}");
    Error::new(Kind::Garbled, method, path, message).with_answer(200, BTreeMap::new())
}
