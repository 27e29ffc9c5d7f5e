//! The client against a server on 127.0.0.1.

mod server;
mod traffic;
