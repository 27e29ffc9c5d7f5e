//! Messages for Gotify: `POST SERVER/message`.

use http::Method;
use serde_json::json;

use super::request::Request;
use crate::api::notifications::event::Severity;
use crate::api::notifications::routing::Sending;

pub(in super::super) fn pack(sending: &Sending<'_>) -> Result<Request, String> {
    let token = sending.secret("token").unwrap_or_default();
    let message = sending.message;
    // The text is no Markdown, so that it is in a code fence.
    let body = json!({
        "extras": {"client::display": {"contentType": "text/markdown"}},
        "message": format!("```\n{}\n```", message.text),
        "priority": priority(sending.event.severity),
        "title": message.title,
    });
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("authorization", format!("Bearer {token}")),
        ("x-gotify-key", token),
    ];
    Ok(Request {
        method: Method::POST,
        url: format!("{}/message", sending.target.text("server").unwrap_or_default()),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: body.to_string(),
        proxy: sending.option("http_proxy"),
    })
}

fn priority(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 1,
        Severity::Notice | Severity::Unknown => 3,
        Severity::Warning => 5,
        Severity::Error => 8,
    }
}
