//! Steps that are no requests but have an answer: commands on nodes, and texts of fence.cfg.

use super::case::{Command, Fence};
use super::compare::{Tolerance, differences};
use super::text::canonical;
use pve_emulator::{Handle, fence_cfg};
use serde_json::{Map, Value, json};

/// Runs a command on its node and returns the differences.
pub(super) fn play(emulator: &Handle, command: &Command) -> Vec<String> {
    let line = match shlex::try_join(command.argv.iter().map(String::as_str)) {
        Ok(line) => line,
        Err(error) => return vec![format!("argv: {error}")],
    };
    let stdin = command.stdin.as_deref().unwrap_or_default();
    let outcome = emulator.execute(&command.node, &line, stdin);
    let mut found = Vec::new();
    if outcome.exit() != Some(command.exit) {
        found.push(format!("exit: expected {}, found {:?}", command.exit, outcome.end));
    }
    for (name, expected, printed) in
        [("/stdout", &command.stdout, &outcome.stdout), ("/stderr", &command.stderr, &outcome.stderr)]
    {
        let is_free = command.volatile.iter().any(|pointer| pointer == name);
        let normal = |text: &str| canonical(&managers(&command.argv, text));
        if !is_free && normal(expected) != normal(printed) {
            found.push(format!("{name}: expected {expected:?}, found {printed:?}"));
        }
    }
    found
}

/// Reads a text of fence.cfg and returns the differences.
pub(super) fn fence(fence: &Fence) -> Vec<String> {
    let parsed = fence_cfg::parse(&fence.text);
    let mut expected = Map::new();
    let mut found = Map::new();
    let recorded = [
        ("error", fence.error.clone()),
        ("parsed", fence.parsed.clone()),
        ("warnings", fence.warnings.clone()),
        ("written", fence.written.clone()),
        ("commands", fence.commands.clone().map(Value::Array)),
    ];
    expected.extend(recorded.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    match &parsed.config {
        Err(error) => drop(found.insert("error".to_owned(), json!(error))),
        Ok(config) => {
            found.insert("parsed".to_owned(), config.as_json());
            found.insert("written".to_owned(), json!(config.render()));
            let commands = fence.commands.iter().flatten().map(|step| {
                let node = step["node"].as_str().unwrap_or_default();
                let attempt = step["try"].as_u64().and_then(|attempt| usize::try_from(attempt).ok()).unwrap_or(0);
                json!({"node": node, "try": attempt, "commands": config.commands(node, attempt)})
            });
            found.insert("commands".to_owned(), commands.collect());
        }
    }
    if !parsed.warnings.is_empty() {
        found.insert("warnings".to_owned(), json!(parsed.warnings));
    }
    differences(&Value::Object(expected), &Value::Object(found), &Tolerance::default())
}

/// Which node is master, and whether a manager idles, no two clusters share.
fn managers(argv: &[String], text: &str) -> String {
    if argv.first().map(String::as_str) != Some("ha-manager") || argv.get(1).map(String::as_str) != Some("status") {
        return text.to_owned();
    }
    let line = |line: &str| match line.split_once(' ') {
        Some(("master", rest)) => format!("master <node> {}", rest.split_once(' ').map_or("", |(_, rest)| rest)),
        Some(("lrm", rest)) => {
            format!("lrm {}", rest.replace("(idle,", "(active,").replace("watchdog standby", "watchdog active"))
        }
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_master_and_idle_managers_may_differ() {
        let argv = ["ha-manager", "status"].map(str::to_owned);
        let one = "master pve1 (active, x)\nlrm pve1 (idle, watchdog standby, x)\n";
        let other = "master pve2 (active, x)\nlrm pve1 (active, watchdog active, x)\n";
        assert_eq!(managers(&argv, one), managers(&argv, other));
        assert_ne!(managers(&argv, one), managers(&argv, &other.replace("pve1 (active", "pve1 (lost")));
        assert_ne!(managers(&argv[..1], one), managers(&argv[..1], other));
    }

    #[test]
    fn a_text_that_is_read_otherwise_is_noticed() {
        let step = json!({"text": "device d fence_x a=1\n", "written": "\ndevice d:1 fence_x a=1\n", "parsed": {}, "commands": []});
        let found = fence(&serde_json::from_value(step).unwrap());
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
