//! `cargo xtask bench`: speed, requests and memory of the release build, measured with the real CLI against an emulator
//! whose every answer takes 20 ms.
//!
//! What is the CLI's own is measured beside it: the same plan with as many `terraform_data`, which no provider process
//! serves.

mod cli;
mod cluster;
mod compare;
mod handshake;
mod profile;
mod raw;
mod report;
mod show;
mod watch;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::{Outcome, Workspace};
use cli::Folder;
use cluster::{Cluster, Counts, Pace};
use profile::Profile;
use report::Report;
use watch::{Usage, Watch};

/// Measure plan and apply of many HA resources, the start of the plugin, and its size
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many HA resources are in the state, in blocks of 1000; the goals are for the first
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    resources: Vec<usize>,
    /// How long the emulator takes for every answer
    #[arg(long, default_value_t = 20)]
    latency_ms: u64,
    /// How long a write holds the lock of its file; about 100 on a genuine cluster
    #[arg(long, default_value_t = 0)]
    write_ms: u64,
    /// How often each plan is measured; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Take both programs from this folder instead of building them
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Fail if a goal is missed
    #[arg(long)]
    strict: bool,
    /// Compare apply, refresh and destroy instead, at 0 ms and at --latency-ms, with the null provider
    #[arg(long)]
    compare: bool,
    /// Compare with plain sequential POSTs over one connection, too
    #[arg(long)]
    raw: bool,
    /// Compare with the program of another provider
    #[arg(long, requires = "profile")]
    against: Option<PathBuf>,
    /// How that provider is used: JSON with source, name, resource, attribute, attributes, environment, provider_block
    #[arg(long, requires = "against")]
    profile: Option<PathBuf>,
    /// The largest size that a comparison creates and destroys; greater ones are only refreshed
    #[arg(long, default_value_t = 1000)]
    apply_up_to: usize,
    /// Write the chart of a comparison to this file
    #[arg(long)]
    svg: Option<PathBuf>,
}

impl Args {
    fn pace(&self, latency_ms: u64) -> Pace {
        Pace { latency_ms, write_ms: self.write_ms }
    }

    fn is_comparison(&self) -> bool {
        self.compare || self.raw || self.against.is_some()
    }
}

/// Runs the command.
///
/// # Errors
/// A build or run failed, a plan was not empty, or, with `--strict`, a goal was missed.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let programs = match &args.programs {
        Some(folder) => folder.canonicalize()?,
        None => build(workspace)?,
    };
    if args.is_comparison() {
        return compare(&programs, args);
    }
    println!("{}; latency {} ms; median of {} runs", cli::version()?, args.latency_ms, args.runs);

    let mut report = Report::default();
    start(&programs.join(PROVIDER), &mut report)?;
    let mut made: Option<Made> = None;
    for (position, &count) in args.resources.iter().enumerate() {
        let bench = Bench { args, programs: &programs, count, goals: position == 0 };
        match &made {
            None => made = Some(bench.apply_then_plan(&mut report)?),
            Some(made) => bench.plan_only(made, &mut report)?,
        }
    }
    report.print();
    if args.strict && report.missed() { Err("a goal was missed".into()) } else { Ok(()) }
}

/// Prints the table of a comparison.
fn compare(programs: &Path, args: &Args) -> Outcome {
    println!("{}; medians of {} interleaved runs", cli::version()?, args.runs);
    let against = match (&args.against, &args.profile) {
        (Some(program), Some(profile)) => Some((program.clone(), Profile::read(profile)?)),
        _ => None,
    };
    let latencies: &[u64] = if args.latency_ms == 0 { &[0] } else { &[0, args.latency_ms] };
    let figures = compare::run(&compare::Plan {
        programs,
        counts: &args.resources,
        paces: &latencies.iter().map(|latency| args.pace(*latency)).collect::<Vec<_>>(),
        runs: args.runs,
        apply_up_to: args.apply_up_to,
        raw: args.raw,
        against,
    })?;
    println!("\n{}", show::table(&figures));
    match &args.svg {
        Some(path) => Ok(std::fs::write(path, show::svg(&figures))?),
        None => Ok(()),
    }
}

/// What the first size has put into the state; the others start with copies of it.
struct Made {
    resource: serde_json::Value,
    nothing: serde_json::Value,
}

struct Bench<'a> {
    args: &'a Args,
    /// Where the provider and the emulator are.
    programs: &'a Path,
    count: usize,
    /// Whether the goals are meant for this size.
    goals: bool,
}

