//! Fence agents (`fence_ipmilan`, `fence_apc`, …): their requests are recorded, their answers are scripted.
//!
//! Like the real ones they take their options as arguments, or, without arguments, as `name=value` lines from the standard
//! input, where no `ps` shows a password.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Host, Io, Run};

pub(super) fn run(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let agent = host.program.clone();
    let stdin = std::mem::take(&mut io.stdin);
    let options = if arguments.is_empty() { from_lines(&stdin) } else { from_arguments(arguments) };
    let action = options.get("action").map_or("reboot", String::as_str).to_owned();
    let (out, err, code) = match host.commands.scripted(&agent, &action, &options) {
        Some(answer) => (answer.stdout, answer.stderr, answer.exit),
        None => answer(&agent, &action, &options),
    };
    host.commands.note_agent(json!({
        "node": host.machine, "agent": agent, "arguments": arguments, "stdin": stdin, "options": options, "exit": code,
    }));
    io.out.push_str(&out);
    io.err.push_str(&err);
    Ok(code)
}

/// What an agent answers that finds its device and the plug on it.
fn answer(agent: &str, action: &str, options: &BTreeMap<String, String>) -> (String, String, i32) {
    let done = |text: &str| (format!("{text}\n"), String::new(), 0);
    if action == "metadata" {
        return done(&format!(
            "<?xml version=\"1.0\" ?>\n<resource-agent name=\"{agent}\" shortdesc=\"Fence agent\"></resource-agent>"
        ));
    }
    let address = ["ip", "ipaddr", "address", "a"].iter().find_map(|name| options.get(*name));
    if address.is_none_or(String::is_empty) {
        return (
            String::new(),
            "ERROR:root:Failed: You have to enter fence address\n\nERROR:root:Please use '-h' for usage\n".to_owned(),
            1,
        );
    }
    match action {
        "status" => done("Status: ON"),
        "monitor" => (String::new(), String::new(), 0),
        "list" => done("1,\n2,"),
        "on" => done("Success: Powered ON"),
        "off" => done("Success: Powered OFF"),
        "reboot" => done("Success: Rebooted"),
        other => (String::new(), format!("ERROR:root:Failed: Unrecognised action '{other}'\n\n"), 1),
    }
}

fn from_lines(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once('=').unwrap_or((line, "1")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn from_arguments(arguments: &[String]) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next() {
        let Some(name) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (name, words.next_if(|next| !next.starts_with('-')).cloned().unwrap_or_else(|| "1".to_owned())),
        };
        let name = match name {
            "o" => "action",
            "n" => "plug",
            "l" => "username",
            "p" => "password",
            other => other,
        };
        options.insert(name.to_owned(), value);
    }
    options
}
