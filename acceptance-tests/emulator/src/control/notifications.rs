//! The notifications that the cluster has sent, and events that only a test raises.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{Outcome, read};
use crate::api::notifications::event::Event;
use crate::api::notifications::outbox::Record;
use crate::server::Shared;

/// Runs an action, if it is one of these.
pub(super) fn run(shared: &Shared, action: &str, body: &Value) -> Option<Outcome> {
    Some(match action {
        "notifications" => Ok(list(shared)),
        "package-updates" => read(body.clone()).and_then(|updates| package_updates(shared, updates)),
        _ => return None,
    })
}

fn list(shared: &Shared) -> Value {
    let world = shared.cluster.world();
    json!({"deliveries": world.notifications.log().map(Record::to_json).collect::<Vec<_>>()})
}

#[derive(Deserialize)]
struct Updates {
    node: String,
    updates: BTreeMap<String, String>,
}

fn package_updates(shared: &Shared, found: Updates) -> Outcome {
    let mut world = shared.cluster.world();
    if !world.is_up(&found.node) {
        return Err(format!("no such node that is up: {}", found.node));
    }
    let updates: Vec<(String, String)> = found.updates.into_iter().collect();
    let event = Event::package_updates(&found.node, &updates, world.now());
    world.notify(&event, &found.node);
    Ok(json!({}))
}
