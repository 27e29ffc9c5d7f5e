//! The framework against a resource in memory, whose every verb can be made to fail in every way.

mod applies;
mod plans;
mod secret_names;
mod secrets;
mod thing;

use thing::{Things, thing};
