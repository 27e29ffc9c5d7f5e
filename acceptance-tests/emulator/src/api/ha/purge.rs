//! Removes a deleted resource from the rules.

use serde_json::Value;

use super::files;
use crate::world::World;

/// Takes a resource out of every rule; rules that are left without any vanish.
///
/// # Errors
/// The rules can't be written.
pub(super) fn from_rules(world: &mut World, sid: &str) -> Result<(), String> {
    let mut rules = (*files::rules(world)).clone();
    for rule in &mut rules.list {
        let text = rule.text("resources").unwrap_or_default();
        let left: Vec<&str> = text.split(',').filter(|other| *other != sid).collect();
        rule.values.insert("resources".into(), Value::String(left.join(",")));
    }
    rules.list.retain(|rule| rule.text("resources").is_some_and(|text| !text.is_empty()));
    files::write_rules(world, &rules)
}
