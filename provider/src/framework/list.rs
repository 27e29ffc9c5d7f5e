//! All objects of a resource type, as an import of each would find them.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;

use super::apply::panicked;
use super::read::{complete, relative, with_id};
use super::{Context, Diagnostics, Resource, Stop, Value};

/// How long a list may take.
const LIST_TIMEOUT: Duration = Duration::from_mins(2);

/// An object that was found.
#[derive(Debug)]
pub struct Listed {
    /// Its natural id, which a person uses.
    pub name: String,
    /// Its identity, which core uses.
    pub identity: Value,
    /// All of it, as it would be in the state after an import.
    pub object: Value,
}

/// The outcome of a list.
#[derive(Debug, Default)]
pub struct Listing {
    pub objects: Vec<Listed>,
    /// Diagnostics for the user.
    pub diagnostics: Diagnostics,
}

/// Finds all objects of the type `resource`.
pub async fn list(resource: &dyn Resource, stop: Stop) -> Listing {
    let cx = Context::new(Instant::now() + LIST_TIMEOUT, stop);
    let found = AssertUnwindSafe(resource.list(&cx)).catch_unwind().await;
    let found = found.unwrap_or_else(|panic| Err(panicked(&*panic)));
    let mut diagnostics = cx.into_warnings();
    let objects = match found {
        Ok(found) => found.iter().map(|found| listed(resource, found)).collect(),
        Err(failure) => {
            diagnostics.push(failure.into_error(format!("Cannot list every {}", resource.title())));
            Vec::new()
        }
    };
    Listing { objects, diagnostics }
}

fn listed(resource: &dyn Resource, found: &Value) -> Listed {
    let schema = resource.schema();
    let nothing = complete(&schema.block, &Value::Null);
    let object = with_id(resource, relative(&schema.block, &nothing, found));
    let name = object.at("id").as_str().unwrap_or_default().to_owned();
    Listed { name, identity: schema.identity_of(&object), object }
}
