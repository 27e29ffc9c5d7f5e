//! The list of commands in the guide to the command line, between two marks.

use std::fmt::Write as _;
use std::io;

use terraform_provider_pve::command_line::{COMMANDS, Offer, usage};

use super::page::first_paragraph;

/// Written by hand, but for the list.
pub const GUIDE: &str = "docs/guides/command-line.md";

const BEGIN: &str = "<!-- commands: written by `cargo xtask docs` -->\n";
const END: &str = "<!-- end of commands -->\n";

/// The guide with the list as the table of commands has it.
///
/// # Errors
/// A mark is missing.
pub fn listed(guide: &str, offer: &Offer) -> io::Result<String> {
    let parts = guide.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| io::Error::other(format!("{GUIDE}: a mark of the list is missing")))?;
    Ok([before, BEGIN, &list(offer), END, after].concat())
}

fn list(offer: &Offer) -> String {
    let mut list = String::from("\n| command | what it does | action |\n|---|---|---|\n");
    for entry in COMMANDS {
        let Some(operation) = offer.operation(entry.operation) else { continue };
        let summary = first_paragraph(&operation.schema().block.description).replace('|', "\\|");
        let short = entry.operation.trim_start_matches("pve_");
        let action = match offer.provider.action(entry.operation) {
            Ok(_) => format!("[`{}`](../actions/{short}.md)", entry.operation),
            Err(_) => "none".to_owned(),
        };
        let _ = writeln!(list, "| `{}` | {summary} | {action} |", usage(entry, operation));
    }
    list + "\n"
}

#[cfg(test)]
mod tests {
    use terraform_provider_pve::registry;

    use super::*;

    #[test]
    fn only_the_list_is_written() {
        let offer = registry::command_line();
        let guide = format!("before\n{BEGIN}old\n{END}after\n");
        let text = listed(&guide, &offer).unwrap();
        assert!(text.starts_with("before\n") && text.ends_with("after\n") && !text.contains("old"), "{text}");
        assert!(text.contains("| `do notify test TARGET` |"), "{text}");
        assert_eq!(listed(&text, &offer).unwrap(), text);
        assert!(listed("nothing", &offer).is_err());
    }
}
