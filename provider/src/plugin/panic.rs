//! The panic hook: one line in the log's format instead of Rust's many, which core would show only in its debug log.

use std::panic::{self, PanicHookInfo};

use super::log;
use crate::protocol;

/// Replaces the hook of this process.
pub(super) fn install_hook() {
    panic::set_hook(Box::new(|info| {
        protocol::note_panic(info);
        log::always("error", &text(info));
    }));
}

/// Texts made at run time are left out: they might quote a secret.
fn text(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    match info.payload().downcast_ref::<&'static str>() {
        Some(text) => format!("panicked at {place}: {text}"),
        None => format!("panicked at {place}"),
    }
}
