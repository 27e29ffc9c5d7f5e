//! One line. Core itself panics when `@message`, `@level` or `@timestamp` is there and not a string, and shows a line
//! raw when its time has another form or when it is longer than 64 KiB.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Map, Value};

/// The longest text that is written of one field.
const FIELD: usize = 2 << 10;

/// The longest line, well below what core reads at once.
const LINE: usize = 48 << 10;

/// Writes a line whatever the log's level is.
pub(in crate::plugin) fn always(level: &str, message: &str) {
    write(&line(level, "pve", message, Map::new(), Timestamp::now()));
}

/// Writes a finished line, in one piece.
pub(super) fn write(line: &str) {
    // There is nowhere to complain about a closed stderr.
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// The line, with its end.
pub(super) fn line(level: &str, module: &str, message: &str, fields: Map<String, Value>, now: Timestamp) -> String {
    let mut object = Map::new();
    object.insert("@level".to_owned(), level.into());
    object.insert("@message".to_owned(), truncated(message).into());
    object.insert("@module".to_owned(), module.into());
    object.insert("@timestamp".to_owned(), now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string().into());
    let frame = object.clone();
    for (name, value) in fields {
        let value = match value {
            Value::String(text) => truncated(&text).into(),
            value => value,
        };
        object.entry(name).or_insert(value);
    }
    let mut line = Value::Object(object).to_string();
    if line.len() > LINE {
        line = Value::Object(frame).to_string();
    }
    line.push('\n');
    line
}

fn truncated(text: &str) -> String {
    if text.len() <= FIELD {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(FIELD);
    format!("{}… ({} bytes)", &text[..end], text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Value {
        assert!(line.ends_with('\n') && line.lines().count() == 1);
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn time_has_go_s_layout() {
        let now = Timestamp::new(1_700_000_000, 5_000).unwrap();
        let json = parse(&line("info", "pve", "hi", Map::new(), now));
        assert_eq!(json["@timestamp"], "2023-11-14T22:13:20.000005Z");
    }

    #[test]
    fn fields_never_replace_the_frame() {
        let fields = Map::from_iter([("@message".to_owned(), 5.into()), ("attempt".to_owned(), 2.into())]);
        let json = parse(&line("info", "pve", "hi", fields, Timestamp::now()));
        assert_eq!(json["@message"], "hi");
        assert_eq!(json["attempt"], 2);
    }

    #[test]
    fn stays_below_what_core_reads_at_once() {
        let long = "é\u{0}".repeat(100_000);
        let fields = (0..200).map(|n| (n.to_string(), Value::from(long.clone())));
        let text = line("info", "pve", &long, fields.collect(), Timestamp::now());
        assert!(text.len() < 64 << 10);
        assert!(parse(&text)["@message"].as_str().unwrap().ends_with("(300000 bytes)"));
    }
}
