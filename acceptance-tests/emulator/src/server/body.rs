//! Parses query and body into parameters, with all the peculiarities of `PVE::APIServer::AnyEvent`.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::request::Parts;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde_json::{Map, Value};

use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::route::Method;

/// No body of a plain call may be larger.
const LIMIT: usize = 512 * 1024;

/// Reads the body.
///
/// # Errors
/// 501 for chunked or oversized bodies.
pub(crate) async fn read(head: &Parts, body: Incoming) -> ApiResult<Bytes> {
    if head.headers.contains_key(TRANSFER_ENCODING) {
        return Err(ApiError::proxy(501, "chunked transfer encoding not supported"));
    }
    let too_large = || ApiError::proxy(501, "for data too large");
    let length = head.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > LIMIT) {
        return Err(too_large());
    }
    match Limited::new(body, LIMIT).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(_) => Err(too_large()),
    }
}

/// Query and body as parameters. The query wins; GET and DELETE have no body.
///
/// # Errors
/// 506 for unknown content types, 500 for broken JSON; both with a plain text body.
pub(crate) fn params(head: &Parts, method: Method, body: &[u8]) -> ApiResult<Map<String, Value>> {
    let mut params = Map::new();
    if matches!(method, Method::Post | Method::Put) {
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        params = match content_type.split(';').next().unwrap_or_default().trim() {
            "" | "application/x-www-form-urlencoded" => urlencoded(&String::from_utf8_lossy(body)),
            "application/json" => json(body)?,
            other => {
                let text = format!("upload 'Content-Type '{other}' not implemented");
                return Err(ApiError { body: ErrorBody::Text, ..ApiError::new(506, text) });
            }
        };
    }
    params.extend(urlencoded(head.uri.query().unwrap_or_default()));
    params.shift_remove("_dc");
    Ok(params)
}

fn json(body: &[u8]) -> ApiResult<Map<String, Value>> {
    let refuse = |text: String| ApiError { body: ErrorBody::Text, ..ApiError::new(500, format!("{text}\n")) };
    match serde_json::from_slice(body) {
        Ok(Value::Object(params)) => Ok(params),
        Ok(_) => Err(refuse("Not a HASH reference".into())),
        Err(error) => Err(refuse(format!("malformed JSON string: {error}"))),
    }
}

/// `decode_urlencoded`: `;` separates like `&`, a repeated key becomes an array, a key without `=` is empty, and
/// what follows a second `=` is lost.
fn urlencoded(text: &str) -> Map<String, Value> {
    let mut found: Map<String, Value> = Map::new();
    let pairs = text.trim_end_matches(['&', ';']);
    if pairs.is_empty() {
        return found;
    }
    for pair in pairs.split(['&', ';']) {
        let mut parts = pair.split('=');
        let key = decode(parts.next().unwrap_or_default());
        let value = Value::String(decode(parts.next().unwrap_or_default()));
        match found.get_mut(&key) {
            Some(Value::Array(values)) => values.push(value),
            Some(old) => *old = Value::Array(vec![old.take(), value]),
            None => {
                found.insert(key, value);
            }
        }
    }
    found
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn form_bodies_are_read_as_proxmox_reads_them() {
        let read = |text| Value::Object(urlencoded(text));
        assert_eq!(read("a=1;b=x+y%2Bz&c"), json!({"a": "1", "b": "x y+z", "c": ""}));
        assert_eq!(read("a=1&a=2&a=3"), json!({"a": ["1", "2", "3"]}));
        assert_eq!(read("a=1&&b=2&"), json!({"a": "1", "": "", "b": "2"}));
        assert_eq!(read("a=b=c"), json!({"a": "b"}));
        assert_eq!(read(""), json!({}));
    }
}
