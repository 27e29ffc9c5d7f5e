//! Placement scenarios: a cluster, an event, and where Proxmox's own managers put every service.
//!
//! A scenario is one line of JSON. It is played on a [`Testbed`] from the very beginning, and every difference from
//! what Proxmox decided is reported.

mod case;
mod forecast_case;
mod play;

pub use case::{CaseError, ScenarioCase};
pub use forecast_case::forecast_case;
pub use play::play;

/// Something that came out differently from what Proxmox decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// At which reading: `steady`, `after`, …
    pub reading: String,
    /// What is different: a service, a node, the master …
    pub what: String,
    pub expected: String,
    pub found: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: expected {}, found {}", self.reading, self.what, self.expected, self.found)
    }
}
