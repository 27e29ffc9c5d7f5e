//! The log: lines of JSON on stderr in the form that go-plugin's hclog reads.
//!
//! Core drops what the user didn't ask for, but only after it was written; the same variables are obeyed here, so that
//! by default nothing is even formatted. Only this crate's own events are ever written: those of HTTP libraries can
//! hold request headers.

mod layer;
mod level;
mod line;

use std::env;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

pub(super) use line::always;

/// Starts to write down as much as the environment asks for.
pub(super) fn install() {
    let Some(level) = level::level(|name| env::var(name).ok()) else { return };
    let own = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
    let subscriber = tracing_subscriber::registry().with(layer::Hclog.with_filter(own));
    // A second call, in a test, keeps the first subscriber.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
