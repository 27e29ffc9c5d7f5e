//! Notifications: what Proxmox raises, and which matchers send it where.

pub mod conditions;
pub mod event;
pub mod filter;
pub mod routing;
pub mod window;
