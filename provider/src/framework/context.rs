//! The context of every operation: its deadline, its stop token, and its warnings.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::{Activity, Diagnostics, Path};

/// Signals operations in flight to end soon. Cancelled by core's `Stop`.
pub type Stop = CancellationToken;

/// The frame of one operation on one object.
#[derive(Debug)]
pub struct Context {
    /// When the operation's `timeouts` entry runs out.
    pub deadline: Instant,
    /// Cancelled when the user interrupts.
    pub stop: Stop,
    /// What core asks besides.
    pub activity: Arc<Activity>,
    warnings: Arc<Mutex<Diagnostics>>,
    waits: Waits,
}

/// What the operation waited for, and how long.
#[derive(Debug, Clone, Default)]
pub struct Waits(Arc<Mutex<BTreeMap<String, Duration>>>);

impl Waits {
    /// Takes note of a wait that is over.
    pub fn add(&self, what: &str, length: Duration) {
        *self.lock().entry(what.to_owned()).or_default() += length;
    }

    /// A warning for each thing that was waited for on behalf of the object called `name`.
    pub fn warnings(&self, name: &str) -> Diagnostics {
        let mut warnings = Diagnostics::new();
        for (what, length) in &*self.lock() {
            // Core shows one of all warnings that have a summary in common.
            warnings
                .warning(format!("Waited for {what}"), format!("{name}: waited {} s for {what}.", length.as_secs()));
        }
        warnings
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Context {
    /// A frame that ends at `deadline` or when `stop` is cancelled.
    pub fn new(deadline: Instant, stop: Stop) -> Self {
        Self { deadline, stop, activity: Arc::default(), warnings: Arc::default(), waits: Waits::default() }
    }

    /// The same beside other calls of core.
    #[must_use]
    pub fn beside(self, activity: Arc<Activity>) -> Self {
        Self { activity, ..self }
    }

    /// A part of the same operation that may take `limit`.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self {
            deadline: self.deadline.min(Instant::now() + limit),
            stop: self.stop.clone(),
            activity: self.activity.clone(),
            warnings: self.warnings.clone(),
            waits: self.waits.clone(),
        }
    }

    /// Adds a warning, which doesn't fail the operation.
    pub fn warn(&self, summary: impl Into<String>, detail: impl Into<String>) {
        self.lock().warning(summary, detail);
    }

    /// Adds a warning about the attribute at `path`, which doesn't fail the operation.
    pub fn warn_at(&self, path: Path, summary: impl Into<String>, detail: impl Into<String>) {
        self.lock().warning_at(path, summary, detail);
    }

    /// Where waits are noted.
    pub fn waits(&self) -> Waits {
        self.waits.clone()
    }

    /// What was said so far.
    pub fn into_warnings(self) -> Diagnostics {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Diagnostics> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
