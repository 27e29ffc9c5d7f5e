//! The client against a server on 127.0.0.1.
//!
//! Where time matters it is tokio's paused clock, which jumps to the next timer as soon as nothing
//! else can go on; nothing here sleeps.

mod auth;
mod connections;
mod facts;
pub(crate) mod fake;
mod identity;
mod quorum;
mod read_back;
mod retry;
mod secrets;
pub(crate) mod server;
mod stop;
mod tls;
mod traffic;
mod turns;
