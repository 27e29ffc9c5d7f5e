//! The worked examples that Proxmox ships as tests of its HA manager: three nodes unless said, basic scoring.

#![allow(clippy::unwrap_used, reason = "a test's own description of its cluster is well-formed")]

mod commands;
mod example;
mod placement;
