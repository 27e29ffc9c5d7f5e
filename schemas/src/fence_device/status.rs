//! The input that a fence agent gets on stdin for the status of a node.

use std::collections::BTreeMap;

/// The agent's input: a line for each option, a later one in place of an earlier one of that name, and the action last.
///
/// Only the state is ever asked for, whatever action the options name: a question must not switch a node off.
pub fn status_input<'a>(options: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut lines: BTreeMap<String, &str> = BTreeMap::new();
    for (name, value) in options {
        // On stdin the names have underscores, and a bare word is a switch.
        lines.insert(name.replace('-', "_"), if value.is_empty() { "1" } else { value });
    }
    // `option` is what old agents call the action.
    lines.retain(|name, _| name != "action" && name != "option");
    let lines = lines.into_iter().map(|(name, value)| format!("{name}={value}\n"));
    lines.chain(["action=status\n".to_owned()]).collect()
}

/// What the exit code of a fence agent's `status` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentStatus {
    /// The node is on.
    On,
    /// The node is off: an answer, too.
    Off,
    /// The shell can't run the agent.
    Missing,
    /// The agent got no answer.
    Failed(u32),
}

impl From<u32> for AgentStatus {
    fn from(exit: u32) -> Self {
        match exit {
            0 => Self::On,
            2 => Self::Off,
            126 | 127 => Self::Missing,
            code => Self::Failed(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_lines_and_the_action_is_harmless() {
        let options = [("ip", "10.0.0.1"), ("lanplus", ""), ("power-wait", "4"), ("action", "off"), ("ip", "10.0.0.2")];
        assert_eq!(status_input(options.into_iter()), "ip=10.0.0.2\nlanplus=1\npower_wait=4\naction=status\n");
    }
}
