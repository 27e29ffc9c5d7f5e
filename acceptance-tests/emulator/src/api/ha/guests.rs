//! The HA configuration as the calls of guests use it.

use serde_json::{Value, json};

use super::{files, purge};
use crate::world::{Pve, World};

/// Whether calls about the guest are left to the managers: it is configured, and not ignored.
#[must_use]
pub fn is_managed(world: &World, sid: &str) -> bool {
    let resources = files::resources(world);
    let section = resources.list.iter().find(|section| section.id == sid);
    section.is_some_and(|s| s.values.get("state").and_then(Value::as_str) != Some("ignored"))
}

/// Asks for another state, as `ha-manager set SID --state` does.
///
/// # Errors
/// A value can't be written.
pub fn request_state(world: &mut World, sid: &str, state: &str) -> Result<(), String> {
    let mut resources = (*files::resources(world)).clone();
    for section in resources.list.iter_mut().filter(|section| section.id == sid) {
        section.values.insert("state".to_owned(), json!(state));
    }
    files::write_resources(world, &resources)
}

/// Takes a resource out of the configuration together with the guest it was.
///
/// # Errors
/// A value can't be written.
pub fn forget(world: &mut World, sid: &str) -> Result<(), String> {
    let mut resources = (*files::resources(world)).clone();
    resources.list.retain(|section| section.id != sid);
    files::write_resources(world, &resources)?;
    if world.profile.pve >= Pve::V9 { purge::from_rules(world, sid) } else { Ok(()) }
}
