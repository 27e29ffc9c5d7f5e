//! Proxmox's HA manager as pure code: where and when it starts, stops and moves services.
//!
//! This layer only ever computes: it does no IO, reads no clock, waits for nothing and depends on neither Terraform nor HTTP.
//! All that a cluster resource manager ([`crm::Crm`], with its [`manager::Manager`]) or a local resource manager
//! ([`lrm::Lrm`]) needs from the world comes through one trait, [`environment::Environment`]; [`testbed::Testbed`]
//! is a cluster in memory, and the emulator has an implementation of its own.
//!
//! PVE 8 (groups) and PVE 9 (rules) are both here: [`config::Policy`] says which one applies, [`config::Engine`] which
//! release of PVE 9 where they differ.

pub mod affinity;
pub mod balance;
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
