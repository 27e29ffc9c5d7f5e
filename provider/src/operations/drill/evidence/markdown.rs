//! The evidence for people.

use std::fmt::Write as _;

use super::{Record, day, shown};

pub(super) fn render(record: &Record) -> String {
    let mut text = String::new();
    let node = record.node.as_deref().map(|node| format!(" of {node}")).unwrap_or_default();
    let _ = writeln!(text, "# Failover drill: {}{node}, {}\n", record.case, day(record.started));
    let end =
        if record.complete { "" } else { " The drill did not come to its end; what follows is as far as it came." };
    let _ = writeln!(text, "**Outcome: {}.**{end}", record.outcome.words());
    if !(record.problems.is_empty() && record.remains.is_empty()) {
        text.push('\n');
    }
    for line in record.problems.iter().chain(&record.remains) {
        let _ = writeln!(text, "- {}", line.replace('\n', "\n  "));
    }
    let target = record.target.as_deref().map(|target| format!("\n| target | {target} |")).unwrap_or_default();
    let guests = if record.guests.is_empty() { "–".to_owned() } else { record.guests.join(", ") };
    let _ = writeln!(
        text,
        "\n| | |\n|---|---|\n| began | {} UTC |\n| ended | {} UTC |\n| HA resources that it might affect | {guests} |{target}\n\
         | written by | terraform-provider-pve {} |\n\n## Steps\n",
        shown(record.started),
        shown(record.ended),
        record.version,
    );
    for step in &record.steps {
        let _ = writeln!(text, "- {step}");
    }
    text += "\n## Predicted and found\n\n| | what | predicted | found | equal | why |\n|---|---|---|---|---|---|\n";
    for one in &record.expectations {
        let equal = match one.equal {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "not tried",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {equal} | {} |",
            one.phase.words(),
            cell(&one.subject),
            cell(&one.predicted),
            cell(one.found.as_deref().unwrap_or("–")),
            cell(one.why.as_deref().unwrap_or_default()),
        );
    }
    if !record.timings.is_empty() {
        text += "\n## Times\n\nSeconds after the node left the cluster or, if that was earlier after a failure, a guest of it was found stopped.\n\n| what | expected | found |\n|---|---|---|\n";
        for timing in &record.timings {
            let found = timing.found.map_or("–".to_owned(), |seconds| format!("{seconds} s"));
            let _ = writeln!(text, "| {} | {} | {found} |", cell(&timing.what), cell(&timing.expected));
        }
        for (sid, seconds) in &record.downtimes {
            let _ = writeln!(text, "| {sid} was down | | {seconds} s |");
        }
    }
    text += "\n## Timeline\n\nTimes are UTC, by the clock of the node that answered.\n\n| time | after | event |\n|---|---|---|\n";
    for event in &record.timeline {
        let after = event.time - record.started;
        let _ = writeln!(text, "| {} | {after} s | {} |", shown(event.time), cell(&event.text));
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
