//! A scene whose time a test stops and starts, and what an operation has done there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use acceptance_tests::core::Core;
use acceptance_tests::{Cluster, runtime};
use pve_emulator::{Options, Release};
use serde_json::json;

use super::super::Scene;

/// When the clock of the cluster is started.
pub(super) const START: f64 = 1_795_396_500.0;

/// A cluster whose clock only the test advances.
pub(super) struct Stage {
    pub(super) scene: Scene,
    clock: Clock,
    /// The tasks, requests and commands of its preparation.
    pub(super) before: Before,
}

#[derive(Default)]
pub(super) struct Before {
    pub(super) tasks: Vec<String>,
    writes: u64,
    commands: usize,
    marks: BTreeMap<String, String>,
}

struct Clock {
    runs: Arc<AtomicBool>,
    /// After how many changes it stops.
    stops_at: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Clock {
    /// Runs a hundred times as fast as a clock.
    fn start(cluster: &Arc<Cluster>) -> Self {
        let (runs, stops_at) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(u64::MAX)));
        let (is_running, limit, cluster) = (runs.clone(), stops_at.clone(), cluster.clone());
        let task = runtime::spawn(async move {
            let mut every = tokio::time::interval(Duration::from_millis(10));
            loop {
                every.tick().await;
                if changes(&cluster) >= limit.load(Ordering::Acquire) {
                    is_running.store(false, Ordering::Release);
                    limit.store(u64::MAX, Ordering::Release);
                }
                if is_running.load(Ordering::Acquire) {
                    cluster.emulator().cluster().world().advance(1.0);
                }
            }
        });
        Self { runs, stops_at, task }
    }
}

/// How many requests and commands may have changed something.
fn changes(cluster: &Cluster) -> u64 {
    let report = cluster.emulator().counters().report();
    let requests = report["requests"].as_object().unwrap();
    let writes = requests.iter().filter(|(name, _)| !name.starts_with("GET")).filter_map(|(_, count)| count.as_u64());
    let commands = cluster.emulator().commands().log();
    let commands = commands.iter().filter(|entry| is_change(entry["command"].as_str().unwrap_or_default()));
    writes.sum::<u64>() + commands.count() as u64
}

/// Whether a command line is one that changes something.
fn is_change(command: &str) -> bool {
    ["crm-command", "mv ", "rm ", "tee "].iter().any(|word| command.contains(word))
}

impl Stage {
    /// A cluster of that release, as `build` prepares it.
    pub(super) fn set(test: &str, release: Release, build: fn(&Scene), settings: &[(&str, &str)]) -> Option<Self> {
        let options = Options { release, ssh: true, clock: Some(START), ..Options::default() };
        let cluster = Arc::new(Cluster::own(test, options)?);
        let mut all = vec![("poll_interval", "50ms")];
        all.extend(settings);
        let core = runtime::block_on(Core::new(&cluster, &all));
        let clock = Clock::start(&cluster);
        let scene = Scene { cluster, core, _hurry: None };
        build(&scene);
        let mut stage = Self { scene, clock, before: Before::default() };
        stage.mark();
        Some(stage)
    }

    /// What happens from here on is the operation's.
    pub(super) fn mark(&mut self) {
        let tasks = self.scene.world(|world| world.tasks.iter().map(|task| task.upid.clone()).collect());
        let commands = self.scene.cluster.emulator().commands().log().len();
        self.before = Before { tasks, writes: self.scene.writes(), commands, marks: self.marks() };
    }

    /// What operations leave in `/etc/pve`: the records of evacuations, and what was asked of the HA manager.
    fn marks(&self) -> BTreeMap<String, String> {
        let is_mark = |path: &str| path.starts_with("/etc/pve/ha/evacuated-") || path == "/etc/pve/ha/crm_commands";
        let mut marks: BTreeMap<String, String> = self.scene.world(|world| {
            let files = world.files().filter(|(path, text)| is_mark(path) && !text.is_empty());
            files.map(|(path, text)| (path.to_owned(), text.to_owned())).collect()
        });
        let manager = self.scene.world(|world| world.file("/etc/pve/ha/manager_status").to_owned());
        let manager: serde_json::Value = serde_json::from_str(&manager).unwrap_or_default();
        for name in ["node_request", "disarm"] {
            marks.insert(name.to_owned(), manager[name].to_string());
        }
        marks
    }

    /// Something that is not as it was before the operation.
    pub(super) fn what_has_changed(&self) -> Option<String> {
        let (tasks, marks) = (self.tasks(), self.marks());
        (!tasks.is_empty() || marks != self.before.marks).then(|| format!("{tasks:?} {marks:?}"))
    }

    /// Has time stand still as soon as the operation has made that many changes.
    pub(super) fn stop_time_after(&self, count: u64) {
        self.clock.stops_at.store(changes(&self.scene.cluster) + count, Ordering::Release);
    }

    /// Has time stand still now.
    pub(super) fn stand_still(&self) {
        self.clock.runs.store(false, Ordering::Release);
    }

    pub(super) fn has_stopped(&self) -> bool {
        !self.clock.runs.load(Ordering::Acquire)
    }

    pub(super) fn go_on(&self) {
        self.clock.stops_at.store(u64::MAX, Ordering::Release);
        self.clock.runs.store(true, Ordering::Release);
    }

    pub(super) fn changes(&self) -> u64 {
        changes(&self.scene.cluster)
    }

    /// How many writes were sent over HTTPS.
    pub(super) fn writes(&self) -> u64 {
        self.scene.writes() - self.before.writes
    }

    /// The command lines that were run.
    pub(super) fn commands(&self) -> Vec<String> {
        let log = self.scene.cluster.emulator().commands().log();
        log.iter().skip(self.before.commands).map(|entry| entry["command"].as_str().unwrap().to_owned()).collect()
    }

    /// How often each kind of task was started for each guest on each node, unless it failed.
    pub(super) fn tasks(&self) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        self.scene.world(|world| {
            let new = world.tasks.iter().filter(|task| !self.before.tasks.contains(&task.upid));
            for task in new.filter(|task| task.status.as_deref().is_none_or(|status| status == "OK")) {
                *counts.entry(format!("{} {} on {}", task.kind, task.id, task.node)).or_default() += 1;
            }
        });
        counts
    }

    /// The tasks that were started more than once.
    pub(super) fn doubled(&self) -> Vec<String> {
        self.tasks()
            .into_iter()
            .filter(|(_, count)| *count > 1)
            .map(|(task, count)| format!("{task}: {count}"))
            .collect()
    }

    pub(super) fn break_command(&self, kind: &str, skip: usize) {
        let fault = json!({"kind": kind, "skip": skip});
        self.scene.cluster.emulator().commands().fault(serde_json::from_value(fault).unwrap()).unwrap();
    }
}
