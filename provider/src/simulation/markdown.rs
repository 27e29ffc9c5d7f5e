//! The summary as Markdown: a verdict, a table, and a Mermaid diagram of the failure that does the most harm.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pve_schemas::data::failover_simulation::{Scenario, ServiceState};

use super::summary::Summary;

/// So many lines of problems or notes, and so many services of one arrow, are written out; the rest is counted.
const MAX_LINES: usize = 50;
const MAX_ON_AN_ARROW: usize = 5;

pub(super) fn render(summary: &Summary, notes: &[String]) -> String {
    let mut text = String::from("## Failover simulation\n\n");
    let verdict = match (summary.count, summary.lost.as_slice()) {
        (0, _) => "There is no node to simulate the failure of.".to_owned(),
        (1, []) => "**Survived.**".to_owned(),
        (count, []) => format!("**All {count} simulated failures are survived.**"),
        (count, lost) => {
            format!("**{} of {count} simulated failures are not survived:** {}.", lost.len(), shortened(lost))
        }
    };
    let _ = write!(text, "{verdict}\n\n");
    if summary.count > 0 {
        text.push_str("| Failure | Survived | Votes left | Moved | Lost | Fullest node |\n|---|---|---|---|---|---|\n");
        let _ = writeln!(text, "{}", summary.rows);
    }
    list(&mut text, "Problems", &summary.problems);
    list(&mut text, "Notes", notes);
    if let Some(worst) = summary.worst.as_ref().filter(|worst| !worst.services.is_empty()) {
        diagram(&mut text, worst);
    }
    text
}

/// The row of one failure in the table.
pub(super) fn row(text: &mut String, scenario: &Scenario) {
    let survived = if scenario.survived { "yes" } else { "**no**" };
    let votes = match (scenario.votes, scenario.needed_votes) {
        (Some(votes), Some(needed)) => format!("{votes} (needs {needed})"),
        _ => "unknown".to_owned(),
    };
    let moved = scenario.services.iter().filter(|fate| fate.to.is_some()).count();
    let fullest = scenario.nodes.iter().filter(|node| !node.failed);
    let fullest = fullest.filter_map(|node| Some((node.percent_after()?, std::cmp::Reverse(&node.name)))).max();
    let fullest = fullest.map_or("–".to_owned(), |(percent, name)| format!("{} {percent} % of memory", name.0));
    let lost = scenario.lost().count();
    let _ = writeln!(text, "| {} | {survived} | {votes} | {moved} | {lost} | {fullest} |", scenario.name);
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(text, "### {title}\n\n");
    for line in lines.iter().take(MAX_LINES) {
        let _ = writeln!(text, "- {}", plain(line));
    }
    if lines.len() > MAX_LINES {
        let _ = writeln!(text, "- … and {} more", lines.len() - MAX_LINES);
    }
    text.push('\n');
}

fn diagram(text: &mut String, worst: &Scenario) {
    let mut arrows: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for fate in &worst.services {
        let to = if fate.state == ServiceState::Unknown {
            fate.state.as_str()
        } else if fate.problem.is_some() {
            "lost"
        } else {
            fate.to.as_deref().unwrap_or(&fate.from)
        };
        arrows.entry((&fate.from, to)).or_default().push(&fate.sid);
    }
    arrows.retain(|(from, to), _| from != to);
    let _ = write!(text, "### When {} fails\n\n```mermaid\nflowchart LR\n", worst.name);
    for (index, node) in worst.nodes.iter().enumerate() {
        let fails = worst.failed_nodes.contains(&node.name);
        let words = if fails {
            " fails"
        } else if node.failed {
            " is offline"
        } else {
            ""
        };
        let class = if node.failed { ":::down" } else { "" };
        let _ = writeln!(text, "  n{index}[\"{}{words}\"]{class}", node.name);
    }
    let id = |name: &str| worst.nodes.iter().position(|node| node.name == name).map(|index| format!("n{index}"));
    if arrows.keys().any(|(_, to)| *to == "lost") {
        text.push_str("  lost([\"lost\"]):::down\n");
    }
    for ((from, to), sids) in &arrows {
        let (Some(from), to) = (id(from), id(to).unwrap_or_else(|| "lost".to_owned())) else { continue };
        let _ = writeln!(text, "  {from} -->|\"{}\"| {to}", on_arrow(sids));
    }
    text.push_str("  classDef down stroke:#b3261e,stroke-width:2px,stroke-dasharray:4\n```\n");
}

fn on_arrow(sids: &[&str]) -> String {
    let rest = sids.len().saturating_sub(MAX_ON_AN_ARROW);
    let named = sids[..sids.len() - rest].join(", ");
    if rest == 0 { named } else { format!("{named} and {rest} more") }
}

fn shortened(names: &[String]) -> String {
    let rest = names.len().saturating_sub(10);
    let named = names[..names.len() - rest].join(", ");
    if rest == 0 { named } else { format!("{named} and {rest} more") }
}

/// Text of ours that may quote others: what is between backticks is code, and the rest means nothing to Markdown or HTML.
pub fn with_code(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let is_paired = parts.len() % 2 == 1 && parts.iter().skip(1).step_by(2).all(|code| !code.is_empty());
    if !is_paired {
        return plain(text);
    }
    let part = |(at, part): (usize, &&str)| match at % 2 {
        0 => plain(part),
        _ => format!("`{}`", part.replace(['\n', '\r'], " ").replace('|', "\\|")),
    };
    parts.iter().enumerate().map(part).collect()
}

/// Text that means nothing to Markdown or HTML.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '\n' | '\r' => plain.push(' '),
            '|' | '*' | '`' | '[' | ']' | '_' | '\\' => {
                plain.push('\\');
                plain.push(c);
            }
            _ => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_backticks_is_code_and_nothing_else_is() {
        assert_eq!(with_code("Add a `pve_backup_job` to a_b."), "Add a `pve_backup_job` to a\\_b.");
        assert_eq!(with_code("`a|b`"), "`a\\|b`");
        // A name with a backtick in it moves the code, and is never markup.
        assert_eq!(with_code("x` *b* `<i>"), "x` *b* `&lt;i>");
        assert_eq!(with_code("x` *b* <i>"), "x\\` \\*b\\* &lt;i>");
        assert_eq!(with_code("``*b*"), "\\`\\`\\*b\\*");
    }
}
