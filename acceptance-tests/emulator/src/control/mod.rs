//! The control plane: `POST /emulator/…`, for whoever drives the cluster from outside.
//!
//! Invariant: nothing here is part of Proxmox's API, and nothing of Proxmox's API is here.

pub mod counters;
pub mod faults;

use bytes::Bytes;

use crate::error::ApiResult;
use crate::server::Shared;
use crate::world::seed::Seed;

/// What the control plane keeps.
pub(crate) struct Control {
    pub(crate) counters: counters::Counters,
    pub(crate) faults: faults::Faults,
    pub(crate) seed: Seed,
}

impl Control {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { counters: counters::Counters::default(), faults: faults::Faults::default(), seed }
    }
}

/// Answers a call of the control plane: status and JSON text.
pub(crate) async fn handle(
    shared: &Shared,
    _method: &http::Method,
    path: &str,
    _body: ApiResult<Bytes>,
) -> (u16, String) {
    if path == "/emulator/seed" {
        *shared.cluster.world() = shared.build_world(&shared.control.seed, shared.options.initial);
        return (200, "{}".to_owned());
    }
    (501, r#"{"error":"no such control"}"#.to_owned())
}
