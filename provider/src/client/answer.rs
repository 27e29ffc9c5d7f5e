//! Proxmox's envelope: `{"data": …}` or a status with `message` and `errors`.

use std::collections::BTreeMap;

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::{Error, ErrorKind};
use super::transport::Answer;
use super::{foreign, texts};

/// The body of a success.
#[derive(Clone, Debug)]
pub(super) struct Success {
    body: Bytes,
}

/// Distinguishes success and failure.
pub(super) fn judge(method: &Method, path: &str, answer: Answer) -> Result<Success, Error> {
    if let Some(sign) = foreign::sign(method, path, &answer) {
        let Answer { status, reason, .. } = answer;
        return Err(Error::new(ErrorKind::Foreign, method, path, reason)
            .with_answer(status, BTreeMap::new())
            .with_note(sign));
    }
    let is_gateway = foreign::is_page(&answer) || (answer.status >= 500 && foreign::is_other_json(&answer));
    let Answer { status, reason, body, .. } = answer;
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
    let mut errors: BTreeMap<String, String> = match refusal.errors {
        Some(Value::Object(errors)) => errors
            .into_iter()
            .map(|(name, text)| match text {
                Value::String(text) => (name, text),
                other => (name, other.to_string()),
            })
            .collect(),
        _ => BTreeMap::new(),
    };
    // A proxy's own answer instead of pveproxy's to a write.
    let kind = if is_gateway { ErrorKind::Ambiguous } else { texts::meaning(method, status, &message, &errors) };
    let mut message = message.trim().to_owned();
    if let Some((first, named)) = texts::parameters_in(&message).filter(|_| status == 500 && errors.is_empty()) {
        (errors, message) = (named, first.to_owned());
    }
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
    /// The payload's JSON text; `null` without one.
    pub(super) fn data(&self) -> Result<&RawValue, serde_json::Error> {
        let envelope: Envelope<'_> = serde_json::from_slice(&self.body)?;
        Ok(envelope.data.unwrap_or(RawValue::NULL))
    }

    #[cfg(test)]
    pub(super) fn of(body: &'static str) -> Self {
        let body = Bytes::from_static(body.as_bytes());
        Self { body }
    }

    pub(super) fn typed<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.data()?.get())
    }
}

/// The answer to a read is not what it should be.
pub(super) fn unexpected(method: &Method, path: &str, error: serde_json::Error) -> Error {
    let message = format!("the response can't be read: {error}");
    let unexpected = Error::new(ErrorKind::UnexpectedResponse, method, path, message);
    unexpected.with_answer(200, BTreeMap::new()).because(error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::client::{Collection, Listing};

    /// Everything that is done to an answer.
    fn digest(status: u16, body: Vec<u8>) {
        for method in [Method::GET, Method::POST] {
            let answer =
                Answer { status, reason: "x".to_owned(), headers: HeaderMap::new(), body: body.clone().into() };
            if let Ok(success) = judge(&method, "/x", answer) {
                let _ = success.typed::<Value>();
                let _ = Listing::parse(Collection::HaResources, &success).and_then(|listing| listing.all::<Value>());
                let _ = Listing::parse(Collection::DatacenterOptions, &success)
                    .and_then(|listing| listing.object::<Value>());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: crate::fuzz::tests::cases(), failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_bytes_make_it_panic(status in 100u16..1000, body in any::<Vec<u8>>()) {
            digest(status, body);
        }

        #[test]
        fn no_text_of_the_right_letters_makes_it_panic(
            status in prop_oneof![Just(200u16), Just(400), Just(500)],
            body in r#"[\[\]{}",:0-9a-z\\u ]{0,40}"#,
            framed in any::<bool>(),
        ) {
            let body = if framed { format!(r#"{{"data":{body}}}"#) } else { body };
            digest(status, body.into_bytes());
        }
    }

    #[test]
    fn an_unexpected_response_keeps_the_error_of_the_parser() {
        let error = Listing::parse(Collection::HaResources, &Success::of(r#"{"data":"#)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
        assert!(crate::source::cause::<serde_json::Error>(&error).is_some_and(serde_json::Error::is_eof));
    }

    #[test]
    fn depth_is_refused_not_followed() {
        for (open, close) in [("[", "]"), (r#"{"data":"#, "}")] {
            let body = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            digest(200, body.clone().into_bytes());
            digest(500, body.clone().into_bytes());
            digest(200, format!(r#"{{"data":{body}}}"#).into_bytes());
        }
    }
}
