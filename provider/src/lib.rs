//! A Terraform and OpenTofu provider for Proxmox VE high availability.
//!
//! The layers, and what each never does, are drawn in `ARCHITECTURE.md`.

pub mod call;
pub mod client;
pub mod command_line;
pub mod config;
pub mod data_sources;
pub mod explain;
pub mod framework;
pub mod functions;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod import_config;
pub mod operations;
pub mod plugin;
pub mod preflight;
pub mod privileges;
pub mod protocol;
pub mod readiness;
pub mod registry;
pub mod report;
pub mod resources;
pub mod session;
pub mod simulation;
pub mod source;
pub mod ssh;
pub mod terminal;
pub mod unknown;
mod words;
