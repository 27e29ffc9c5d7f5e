//! Runs of the real `tofu` or `terraform` against a cluster, emulated or real, and of recorded requests against the emulator.

pub mod replay;
