//! Every recorded answer of a genuine cluster must come out of the emulator as well.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use acceptance_tests::replay::{Case, Outcome, Played, Verdict, play, recordings};
use std::path::{Path, PathBuf};

/// Steps that can't be equal: case, steps, why. Whatever becomes equal has to leave this list.
const UNEQUAL: &[(&str, &[u32], &str)] =
    &[("pve9-ha-fresh", &[5], "node pve3 had not yet reported any figures when this was recorded")];

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_answer_is_given() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    let files = recordings(&folder).unwrap();
    assert!(!files.is_empty());
    let tasks: Vec<_> =
        files.into_iter().map(|file| tokio::spawn(complaints(file, folder.join("SEED.json")))).collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    for (case, ..) in UNEQUAL {
        assert!(folder.join(format!("{case}.jsonl")).exists(), "there is no recording {case}");
    }
    assert!(all.is_empty(), "{} steps are not as expected:\n{}", all.len(), all.join("\n"));
}

async fn complaints(file: PathBuf, seed: PathBuf) -> Vec<String> {
    let case = Case::load(&file).unwrap();
    let outcome = play(&case, &seed).await.unwrap();
    assert_eq!(outcome.steps.len(), case.steps.len());
    outcome.steps.iter().filter_map(|step| complaint(&outcome, step)).collect()
}

fn complaint(outcome: &Outcome, step: &Played) -> Option<String> {
    let excused =
        |(case, steps, _): &&(&str, &[u32], &str)| *case == outcome.case && step.n.is_some_and(|n| steps.contains(&n));
    let name = format!("{} {}: {}", outcome.case, step.n.map_or_else(|| "end".into(), |n| n.to_string()), step.title);
    match (&step.verdict, UNEQUAL.iter().find(excused)) {
        (Verdict::Different(differences), None) => Some(format!("{name}\n    {}", differences.join("\n    "))),
        (Verdict::Different(_), Some(_)) => None,
        (Verdict::OutOfScope, None) => Some(format!("{name} was not played")),
        (_, Some((.., why))) => Some(format!("{name} needs no excuse any more ({why})")),
        (_, None) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_noticed_and_the_rest_is_played_on() {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("altered.jsonl");
    let text = std::fs::read_to_string(recordings.join("pve9-replication-async.jsonl")).unwrap();
    let moved = r#"{"n": 2, "kind": "guest", "action": "move", "args": [999, "pve1", "pve2"]}"#;
    let altered = text.replace("replication job '101-0' already exists", "no such guest");
    let mut lines: Vec<&str> = altered.lines().collect();
    lines.insert(3, moved);
    std::fs::write(&file, lines.join("\n")).unwrap();
    let outcome = play(&Case::load(&file).unwrap(), &recordings.join("SEED.json")).await.unwrap();
    let different = |step: &&Played| matches!(step.verdict, Verdict::Different(_));
    let titles: Vec<&str> = outcome.steps.iter().filter(different).map(|step| step.title.as_str()).collect();
    assert_eq!(titles, ["guest move 999 pve1 pve2", "POST /cluster/replication"]);
}
