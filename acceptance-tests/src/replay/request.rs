//! The bytes of a request, exactly as recorded: no HTTP library normalises the path or the parameters on the way.

use super::case::Exchange;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Values taken from earlier answers, by name.
pub(super) type Captures = BTreeMap<String, String>;

/// Header lines of a request that carry its credentials.
pub(super) type AuthHeaders = Vec<(&'static str, String)>;

/// The bytes of the request that `exchange` recorded.
pub(super) fn bytes(exchange: &Exchange, auth: &AuthHeaders, captures: &Captures, host: &str) -> Vec<u8> {
    let mut path = fill(&exchange.path, captures);
    let with_body = matches!(exchange.method.as_str(), "POST" | "PUT");
    let form = exchange.params.as_ref().map(|params| form(params, captures)).unwrap_or_default();
    let mut content_type = exchange.content_type.clone();
    let body = if let Some(json) = &exchange.json {
        content_type.get_or_insert_with(|| "application/json".to_owned());
        fill(&json.to_string(), captures)
    } else if let Some(raw) = &exchange.raw {
        fill(raw, captures)
    } else if with_body {
        content_type.get_or_insert_with(|| "application/x-www-form-urlencoded".to_owned());
        form
    } else {
        if !form.is_empty() {
            path = format!("{path}{}{form}", if path.contains('?') { '&' } else { '?' });
        }
        String::new()
    };
    let mut head = format!("{} /api2/json{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n", exchange.method);
    for (name, value) in auth {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if let Some(content_type) = content_type {
        let _ = write!(head, "Content-Type: {content_type}\r\n");
    }
    if with_body || !body.is_empty() {
        let _ = write!(head, "Content-Length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

/// `text` with every `{{name}}` replaced by the captured value.
pub(super) fn fill(text: &str, captures: &Captures) -> String {
    captures.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

/// A text as a component of a form, a query or a cookie.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, &RESERVED).to_string()
}

const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn form(params: &[(String, String)], captures: &Captures) -> String {
    let pairs: Vec<String> = params
        .iter()
        .map(|(name, value)| format!("{}={}", encode(&fill(name, captures)), encode(&fill(value, captures))))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn exchange(extra: serde_json::Value) -> Exchange {
        let mut value = json!({"auth": "none", "status": 200, "reason": "OK", "body": null});
        if let (Some(all), serde_json::Value::Object(more)) = (value.as_object_mut(), extra) {
            all.extend(more);
        }
        serde_json::from_value(value).unwrap()
    }

    fn text(exchange: &Exchange) -> String {
        let captures = Captures::from([("u".to_owned(), "UPID:x".to_owned())]);
        String::from_utf8(bytes(exchange, &vec![("Authorization", "PVEAPIToken=a".to_owned())], &captures, "h"))
            .unwrap()
    }

    #[test]
    fn params_of_a_get_are_its_query() {
        let sent = text(&exchange(json!({"method": "GET", "path": "/a//%2e/{{u}}?x=1", "params": [["b", "c d"]]})));
        assert_eq!(
            sent,
            "GET /api2/json/a//%2e/UPID:x?x=1&b=c%20d HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: PVEAPIToken=a\r\n\r\n"
        );
    }

    #[test]
    fn params_of_a_post_are_its_form() {
        let sent = text(&exchange(json!({"method": "POST", "path": "/a", "params": [["b", "ü"], ["b", ""]]})));
        assert!(
            sent.contains("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n\r\nb=%C3%BC&b="),
            "{sent}"
        );
    }

    #[test]
    fn bodies_are_sent_as_they_stand() {
        let raw = text(&exchange(json!({"method": "PUT", "path": "/a", "raw": "{not", "content_type": "text/plain"})));
        assert!(raw.ends_with("Content-Type: text/plain\r\nContent-Length: 4\r\n\r\n{not"), "{raw}");
        let json = text(&exchange(json!({"method": "PUT", "path": "/a", "json": {"k": true}})));
        assert!(json.ends_with("Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{\"k\":true}"), "{json}");
    }
}
