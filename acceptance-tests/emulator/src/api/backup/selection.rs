//! Which guests a job or a run is for, and which of them are on which node.

use std::collections::BTreeMap;

use crate::error::{ApiError, ApiResult};
use crate::schema::check::perl_text;
use crate::schema::params::split_list;
use crate::section_config::Values;
use crate::world::World;

/// The guests by the node they are on. Ids of guests that don't exist are under an empty name.
pub(super) type ByNode = BTreeMap<String, Vec<u32>>;

/// `get_included_guests`
pub(super) fn included(world: &World, options: &Values) -> ByNode {
    let text = |name: &str| options.get(name).map(perl_text).filter(|text| !text.is_empty());
    let mut ids: Vec<u32> = if let Some(pool) = text("pool") {
        // `exclude` is for `all` alone.
        world.access.pools.get(&pool).map(|pool| pool.guests.iter().copied().collect()).unwrap_or_default()
    } else if let Some(ids) = text("vmid") {
        split_list(&ids).iter().filter_map(|id| id.parse().ok()).collect()
    } else if is_set(options, "all") {
        let excluded = split_list(&text("exclude").unwrap_or_default());
        world.guests.keys().copied().filter(|id| !excluded.contains(&id.to_string())).collect()
    } else {
        Vec::new()
    };
    ids.sort_unstable();
    let only = text("node");
    let mut by_node = ByNode::new();
    for id in ids {
        let node = world.guests.get(&id).map_or("", |guest| guest.node.as_str());
        if node.is_empty() || only.as_deref().is_none_or(|only| only == node) {
            by_node.entry(node.to_owned()).or_default().push(id);
        }
    }
    by_node
}

/// `verify_vzdump_parameters`: which guests it is for is said in one way. To exclude guests means all others.
///
/// # Errors
/// 400
pub(super) fn verify(values: &mut Values, complete: bool) -> ApiResult<()> {
    for other in ["all", "exclude", "pool"] {
        if is_set(values, other) && is_set(values, "vmid") {
            return Err(ApiError::param(other, "option conflicts with option 'vmid'"));
        }
    }
    super::properties::take_max_files(values).map_err(|(name, text)| ApiError::param(name, text))?;
    if let Some(template) = values.get("notes-template").map(perl_text) {
        super::notes::verify(&template).map_err(|text| ApiError::param("notes-template", text))?;
    }
    if values.contains_key("exclude") && !is_set(values, "pool") {
        values.insert("all".to_owned(), 1.into());
    }
    if complete && !["all", "stop", "pool", "vmid"].into_iter().any(|name| is_set(values, name)) {
        return Err(ApiError::param("vmid", "property is missing"));
    }
    Ok(())
}

/// A change replaces what is selected; whatever is excluded from a pool does not survive a change either.
pub(super) fn replace(job: &mut Values, changed: &Values) {
    let replaced: &[&str] = if changed.contains_key("vmid") {
        &["all", "exclude", "pool"]
    } else if is_set(changed, "all") {
        &["vmid", "pool"]
    } else if is_set(job, "pool") {
        &["vmid", "all", "exclude"]
    } else {
        &[]
    };
    job.retain(|name, _| !replaced.contains(&name.as_str()));
}

/// Whether Perl takes it for true.
pub(super) fn is_set(values: &Values, name: &str) -> bool {
    values.get(name).map(perl_text).is_some_and(|text| !text.is_empty() && text != "0")
}
