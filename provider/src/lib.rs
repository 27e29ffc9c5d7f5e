//! A Terraform and OpenTofu provider for Proxmox VE high availability.
//!
//! The layers, and what each never does, are drawn in `ARCHITECTURE.md`.

pub mod client;
pub mod framework;
pub mod plugin;
pub mod protocol;
