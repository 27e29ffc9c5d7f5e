//! Which job a run of `vzdump` belongs to.
//!
//! Proxmox names no job in a task. The log of a run begins with its command line, which has all options of the job that they
//! were at that time.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use crate::value::{Entry, split};

/// The beginning of the line with the command line in the log of a run (`PVE::VZDump`).
const BEGIN: &str = "INFO: starting new backup job: vzdump";
/// The options that say which guests are backed up where: they have to be equal.
const TARGET: [&str; 6] = ["vmid", "all", "exclude", "pool", "node", "storage"];
/// The properties of a job that no run of it has, or that every run has.
const OF_JOB: [&str; 8] = ["comment", "enabled", "id", "next-run", "quiet", "repeat-missed", "schedule", "type"];

/// The options of a run, or of the runs of a job, in one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(BTreeMap<String, BTreeSet<String>>);

impl CommandLine {
    /// Of a run, from the lines of its log.
    pub fn of_log<'l>(lines: impl IntoIterator<Item = &'l str>) -> Option<Self> {
        let line = lines.into_iter().find_map(|line| line.strip_prefix(BEGIN))?;
        let mut options = BTreeMap::<String, BTreeSet<String>>::new();
        let mut name = "vmid".to_owned();
        for word in words(line) {
            match word {
                Word::Option(option) => name = option,
                Word::Value(value) => options.entry(name.clone()).or_default().extend(parts(&name, &value)),
            }
        }
        Some(Self(options).normal())
    }

    /// Of the runs that a job begins now.
    pub fn of_job(job: &Json) -> Self {
        let mut options = BTreeMap::<String, BTreeSet<String>>::new();
        for (name, value) in job.as_object().into_iter().flatten() {
            let values = match value {
                Json::Array(values) => values.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
                Json::Object(members) => {
                    members.keys().filter_map(|key| Some(format!("{key}={}", Entry(value).text(key)?))).collect()
                }
                _ => parts(name, &Entry(job).text(name).unwrap_or_default()),
            };
            options.insert(name.clone(), values);
        }
        Self(options).normal()
    }

    fn normal(mut self) -> Self {
        self.0.retain(|name, values| !OF_JOB.contains(&name.as_str()) && !values.is_empty());
        if self.0.get("all").is_some_and(|all| all.contains("0")) {
            self.0.remove("all");
        }
        self
    }

    /// In how many options it is equal to the other one; `None` if it is not for the same guests and the same place.
    fn likeness(&self, other: &Self) -> Option<usize> {
        let is_equal = |name: &str| self.0.get(name) == other.0.get(name);
        TARGET.iter().all(|name| is_equal(name)).then(|| self.0.keys().filter(|name| is_equal(name)).count())
    }

    /// Of the jobs with these command lines, those that the run may belong to: those most like it. An option of a job may have
    /// changed since its last run; two jobs that are equal share their runs.
    pub fn jobs<'l, 'j>(&self, jobs: impl IntoIterator<Item = (&'j str, &'l Self)>) -> Vec<&'j str> {
        let likely = jobs.into_iter().filter_map(|(id, job)| Some((job.likeness(self)?, id)));
        let likely: Vec<_> = likely.collect();
        let most = likely.iter().map(|(likeness, _)| *likeness).max();
        likely.into_iter().filter(|(likeness, _)| Some(*likeness) == most).map(|(_, id)| id).collect()
    }
}

/// The values of an option whose text is a list.
fn parts(name: &str, text: &str) -> BTreeSet<String> {
    match name {
        "vmid" | "exclude" | "mailto" => split(text).map(str::to_owned).collect(),
        "prune-backups" | "performance" | "fleecing" => text.split(',').map(str::to_owned).collect(),
        _ => [text.to_owned()].into(),
    }
}

/// A word of a command line.
enum Word {
    /// `--name`
    Option(String),
    /// Anything else.
    Value(String),
}

/// The words of a line as a shell reads them (`PVE::Tools::shellquote`).
fn words(line: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let (mut word, mut is_quoted, mut is_option, mut begun) = (String::new(), false, false, false);
    let mut characters = line.chars().chain([' ']);
    while let Some(c) = characters.next() {
        match c {
            '\'' => (is_quoted, begun) = (!is_quoted, true),
            '\\' if !is_quoted => word.extend(characters.next()),
            ' ' if !is_quoted => {
                let done = std::mem::take(&mut word);
                match done.strip_prefix("--").filter(|_| is_option) {
                    Some(name) => words.push(Word::Option(name.to_owned())),
                    None if begun => words.push(Word::Value(done)),
                    None => {}
                }
                (is_option, begun) = (false, false);
            }
            _ => {
                is_option |= !begun && c == '-';
                begun = true;
                word.push(c);
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_log(line: &str) -> CommandLine {
        CommandLine::of_log(["INFO: trying to get global lock - waiting...", line]).unwrap()
    }

    #[test]
    fn a_run_belongs_to_the_job_whose_options_it_has() {
        let jobs = [
            ("daily", json!({"vmid": "100,101", "storage": "nas", "enabled": 1, "prune-backups": {"keep-last": "3"}})),
            ("weekly", json!({"vmid": "100,101", "storage": "nas", "prune-backups": {"keep-weekly": "4"}})),
            (
                "all",
                json!({"all": 1, "exclude": "100 101", "notes-template": "it's {{guestname}} --all", "exclude-path": ["/a b", "/c"]}),
            ),
        ];
        let lines = jobs.each_ref().map(|(id, job)| (*id, CommandLine::of_job(job)));
        let owner = |line: &str| of_log(line).jobs(lines.iter().map(|(id, line)| (*id, line)));
        let begin = "INFO: starting new backup job: vzdump";
        let weekly = format!("{begin} 101 100 --quiet 1 --prune-backups 'keep-weekly=4' --storage nas");
        assert_eq!(owner(&weekly), ["weekly"]);
        let changed = format!("{begin} 100 101 --storage nas --mode stop");
        assert_eq!(owner(&changed), ["daily", "weekly"], "nothing but what they share");
        let all = format!(
            r"{begin} --all 1 --exclude 101,100 --notes-template 'it'\''s {{{{guestname}}}} --all' --exclude-path '/a b' --exclude-path /c"
        );
        assert_eq!(of_log(&all), lines[2].1);
        assert_eq!(owner(&all), ["all"]);
        for other in ["100 --storage nas", "100 101", "100 101 --storage nas --node pve1", "--all 1"] {
            assert_eq!(owner(&format!("{begin} {other}")), [""; 0], "{other}");
        }
    }

    #[test]
    fn a_log_without_a_command_line_is_of_no_job() {
        assert_eq!(CommandLine::of_log(["TASK ERROR: could not get storage information for 'x'"]), None);
    }
}
