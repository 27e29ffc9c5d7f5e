//! Runs of the real `tofu` or `terraform` against a cluster, emulated or real, and of recorded requests against the emulator.
//!
//! Invariant: a test owns its cluster, its working folder and every process it starts, and leaves nothing behind. Of a
//! cluster that exists (`PVE_ACC_EXISTING_CLUSTER=1`) it borrows guests, and gives everything back as it was.

pub mod api;
pub mod big;
pub mod cli;
pub mod closed_port;
pub mod cluster;
pub mod core;
mod hurry;
pub mod leftovers;
pub mod life;
pub mod machines;
pub mod needed;
pub mod nodes;
pub mod output;
pub mod plan;
pub mod process;
pub mod promise;
pub mod receivers;
pub mod replay;
pub mod runtime;
pub mod soak;
pub mod sshd;
mod trust;
pub mod workspace;

pub use cluster::Cluster;
pub use workspace::Workspace;
