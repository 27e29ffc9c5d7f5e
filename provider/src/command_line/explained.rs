//! The documentation of a schema as text for a terminal.

use super::COMMANDS;

/// A description in paragraphs of one line each, with the commands in place of the actions that it names.
pub(super) fn text(markdown: &str) -> String {
    let paragraphs = markdown.split("\n\n").map(|paragraph| {
        let lines = paragraph.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join(" ").replace("\\_", "_")
    });
    let mut text = paragraphs.filter(|paragraph| !paragraph.is_empty()).collect::<Vec<_>>().join("\n\n");
    for entry in COMMANDS {
        text = text.replace(&format!("`{}`", entry.operation), &format!("`do {}`", entry.name()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_lines_and_actions_are_commands() {
        let markdown = "Sends a\nmessage.\n\nAs `pve_notification_test` does, and `pve_ha_resource` does not.";
        assert_eq!(text(markdown), "Sends a message.\n\nAs `do notify test` does, and `pve_ha_resource` does not.");
    }
}
