//! The proof of a roll, for people and for programs.

use serde_json::{Value as Json, json};

use super::journal::{Journal, Phase};
use super::node::Current;
use super::proof::{Proof, Step};

const HEAD: [&str; 8] = [
    "node",
    "HA resources",
    "other guests",
    "stopped",
    "votes left",
    "survives a failure",
    "most memory",
    "oldest replica",
];

/// A table of what is left to do, below a sentence.
pub(super) fn text(proof: &Proof, journal: &Journal, state: Option<Current>) -> String {
    let moves: usize = proof.steps.iter().map(Step::moves).sum();
    let rows: Vec<[String; 8]> = proof.steps.iter().map(row).collect();
    let head = HEAD.map(str::to_owned);
    let width = |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("\n  {}", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let begun = journal.current().map_or(String::new(), |node| {
        let phase = match (journal.phase(node), state) {
            (Phase::Begun, _) => "its evacuation has begun",
            (Phase::Booted, _) => "it is in service",
            (Phase::Rebooting, _) => "its reboot was requested",
            (_, Some(Current::NotEmpty)) => "it is not empty any more, and is emptied again",
            (Phase::Updated, _) => "it is updated",
            _ => "it is empty",
        };
        format!(" First {node} is continued, in the roll of {}: {phase}.", journal.day())
    });
    if rows.is_empty() {
        return begun.trim_start().to_owned();
    }
    let table: String = std::iter::once(&head).chain(&rows).map(line).collect();
    format!("Update these nodes in this order, with {moves} moves of guests in all.{begun}{table}")
}

fn row(step: &Step) -> [String; 8] {
    let dash = || "-".to_owned();
    [
        step.node.clone(),
        format!("{} away, {} back", step.services.len(), step.returning),
        format!("{} away and back", step.guests.len()),
        step.stopped.len().to_string(),
        step.votes.map_or_else(dash, |(left, needed)| format!("{left}, {needed} needed")),
        if step.problems.is_empty() { "yes".to_owned() } else { "no".to_owned() },
        step.memory.as_ref().map_or_else(dash, |(node, percent)| format!("{percent} % on {node}")),
        match step.oldest_replica {
            None => dash(),
            Some(i64::MAX) => "unknown".to_owned(),
            Some(seconds) => format!("{seconds} s"),
        },
    ]
}

/// The same for programs.
pub(super) fn json(proof: &Proof) -> Json {
    let step = |step: &Step| {
        json!({
            "node": step.node,
            "ha_resources": step.services,
            "ha_resources_returning": step.returning,
            "guests": step.guests,
            "stopped": step.stopped,
            "votes_left": step.votes.map(|(left, _)| left),
            "votes_needed": step.votes.map(|(_, needed)| needed),
            "survives_further_failure": step.problems.is_empty(),
            "problems": step.problems,
            "most_memory_node": step.memory.as_ref().map(|(node, _)| node),
            "most_memory_percent": step.memory.as_ref().map(|(_, percent)| percent),
            "oldest_replica_seconds": step.oldest_replica.filter(|seconds| *seconds != i64::MAX),
            "moves": step.moves(),
        })
    };
    json!({
        "steps": proof.steps.iter().map(step).collect::<Vec<_>>(),
        "moves": proof.steps.iter().map(Step::moves).sum::<usize>(),
    })
}
