//! Proxmox's HA manager as pure code: where every service goes, and when.
//!
//! This layer only ever computes: it does no IO, reads no clock, waits for nothing and knows neither Terraform nor HTTP.
//! Whatever a cluster resource manager ([`crm::Crm`], with its [`manager::Manager`]) or a local resource manager
//! ([`lrm::Lrm`]) needs from the world comes through one trait, [`environment::Environment`]; [`testbed::Testbed`]
//! is a world in memory, and the emulator brings its own.
//!
//! PVE 8 (groups) and PVE 9 (rules) are both here: [`config::Policy`] says which one applies, [`config::Engine`] which
//! release of PVE 9 where they differ.

pub mod affinity;
pub mod command;
pub mod config;
pub mod crm;
pub mod environment;
pub mod explain;
pub mod feasibility;
pub mod forecast;
pub mod groups;
pub mod imbalance;
pub mod locks;
pub mod lrm;
pub mod manager;
pub mod motion;
pub mod nodes;
pub mod scenario;
pub mod select;
pub mod service;
pub mod sets;
pub mod status;
pub mod testbed;
pub mod topsis;
pub mod usage;
