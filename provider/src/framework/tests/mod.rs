//! The framework against a resource in memory, each of whose operations can be made to fail in every way.

mod applies;
mod deletes;
mod plans;
mod secret_names;
mod secrets;
mod server;
mod thing;

use thing::{Things, thing};
