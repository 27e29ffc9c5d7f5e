//! What every operation is given: until when it may run, when to stop, and where warnings go.

use std::sync::Mutex;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::{Diagnostics, Path};

/// Tells work in flight to end soon. Cancelled by core's `Stop`.
pub type Stop = CancellationToken;

/// The frame of one operation on one object.
#[derive(Debug)]
pub struct Context {
    /// When the operation's `timeouts` entry runs out.
    pub deadline: Instant,
    /// Cancelled when the user interrupts.
    pub stop: Stop,
    warnings: Mutex<Diagnostics>,
}

impl Context {
    /// A frame that ends at `deadline` or when `stop` is cancelled.
    pub fn new(deadline: Instant, stop: Stop) -> Self {
        Self { deadline, stop, warnings: Mutex::default() }
    }

    /// Tells the user something that doesn't fail the operation.
    pub fn warn(&self, summary: impl Into<String>, detail: impl Into<String>) {
        self.lock().warning(summary, detail);
    }

    /// Tells the user something about the attribute at `path` that doesn't fail the operation.
    pub fn warn_at(&self, path: Path, summary: impl Into<String>, detail: impl Into<String>) {
        self.lock().warning_at(path, summary, detail);
    }

    /// What was said so far.
    pub fn into_warnings(self) -> Diagnostics {
        self.warnings.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Diagnostics> {
        self.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
