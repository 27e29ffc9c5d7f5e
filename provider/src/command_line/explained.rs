//! The documentation of a schema as text for a terminal.

use super::{COMMANDS, arguments};
use crate::framework::{Block, Path};

/// A description of the operation with these arguments, in paragraphs of one line each. Actions and arguments that it names
/// are called as they are typed.
pub(super) fn text(markdown: &str, block: &Block) -> String {
    let paragraphs = markdown.split("\n\n").map(|paragraph| {
        let lines = paragraph.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join(" ").replace("\\_", "_")
    });
    let mut text = paragraphs.filter(|paragraph| !paragraph.is_empty()).collect::<Vec<_>>().join("\n\n");
    for entry in COMMANDS {
        text = text.replace(&format!("`{}`", entry.operation), &format!("`do {}`", entry.name()));
    }
    for attribute in &block.attributes {
        if let Some(name) = arguments::name(block, &Path::attribute(attribute.name.as_str())) {
            text = text.replace(&format!("`{}`", attribute.name), &format!("`{name}`"));
        }
    }
    text
}

/// Its first sentence, without the full stop.
pub(super) fn summary(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.split_once(". ").map_or(line, |(first, _)| first).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    #[test]
    fn paragraphs_are_lines_and_names_are_as_they_are_typed() {
        let provider = registry::provider();
        let block = &provider.action("pve_notification_test").unwrap().schema().block;
        let markdown =
            "Sends a\nmessage to `target`. Within `timeout`.\n\nNot as `pve_notification_test`, `pve_ha_group`.";
        let text = text(markdown, block);
        assert_eq!(
            text,
            "Sends a message to `TARGET`. Within `--timeout`.\n\nNot as `do notify test`, `pve_ha_group`."
        );
        assert_eq!(summary(&text), "Sends a message to `TARGET`");
    }
}
