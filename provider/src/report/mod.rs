//! `terraform-provider-pve report`: whether clusters are ready for production, and what failures would do to them.
//!
//! Run by a person, by CI or by a timer, not by core. It only ever reads. Each cluster is gathered once, by the reads of the
//! data sources, and every format is written from the same [`Report`].

mod arguments;
mod clusters;
mod gather;
mod html;
mod junit;
mod markdown;
mod model;
pub mod openmetrics;
mod plan;

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::ArgMatches;
use futures_util::future::join_all;
use pve_schemas::data::readiness::Level;

pub use arguments::command;
use arguments::{Format, Request};
use clusters::Target;
pub use clusters::Variables;
pub use model::{Cluster, Facts, Message, Report, Verdict};
pub use plan::{Comparison, Failure, Survival, Unknown};

use crate::framework::Severity;
use crate::terminal::say;

pub const NAME: &str = "report";

/// The exit code of a command line that can't be understood, as `EX_USAGE` of `sysexits.h`: 2 is an answer of this command.
pub const USAGE: u8 = 64;

/// What the command has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub code: u8,
    /// The report.
    pub output: String,
    /// Errors and warnings.
    pub messages: String,
}

impl Ended {
    fn failed(code: u8, message: impl Into<String>) -> Self {
        Self { code, output: String::new(), messages: format!("Error: {}", message.into()) }
    }
}

/// Does what the arguments ask for, in the environment of this process.
pub fn run(arguments: &ArgMatches) -> ExitCode {
    let variables: Variables =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let text = format!("Error: the command could not start: {error}");
            return say(&mut io::stderr(), &text, ExitCode::from(Verdict::Unknown.code()));
        }
    };
    let ended = runtime.block_on(report(arguments, &variables));
    // A look-up of a name may still hang in a thread of its own.
    runtime.shutdown_background();
    let mut code = ended.code;
    if !ended.messages.is_empty() {
        say(&mut io::stderr(), ended.messages.trim_end(), ExitCode::SUCCESS);
    }
    if !ended.output.is_empty()
        && say(&mut io::stdout(), ended.output.trim_end(), ExitCode::SUCCESS) != ExitCode::SUCCESS
    {
        code = Verdict::Unknown.code();
    }
    ExitCode::from(code)
}

/// The same with these variables as the environment.
pub async fn report(arguments: &ArgMatches, variables: &Variables) -> Ended {
    let request = Request::of(arguments);
    if let Some(conflict) = request.conflict() {
        return Ended::failed(USAGE, conflict);
    }
    let targets = match &request.clusters {
        None => clusters::from_environment(variables),
        Some(file) => {
            let text = fs::read_to_string(file).map_err(|error| error.to_string());
            match text.and_then(|text| clusters::from_file(&text, variables)) {
                Ok(targets) => targets,
                Err(problem) => {
                    return Ended::failed(
                        USAGE,
                        format!("--clusters {}: {problem}. Nothing was sent.", file.display()),
                    );
                }
            }
        }
    };
    match &request.plan {
        None => whole(&request, &targets).await,
        Some(file) => {
            let text = fs::read_to_string(file).map_err(|error| error.to_string());
            match text.and_then(|text| plan::Changes::parse(&text)) {
                Ok(changes) => compared(&request, &targets, &changes).await,
                Err(problem) => Ended::failed(
                    Verdict::Unknown.code(),
                    format!("--plan {}: {problem}. Nothing was sent.", file.display()),
                ),
            }
        }
    }
}

/// What a plan does to the one cluster of the environment.
async fn compared(request: &Request, targets: &[Target], changes: &plan::Changes) -> Ended {
    let [target] = targets else { return Ended::failed(USAGE, "--plan needs one cluster") };
    let comparison = plan::compare(target, &request.nodes, changes, request.timeout).await;
    let cluster = &comparison.cluster;
    let error = comparison.error.iter().map(|error| error.shown(Severity::Error, cluster));
    let warnings = comparison.warnings.iter().map(|warning| warning.shown(Severity::Warning, cluster));
    let messages = error.chain(warnings).collect();
    let text = match request.format {
        _ if request.check_only => plan::markdown::headline(&comparison),
        Format::Json => json(&comparison),
        _ => plan::markdown::render(&comparison),
    };
    delivered(request, comparison.verdict, text, messages)
}

async fn whole(request: &Request, targets: &[Target]) -> Ended {
    let gathered =
        targets.iter().map(|target| gather::gather(target, &request.nodes, request.profile, request.timeout));
    let report = Report::new(join_all(gathered).await);
    let messages: Vec<String> = report.clusters.iter().flat_map(messages).collect();
    let text = if request.check_only {
        verdicts(&report)
    } else {
        match request.format {
            Format::Html => html::render(&report),
            Format::Markdown => markdown::render(&report),
            Format::Json => json(&report),
            Format::Openmetrics => openmetrics::render(&report),
            Format::Junit => junit::render(&report),
        }
    };
    delivered(request, report.verdict, text, messages)
}

/// The report where it is to be: in the file, or for stdout.
fn delivered(request: &Request, verdict: Verdict, text: String, mut messages: Vec<String>) -> Ended {
    let (mut code, mut output) = (verdict.code(), text);
    if let Some(file) = &request.out {
        if let Err(error) = replace(file, &output) {
            messages.push(format!("Error: {}: the report can't be written: {error}", file.display()));
            code = Verdict::Unknown.code();
        }
        output = String::new();
    }
    Ended { code, output, messages: messages.join("\n") }
}

/// Errors and warnings of a cluster, as they are shown.
fn messages(cluster: &Cluster) -> Vec<String> {
    let error = cluster.error.iter().map(|error| error.shown(Severity::Error, &cluster.name));
    let warnings = cluster.warnings.iter().map(|warning| warning.shown(Severity::Warning, &cluster.name));
    error.chain(warnings).collect()
}

/// The verdict of each cluster with its reasons.
fn verdicts(report: &Report) -> String {
    let mut lines = Vec::new();
    for cluster in &report.clusters {
        lines.push(format!("{}: {}", cluster.name, cluster.verdict.words()));
        lines.extend(cluster.reasons().iter().map(|reason| format!("- {}", reason.replace('\n', " "))));
    }
    lines.join("\n")
}

fn json(document: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}

/// The word for a level.
fn level(level: Level) -> &'static str {
    match level {
        Level::Mandatory => "mandatory",
        Level::Recommended => "recommended",
    }
}

/// Puts `text` in the place of the file at once: a collector that reads it never sees half of it.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let written = fs::write(&beside, format!("{text}\n")).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}
