//! Requests of webhooks: their address, headers and body are templates.

use handlebars::{Handlebars, handlebars_helper, no_escape};
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::request::Request;
use crate::api::notifications::pair::{self, Pair};
use crate::api::notifications::routing::Sending;

handlebars_helper!(url_encode: |text: Json| utf8_percent_encode(&plain(text), NON_ALPHANUMERIC).to_string());
handlebars_helper!(json_text: |value: Json| value.to_string());
// A text as it is between the quotes of a JSON document.
handlebars_helper!(escape: |text: Json| {
    let quoted = json!(plain(text)).to_string();
    quoted[1..quoted.len() - 1].to_owned()
});

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(in super::super) fn pack(sending: &Sending<'_>) -> Result<Request, String> {
    let target = sending.target;
    let data = data(sending)?;
    let render = |what: &str, template: &str| {
        engine().render_template(template, &data).map_err(|why| format!("failed to render webhook {what}: {why}"))
    };
    let mut headers = Vec::new();
    for header in target.list("header").iter().filter_map(|text| Pair::parse(text).ok()) {
        let value = header.decode().ok_or_else(|| undecodable(&format!("header '{}'", header.name)))?;
        headers.push((header.name, render("header", &value)?));
    }
    let body = pair::decode(target.text("body").unwrap_or_default()).ok_or_else(|| undecodable("body"))?;
    let method = match target.text("method") {
        Some("get") => Method::GET,
        Some("put") => Method::PUT,
        _ => Method::POST,
    };
    Ok(Request {
        method,
        url: render("url", target.text("url").unwrap_or_default())?,
        headers,
        body: render("body", &body)?,
        proxy: sending.option("http_proxy"),
    })
}

fn undecodable(what: &str) -> String {
    format!("{what} does not have valid base64 encoded data")
}

/// What templates can name. What they name besides is empty.
fn data(sending: &Sending<'_>) -> Result<Value, String> {
    let mut secrets = Map::new();
    let list = sending.secrets.map(|secrets| secrets.list("secret")).unwrap_or_default();
    for secret in list.iter().filter_map(|text| Pair::parse(text).ok()) {
        let value = secret.decode().ok_or_else(|| undecodable(&format!("secret '{}'", secret.name)))?;
        secrets.insert(secret.name, json!(value));
    }
    Ok(json!({
        "title": sending.message.title, "message": sending.message.text, "severity": sending.event.severity.as_str(),
        "timestamp": sending.event.time, "fields": sending.event.fields, "secrets": secrets,
    }))
}

fn engine() -> Handlebars<'static> {
    let mut engine = Handlebars::new();
    engine.register_escape_fn(no_escape);
    engine.register_helper("url-encode", Box::new(url_encode));
    engine.register_helper("escape", Box::new(escape));
    engine.register_helper("json", Box::new(json_text));
    engine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_encoded_for_where_they_stand() {
        let data = json!({"title": "a b/ü", "message": "say \"x\"\n", "fields": {"job-id": "1"}, "secrets": {}});
        let render = |template: &str| engine().render_template(template, &data).unwrap();
        assert_eq!(render("{{ url-encode title }}"), "a%20b%2F%C3%BC");
        assert_eq!(render("{{ escape message }}"), "say \\\"x\\\"\\n");
        assert_eq!(
            render("{{ json fields }}|{{ fields.job-id }}|{{ fields.no }}|{{ secrets.no }}"),
            "{\"job-id\":\"1\"}|1||"
        );
        assert_eq!(render("{{ message }}"), "say \"x\"\n", "nothing is escaped by itself");
    }
}
