//! Turns a panic inside a call into a value: one bad call must not end the run of all others.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo};

use futures_util::FutureExt;

thread_local! {
    static LAST_PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What is known of a panic. Texts made at run time are left out: they might quote a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Crash {
    /// Source file and line.
    pub(super) place: String,
    /// The text, if it is a literal of the source.
    pub(super) text: Option<&'static str>,
}

/// Remembers where a panic happened. To be called by the process's panic hook, the only place that has it.
pub fn note_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
    LAST_PLACE.with(|last| *last.borrow_mut() = place);
}

/// Runs `work` to its end.
///
/// # Errors
/// It panicked.
pub(super) async fn guard<T>(work: impl Future<Output = T>) -> Result<T, Crash> {
    // Unwinding happens inside of a poll, so the code that catches it is on the thread whose hook was run.
    AssertUnwindSafe(work).catch_unwind().await.map_err(|payload| Crash::of(payload.as_ref()))
}

impl Crash {
    fn of(payload: &(dyn Any + Send)) -> Self {
        let place = LAST_PLACE.with(|last| last.borrow_mut().take());
        Self { place: place.unwrap_or_else(|| "an unknown place".to_owned()), text: payload.downcast_ref().copied() }
    }
}
