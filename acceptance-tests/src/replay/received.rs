//! Compares the notifications that the receivers got with those of the genuine cluster.

use super::compare::{Tolerance, differences};
use crate::receivers::Receivers;
use pve_emulator::Handle;
use regex::{NoExpand, Regex};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;

/// The address of the recorded receivers, and their ports.
const HOST: &str = "10.99.0.254";
const HTTP: u16 = 9080;
const SMTP: u16 = 9025;

/// The receivers, and how many mails of the nodes have been looked at.
pub(super) struct Mailroom {
    receivers: Receivers,
    mails: usize,
}

impl Mailroom {
    pub(super) async fn open() -> std::io::Result<Self> {
        Ok(Self { receivers: Receivers::start().await?, mails: 0 })
    }

    /// Where the emulator finds the recorded addresses.
    pub(super) fn hosts(&self) -> BTreeMap<String, SocketAddr> {
        [(HTTP, self.receivers.http), (SMTP, self.receivers.smtp)]
            .map(|(port, address)| (format!("{HOST}:{port}"), address))
            .into()
    }

    /// Compares all that was received since the last time.
    pub(super) async fn check(&mut self, emulator: &Handle, expected: &[Value]) -> Vec<String> {
        let deliveries = emulator.cluster().deliveries().await;
        let mut found = self.receivers.take().await;
        let mails: Vec<Value> = deliveries
            .iter()
            .filter_map(|delivery| delivery.mail.as_ref())
            .map(|mail| {
                let text = format!("ARGV: {}\n{}", mail.arguments.join(" "), mail.text);
                json!({"listener": "sendmail", "text": text})
            })
            .collect();
        found.extend(mails.iter().skip(self.mails).cloned());
        self.mails = mails.len();
        let normal = |entries: &[Value]| json!({"received": entries.iter().map(normal).collect::<Vec<_>>()});
        differences(&normal(expected), &normal(&found), &Tolerance::default())
    }
}

/// An entry without what no two deliveries share: the order of headers, boundaries, dates and epochs.
fn normal(entry: &Value) -> Value {
    let mut entry = entry.clone();
    if let Some(headers) = entry.get_mut("headers").and_then(Value::as_array_mut) {
        headers.sort_by_key(ToString::to_string);
    }
    if let Some(body) = entry.get("body").and_then(Value::as_str) {
        entry["body"] = json!(free(body));
    }
    if let Some(text) = entry.get("text").and_then(Value::as_str) {
        entry["text"] = json!(free(text));
    }
    for step in entry.get_mut("dialogue").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(lines) = step.get("data").and_then(Value::as_array) {
            let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
            *step = json!({"data": free(&lines.join("\n")).lines().collect::<Vec<_>>()});
        }
    }
    entry
}

fn free(text: &str) -> String {
    let mut text = text.to_owned();
    let boundary = BOUNDARY.captures(&text).map(|found| found[1].to_owned());
    if let Some(boundary) = boundary {
        text = text.replace(&boundary, "<boundary>");
    }
    let text = DATE.replace_all(&text, NoExpand("Date: <date>"));
    EPOCH.replace_all(&text, NoExpand("<epoch>")).into_owned()
}

#[expect(clippy::expect_used, reason = "constant patterns, compiled by the test of this module")]
static BOUNDARY: LazyLock<Regex> = LazyLock::new(|| Regex::new("boundary=\"([^\"]+)\"").expect("a valid pattern"));
#[expect(clippy::expect_used, reason = "constant patterns, compiled by the test of this module")]
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000$").expect("a valid pattern")
});
#[expect(clippy::expect_used, reason = "constant patterns, compiled by the test of this module")]
static EPOCH: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b1\d{9}\b").expect("a valid pattern"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_order_boundaries_and_times_are_free() {
        let mail = |boundary: &str, date: &str, text: &str| {
            normal(
                &json!({"dialogue": ["EHLO a", {"data": [format!("Date: {date}"), format!(" boundary=\"{boundary}\""),
                format!("--{boundary}"), text]}]}),
            )
        };
        let one = mail("x1", "Sat, 28 Nov 2026 09:25:29 +0000", "a");
        assert_eq!(one, mail("y2", "Sun, 29 Nov 2026 10:00:00 +0000", "a"));
        assert_ne!(one, mail("x1", "Sat, 28 Nov 2026 09:25:29 +0000", "b"));
        assert_ne!(one, mail("x1", "yesterday", "a"));
        let request = |headers: Value, body: &str| normal(&json!({"headers": headers, "body": body}));
        let one = request(json!([["a", "1"], ["b", "2"]]), "{\"ts\":1795857925}");
        assert_eq!(one, request(json!([["b", "2"], ["a", "1"]]), "{\"ts\":1795857999}"));
        assert_ne!(one, request(json!([["b", "2"]]), "{\"ts\":1795857925}"));
    }
}
