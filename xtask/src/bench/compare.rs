//! Several providers beside each other and beside the floor, in interleaved runs: other load of the machine meets all of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cli::Folder;
use super::cluster::{Cluster, Pace};
use super::profile::Profile;
use super::watch::{Watch, ended_children};
use super::{PROVIDER, median, raw, timed};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What is measured.
pub struct Plan<'a> {
    /// Where the programs are.
    pub programs: &'a Path,
    pub counts: &'a [usize],
    pub paces: &'a [Pace],
    pub runs: usize,
    /// The largest size that is created and destroyed, too; greater ones are only refreshed.
    pub apply_up_to: usize,
    pub raw: bool,
    /// The program of another provider, and how it is used.
    pub against: Option<(PathBuf, Profile)>,
}

/// A provider's program, in a folder of its own under the name that the CLI looks for.
struct Subject {
    name: String,
    profile: Profile,
    folder: tempfile::TempDir,
    program: PathBuf,
    /// A state of one instance, from the first apply.
    made: Option<serde_json::Value>,
}

/// The medians of one subject at one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    pub subject: String,
    pub count: usize,
    pub latency_ms: u64,
    /// Duration and requests.
    pub apply: Option<(Duration, u64)>,
    pub refresh: Option<Refresh>,
    pub destroy: Option<(Duration, u64)>,
}

/// What a refresh took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    pub took: Duration,
    pub requests: u64,
    /// The CPU time of the provider's processes.
    pub provider: Duration,
    /// The same and the CLI's: of all processes of the run.
    pub total: Duration,
}

/// One run of one subject.
#[derive(Default)]
struct Run {
    apply: Option<(Duration, u64)>,
    refresh: Option<Refresh>,
    destroy: Option<(Duration, u64)>,
}

impl Subject {
    fn new(name: &str, program: &Path, profile: Profile) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let last = profile.source.rsplit('/').next().unwrap_or_default();
        let copy = folder.path().join(format!("terraform-provider-{last}"));
        std::fs::copy(program, &copy)?;
        Ok(Self { name: name.to_owned(), profile, folder, program: copy, made: None })
    }

    /// Creates, refreshes and destroys, each on a cluster of its own.
    fn whole(&mut self, plan: &Plan<'_>, count: usize, pace: Pace) -> Result<Run> {
        let cluster = Cluster::start(plan.programs, pace, count, false)?;
        let folder = Folder::of_provider(&self.profile, self.folder.path(), &cluster, count)?;
        let apply = counted(&cluster, || timed(|| folder.apply()))?;
        self.made = Some(folder.resource()?);
        let refresh = self.refreshed(&cluster, &folder)?;
        let destroy = counted(&cluster, || timed(|| folder.destroy()))?;
        Ok(Run { apply: Some(apply), refresh: Some(refresh), destroy: Some(destroy) })
    }

    /// Refreshes what the cluster was started with.
    fn refresh(&self, plan: &Plan<'_>, count: usize, pace: Pace) -> Result<Run> {
        let made = self.made.as_ref().ok_or("the first size has to be one that is created")?;
        let cluster = Cluster::start(plan.programs, pace, count, true)?;
        let folder = Folder::of_provider(&self.profile, self.folder.path(), &cluster, count)?;
        folder.write_state(made, count)?;
        Ok(Run { refresh: Some(self.refreshed(&cluster, &folder)?), ..Run::default() })
    }

    fn refreshed(&self, cluster: &Cluster, folder: &Folder) -> Result<Refresh> {
        let watch = Watch::on(&self.program)?;
        let mut total = Duration::ZERO;
        let refreshed = counted(cluster, || {
            let before = ended_children()?;
            let took = timed(|| folder.plan())?;
            total = ended_children()? - before;
            Ok(took)
        });
        let provider = watch.finish().cpu;
        let (took, requests) = refreshed?;
        Ok(Refresh { took, requests, provider, total })
    }
}

/// Measures all sizes.
///
/// # Errors
/// A run failed.
pub fn run(plan: &Plan<'_>) -> Result<Vec<Figures>> {
    let mut subjects = vec![
        Subject::new("pve-ha/pve", &plan.programs.join(PROVIDER), Profile::own())?,
        Subject::new("null provider", &plan.programs.join("examples/null-provider"), Profile::own())?,
    ];
    if let Some((program, profile)) = &plan.against {
        subjects.push(Subject::new(&profile.source, program, profile.clone())?);
    }
    let mut figures = Vec::new();
    for &pace in plan.paces {
        for &count in plan.counts {
            let is_applied = count <= plan.apply_up_to;
            let mut runs: Vec<Vec<Run>> = subjects.iter().map(|_| Vec::new()).collect();
            let mut floor = Vec::new();
            for _ in 0..plan.runs.max(1) {
                if plan.raw && is_applied {
                    let cluster = Cluster::start(plan.programs, pace, count, false)?;
                    floor.push(raw::create(&cluster, count)?);
                }
                for (subject, runs) in subjects.iter_mut().zip(&mut runs) {
                    let run = if is_applied {
                        subject.whole(plan, count, pace)?
                    } else {
                        subject.refresh(plan, count, pace)?
                    };
                    runs.push(run);
                }
            }
            if !floor.is_empty() {
                let apply = Some((median(floor), count as u64));
                let subject = "raw POSTs".to_owned();
                figures.push(Figures {
                    subject,
                    count,
                    latency_ms: pace.latency_ms,
                    apply,
                    refresh: None,
                    destroy: None,
                });
            }
            figures.extend(
                subjects.iter().zip(runs).map(|(subject, runs)| medians(&subject.name, count, pace.latency_ms, &runs)),
            );
        }
    }
    Ok(figures)
}

fn counted(cluster: &Cluster, work: impl FnOnce() -> Result<Duration>) -> Result<(Duration, u64)> {
    let before = cluster.counts()?;
    let took = work()?;
    Ok((took, (cluster.counts()? - before).requests))
}

fn medians(subject: &str, count: usize, latency_ms: u64, runs: &[Run]) -> Figures {
    let pair = |of: fn(&Run) -> Option<(Duration, u64)>| {
        let all: Option<Vec<_>> = runs.iter().map(of).collect();
        all.filter(|all| !all.is_empty()).map(|all| {
            let most = all.iter().map(|(_, requests)| *requests).max().unwrap_or_default();
            (median(all.into_iter().map(|(took, _)| took).collect()), most)
        })
    };
    let refreshes: Vec<Refresh> = runs.iter().filter_map(|run| run.refresh).collect();
    let of = |part: fn(&Refresh) -> Duration| median(refreshes.iter().map(part).collect());
    let refresh = refreshes.iter().map(|refresh| refresh.requests).max().map(|requests| Refresh {
        took: of(|refresh| refresh.took),
        requests,
        provider: of(|refresh| refresh.provider),
        total: of(|refresh| refresh.total),
    });
    Figures {
        subject: subject.to_owned(),
        count,
        latency_ms,
        apply: pair(|run| run.apply),
        refresh,
        destroy: pair(|run| run.destroy),
    }
}
