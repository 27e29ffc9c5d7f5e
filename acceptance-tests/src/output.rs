//! The output of a run of the CLI.

use std::process::Output;

use serde_json::Value as Json;

/// The end of a run: its exit code, its words, its messages.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    /// Everything it said, for people.
    pub text: String,
    /// Errors and warnings, if the run printed JSON.
    pub messages: Vec<Message>,
}

/// An error or warning.
#[derive(Debug, Clone)]
pub struct Message {
    /// Whether it is an error, not just a warning.
    pub is_error: bool,
    /// What the configuration calls the object it is about; empty where it is about none.
    pub address: String,
    pub summary: String,
    pub detail: String,
    /// The source line that it points to.
    pub line: String,
}

impl Run {
    /// What `output` holds.
    pub fn new(output: &Output) -> Self {
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let documents = text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        let messages = documents.flat_map(messages).collect();
        let text = text.lines().map(readable).collect::<Vec<_>>().join("\n");
        Self { code: output.status.code(), messages, text }
    }

    pub fn errors(&self) -> Vec<&Message> {
        self.messages.iter().filter(|message| message.is_error).collect()
    }

    /// The warnings, without the CLI's own about the provider's folder.
    pub fn warnings(&self) -> Vec<&Message> {
        let own = |message: &&Message| message.summary.contains("development overrides");
        self.messages.iter().filter(|message| !message.is_error && !own(message)).collect()
    }

    /// The one error.
    ///
    /// # Panics
    /// It does not exist, or there are several.
    #[track_caller]
    pub fn only_error(&self) -> &Message {
        let errors = self.errors();
        assert_eq!(errors.len(), 1, "one error is expected\n{}", self.text);
        errors[0]
    }
}

impl Message {
    /// Summary and detail on one line.
    pub fn flat(&self) -> String {
        format!("{} {}", self.summary, self.detail).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// The parts of a line of `-json` that a person reads.
fn readable(line: &str) -> String {
    let Ok(document) = serde_json::from_str::<Json>(line) else { return line.to_owned() };
    let (Some(message), detail) = (document["@message"].as_str(), document["diagnostic"]["detail"].as_str()) else {
        return line.to_owned();
    };
    format!("{message}\n{}", detail.unwrap_or_default()).trim_end().to_owned()
}

/// The diagnostics of one JSON document: a line of `-json`, or the answer of `validate -json`.
fn messages(document: Json) -> Vec<Message> {
    let one = document.get("diagnostic").into_iter();
    let many = document.get("diagnostics").and_then(Json::as_array).into_iter().flatten();
    one.chain(many).map(message).collect()
}

fn message(diagnostic: &Json) -> Message {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let context = text(&diagnostic["snippet"]["context"]);
    let address = match diagnostic["address"].as_str() {
        Some(address) => address.to_owned(),
        // `resource "pve_ha_resource" "a"`
        None => context.split('"').skip(1).step_by(2).collect::<Vec<_>>().join("."),
    };
    Message {
        is_error: diagnostic["severity"] == "error",
        address,
        summary: text(&diagnostic["summary"]),
        detail: text(&diagnostic["detail"]),
        line: text(&diagnostic["snippet"]["code"]).trim().to_owned(),
    }
}
