//! A life test: an emulated cluster with one of everything under management, random events between plans, and an oracle that
//! says what each plan has to be.
//!
//! ```text
//!  dice ──► event ──► stage (the cluster)          what happens
//!             │          │
//!             ▼          ▼
//!          oracle     observe                      what has to be, what is
//!             │          │
//!             └► judge ◄─┘ ◄── plan, apply         harm, or none
//! ```
//!
//! Invariant: the oracle is a pure function of what has happened, and nothing of the provider under test is in it. Before each
//! plan the cluster itself is compared with it, so that a wrong oracle is reported as such.

pub mod catalogue;
mod dice;
mod edits;
pub mod event;
mod figures;
mod hindrances;
pub mod judge;
pub mod observe;
pub mod oracle;
pub mod reason;
pub mod shrink;
mod spare;
mod stage;
pub mod topology;
pub mod trial;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

pub use figures::Figures;

use catalogue::Generation;
use judge::Harm;
use trial::{Life, Setting, Step};

/// How many events a cluster lives through.
const EVENTS_OF_A_LIFE: u64 = 100;

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many events, at least.
    pub events: u64,
    /// Seed of the random events.
    pub seed: u64,
    /// How many lives go on at once.
    pub jobs: usize,
    /// Whether harm is reduced to the fewest steps that do it.
    pub shrinks: bool,
}

#[derive(Debug)]
pub struct Report {
    /// How much was done.
    pub figures: Figures,
    /// The first harm that was found.
    pub harm: Option<Found>,
}

/// Harm, and how to see it again.
#[derive(Debug)]
pub struct Found {
    pub seed: u64,
    pub harm: Harm,
    /// What led to it.
    pub steps: Vec<Step>,
}

/// Runs lives until all events have taken place, or until harm is found. `after_life` is called after each life. `None` if no
/// emulator may be started.
pub fn run(name: &str, options: Options, after_life: impl Fn(u64, &Figures) + Sync) -> Option<Report> {
    let lives = options.events.div_ceil(EVENTS_OF_A_LIFE);
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let sum = Mutex::new((Figures::default(), None, false));
    thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= lives || is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let events = EVENTS_OF_A_LIFE.min(options.events - number * EVENTS_OF_A_LIFE);
                    let seed = options.seed.wrapping_add(number);
                    let life = trial::live(name, setting(seed), seed, events);
                    let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    let Some(Life { script, figures, harm }) = life else {
                        sum.2 = true;
                        return;
                    };
                    after_life(seed, &figures);
                    sum.0.add(&figures);
                    if let Some(harm) = harm {
                        is_over.store(true, Ordering::Relaxed);
                        sum.1.get_or_insert(Found { seed, harm, steps: script });
                    }
                }
            });
        }
    });
    let (figures, found, is_skipped) = sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if is_skipped {
        return None;
    }
    let harm = found.map(|found| if options.shrinks { shrunk(name, setting(found.seed), found) } else { found });
    Some(Report { figures, harm })
}

/// Two lives of three begin on PVE 8, so that the upgrade is often met; one of two has the spare.
fn setting(seed: u64) -> Setting {
    let generation = if seed.is_multiple_of(3) { Generation::Nine } else { Generation::Eight };
    if seed.is_multiple_of(2) { Setting::with_spare(generation) } else { Setting::of(generation) }
}

/// The fewest steps of a life that still do the same kind of harm; all of them if a repetition does no harm, as where that
/// depended on the load of this machine.
pub fn shrunk(name: &str, setting: Setting, found: Found) -> Found {
    let kind = found.harm.kind;
    let mut harm = found.harm.clone();
    if trial::replay(name, setting, &found.steps).is_none_or(|again| again.kind != kind) {
        return found;
    }
    let steps = shrink::shrink(&found.steps, |steps| match trial::replay(name, setting, steps) {
        Some(again) if again.kind == kind => {
            harm = again;
            true
        }
        _ => false,
    });
    Found { harm, steps, ..found }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.harm)?;
        writeln!(f, "after these steps:")?;
        self.steps.iter().try_for_each(|step| writeln!(f, "  {step}"))
    }
}
