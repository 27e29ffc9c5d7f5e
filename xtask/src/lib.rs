//! Every command that CI runs: one module per command.
//!
//! A command takes the checkout as it finds it, says in one line per finding what is wrong and where, and fails by
//! returning an error. It is independent of its caller.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "these are command line tools; stdout is theirs")]

pub mod acceptance;
pub mod bench;
pub mod catalogue;
pub mod ci;
pub mod dist;
pub mod docs;
pub mod fuzz;
pub mod packages;
pub mod placement;
pub mod promises;
pub mod protos;
pub mod publish;
pub mod release;
pub mod replay;
pub mod schemas;
pub mod soak;
pub mod test;
pub mod tidy;

mod generated;
mod workspace;

pub use generated::Generated;
pub use workspace::Workspace;

/// How a command ends: the error is the last thing it says.
pub type Outcome = Result<(), Box<dyn std::error::Error>>;