impl Bench<'_> {
    /// Creates the resources through the provider, then plans them.
    fn apply_then_plan(&self, report: &mut Report) -> Result<Made, Box<dyn std::error::Error>> {
        let cluster = Cluster::start(self.programs, self.args.pace(self.args.latency_ms), self.count, false)?;
        let folder = Folder::of_resources(self.programs, &cluster, self.count)?;
        let before = cluster.counts()?;
        let (took, usage) = self.watched(|| folder.apply())?;
        let counts = cluster.counts()? - before;
        // In the long run: what a run asks once, some ten requests, doesn't count.
        let per_resource = (counts.requests as f64 / self.count as f64 * 10.0).round() / 10.0;

        report.section(format!("apply of {} new", self.count));
        report.line("wall", seconds(took));
        report.line("requests", counts.requests.to_string());
        report.goal("requests per resource", per_resource, 2.0, 1, "", self.goals);
        report.line("connections", counts.connections.to_string());
        report.line("plugin peak RSS", mebibytes(usage.peak_rss));
        report.line("plugin CPU", seconds(usage.cpu));

        let floor = Folder::of_nothing(self.programs, self.count)?;
        floor.apply()?;
        self.plan(&cluster, &folder, &floor, report)?;
        Ok(Made { resource: folder.resource()?, nothing: floor.resource()? })
    }

    /// Plans resources that the cluster was started with.
    fn plan_only(&self, made: &Made, report: &mut Report) -> Outcome {
        let cluster = Cluster::start(self.programs, self.args.pace(self.args.latency_ms), self.count, true)?;
        let folder = Folder::of_resources(self.programs, &cluster, self.count)?;
        folder.write_state(&made.resource, self.count)?;
        let floor = Folder::of_nothing(self.programs, self.count)?;
        floor.write_state(&made.nothing, self.count)?;
        self.plan(&cluster, &folder, &floor, report)
    }

    fn plan(&self, cluster: &Cluster, folder: &Folder, floor: &Folder, report: &mut Report) -> Outcome {
        let mut walls = Vec::new();
        let mut floors = Vec::new();
        let mut cpu = Vec::new();
        let mut peak_rss = 0;
        let mut counts = Counts::default();
        for _ in 0..self.args.runs.max(1) {
            let before = cluster.counts()?;
            let (took, used) = self.watched(|| folder.plan())?;
            counts = counts.max(cluster.counts()? - before);
            cpu.push(used.cpu);
            peak_rss = peak_rss.max(used.peak_rss);
            walls.push(took);
            floors.push(timed(|| floor.plan())?);
        }
        let (wall, floor) = (median(walls), median(floors));

        report.section(format!("plan of {}, nothing to change", self.count));
        report.line("wall", seconds(wall));
        report.line("the CLI's own floor", seconds(floor));
        report.goal("above the floor", wall.as_secs_f64() - floor.as_secs_f64(), 0.35, 2, " s", self.goals);
        report.goal("requests", counts.requests as f64, 5.0, 0, "", true);
        report.goal("connections", counts.connections as f64, 2.0, 0, "", true);
        report.goal("plugin peak RSS", peak_rss as f64 / MIB, 25.0, 1, " MiB", self.goals);
        report.goal("plugin CPU, all processes", median(cpu).as_secs_f64(), 0.3, 2, " s", self.goals);
        Ok(())
    }

    /// Runs `work` while the provider's processes are watched.
    fn watched(&self, work: impl FnOnce() -> Outcome) -> Result<(Duration, Usage), Box<dyn std::error::Error>> {
        let watch = Watch::on(&self.programs.join(PROVIDER))?;
        let took = timed(work);
        let usage = watch.finish();
        Ok((took?, usage))
    }
}

const PROVIDER: &str = "terraform-provider-pve";
const MIB: f64 = 1024.0 * 1024.0;

fn build(workspace: &Workspace) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let packages = ["-p", "terraform-provider-pve", "-p", "pve-emulator", "--bins", "--example", "null-provider"];
    let cargo =
        Command::new("cargo").args(["build", "--release"]).args(packages).current_dir(workspace.root()).status()?;
    if !cargo.success() {
        return Err("the release build failed".into());
    }
    Ok(workspace.target().join("release").canonicalize()?)
}

fn start(provider: &Path, report: &mut Report) -> Outcome {
    let size = std::fs::metadata(provider)?.len();
    let start = handshake::measure(provider, 50)?;
    report.section("start of the plugin".to_owned());
    report.goal("to the handshake with mTLS", start.median.as_secs_f64() * 1e3, 3.0, 2, " ms", true);
    report.goal("RSS then", start.rss as f64 / MIB, 8.0, 1, " MiB", true);
    report.goal("binary", size as f64 / 1e6, 15.0, 2, " MB", true);
    Ok(())
}

fn timed(work: impl FnOnce() -> Outcome) -> Result<Duration, Box<dyn std::error::Error>> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / MIB)
}
