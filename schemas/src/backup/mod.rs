//! Backup jobs: the parts of their configuration, and which guests they cover.
//!
//! Facts of Proxmox: `/cluster/backup`, file `/etc/pve/jobs.cfg`.

mod coverage;
mod parts;
mod run;
mod words;

pub use coverage::{Coverage, Guest, Selection, uncovered};
pub use parts::{Fleecing, Performance, Retention};
pub use run::CommandLine;
pub use words::{Compression, Mailed, Mode, Notification, PbsDetection};
