//! What the forge runs: workflows that read, actions that are pinned, commands that anybody can run.

use std::collections::BTreeMap;
use std::io;

use regex::Regex;
use serde::Deserialize;

use super::Finding;
use crate::Workspace;

const FOLDER: &str = ".github/workflows";

/// The only commands of a workflow: everything else is in them.
const COMMANDS: [&str; 2] = ["cargo xtask ", ".ci/run"];

/// The job that may write: it publishes a release.
const PUBLISHER: (&str, &str) = ("release.yml", "publish");

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Workflow {
    permissions: Option<Permissions>,
    jobs: BTreeMap<String, Job>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Job {
    permissions: Option<Permissions>,
    environment: Option<String>,
    timeout_minutes: Option<u32>,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
struct Step {
    uses: Option<String>,
    run: Option<String>,
    #[serde(default)]
    with: Option<With>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct With {
    persist_credentials: Option<bool>,
}

/// Each scope, and `read` or `write`; a single word for all scopes is not accepted.
type Permissions = BTreeMap<String, String>;

/// Every workflow that does more than it needs.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let pinned = Regex::new(r"^[\w.-]+/[\w./-]+@[0-9a-f]{40}$").map_err(io::Error::other)?;
    let mut findings = Vec::new();
    for file in workspace.files(FOLDER)? {
        let text = workspace.text(&file)?.unwrap_or_default();
        let name = file.rsplit('/').next().unwrap_or_default();
        match serde_saphyr::from_str::<Workflow>(&text) {
            Ok(workflow) => {
                let problems = problems(name, &text, &workflow, &pinned);
                findings.extend(problems.into_iter().map(|(line, problem)| Finding::new(&file, line, problem)));
            }
            Err(problem) => findings.push(Finding::new(&file, 0, format!("not a workflow: {problem}"))),
        }
    }
    Ok(findings)
}

/// What is wrong with a workflow, and on which line; line 0 is the file.
fn problems(name: &str, text: &str, workflow: &Workflow, pinned: &Regex) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    let mut add = |needle: &str, problem: String| {
        let line =
            text.lines().position(|line| !needle.is_empty() && line.contains(needle)).map_or(0, |index| index + 1);
        problems.push((line, problem));
    };
    let reads = |permissions: &Permissions| permissions.values().all(|access| access == "read");
    if !workflow.permissions.as_ref().is_some_and(reads) {
        add("permissions:", "the permissions of a workflow are listed, and each is `read`".into());
    }
    if text.contains("pull_request_target") {
        add("pull_request_target", "a workflow that a stranger starts has no secrets".into());
    }
    for (id, job) in &workflow.jobs {
        let writes = job.permissions.as_ref().is_some_and(|permissions| !reads(permissions));
        if writes && ((name, id.as_str()) != PUBLISHER || job.environment.is_none()) {
            add(&format!("{id}:"), format!("the job `{id}` writes: only one that publishes does, in an environment"));
        }
        if job.timeout_minutes.is_none() {
            add(&format!("{id}:"), format!("the job `{id}` needs `timeout-minutes`"));
        }
        for step in &job.steps {
            if let Some(action) = &step.uses {
                let version = text.lines().any(|line| line.contains(&format!("{action} # v")));
                if !pinned.is_match(action) || !version {
                    add(action, format!("`{action}`: name the commit, and the version in a comment"));
                }
                let keeps = step.with.as_ref().and_then(|with| with.persist_credentials) != Some(false);
                if action.starts_with("actions/checkout@") && keeps {
                    add(action, "a checkout needs `persist-credentials: false`".into());
                }
            }
            for line in step.run.iter().flat_map(|run| run.lines()) {
                let ours = COMMANDS
                    .iter()
                    .any(|command| line == *command || (command.ends_with(' ') && line.starts_with(command)));
                if !ours || line.contains([';', '|', '&', '$', '>', '`']) {
                    add(line, format!("`{line}`: a workflow runs `.ci/run` or one `cargo xtask` command a line"));
                }
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const GOOD: &str = "on:\n  push:\npermissions:\n  contents: read\njobs:\n  check:\n    runs-on: ubuntu-24.04\n    timeout-minutes: 5\n    steps:\n      \
        - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1\n        with:\n          persist-credentials: false\n      - run: cargo xtask ci\n";

    fn of(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        fs::create_dir_all(workspace.path(FOLDER)).unwrap();
        fs::write(workspace.path(".github/workflows/a.yml"), text).unwrap();
        findings(&workspace).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_way_to_do_more_than_needed_is_found() {
        assert_eq!(of(GOOD), Vec::<String>::new());
        let change = |from: &str, to: &str| {
            assert!(GOOD.contains(from), "{from}");
            of(&GOOD.replace(from, to))
        };
        let bad = [
            ("@3d3c42e5aac5ba805825da76410c181273ba90b1 #", "@v7 #", "name the commit"),
            (" # v7.0.1", "", "name the commit"),
            ("persist-credentials: false", "persist-credentials: true", "persist-credentials"),
            ("permissions:\n  contents: read\n", "", "permissions"),
            ("contents: read", "contents: write", "permissions"),
            ("cargo xtask ci", "curl example.com", "one `cargo xtask` command"),
            ("cargo xtask ci", "cargo xtask ci && rm -r /", "one `cargo xtask` command"),
            ("cargo xtask ci", "cargo xtask test ${{ github.event.issue.title }}", "one `cargo xtask` command"),
            ("    timeout-minutes: 5\n", "", "timeout-minutes"),
            (
                "    timeout-minutes: 5\n",
                "    timeout-minutes: 5\n    permissions:\n      packages: write\n",
                "`check` writes",
            ),
            ("  push:\n", "  pull_request_target:\n", "a stranger starts"),
            ("jobs:", "job:", "not a workflow"),
        ];
        for (from, to, expected) in bad {
            let found = change(from, to);
            assert!(found.len() == 1 && found[0].contains(expected), "{to}: {found:?}");
        }
    }
}
