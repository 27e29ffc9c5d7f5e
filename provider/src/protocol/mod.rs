//! The wire: what core says in tfplugin5, in our values, and back.
//!
//! This layer only ever translates. It is independent of Proxmox and decides nothing about a plan or a state: every
//! call is passed to one method of [`framework::Provider`](crate::framework::Provider), and core is always answered
//! with a message and diagnostics, never with a gRPC status, not even after a panic.

mod diagnostics;
mod dynamic;
mod function;
mod guard;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod hostile;
mod identity;
mod json;
mod malformed;
mod msgpack;
mod path;
mod rpc;
mod schema;
mod service;
mod shape;
mod types;

pub use guard::note_panic;
pub use service::Service;

/// The messages and the service of plugin protocol 5, generated from `proto/tfplugin5.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, clippy::unimplemented)]
pub mod tfplugin5 {
    include!("../../proto/generated/tfplugin5.rs");
}

/// The largest message that is taken or given, as in go-plugin's server. (tonic's default is 4 MiB.)
pub const MESSAGE_LIMIT: usize = 256 << 20;
