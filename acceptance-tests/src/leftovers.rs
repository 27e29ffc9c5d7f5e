//! Objects that tests have left behind on an existing cluster: found by the guests that only tests touch.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::api::Api;

/// Removes all that concerns none but the guests with these ids: HA rules and resources, replication jobs, HA groups of tests. Says
/// what it was; an object that can't be removed stays, and the comparison finds it.
pub fn remove(api: &Api, guests: &[String]) -> Vec<String> {
    if guests.is_empty() {
        return Vec::new();
    }
    let is_ours = |sid: &str| sid.split_once(':').is_some_and(|(_, id)| guests.iter().any(|guest| guest == id));
    let mut found = Vec::new();
    for rule in list(api, "/cluster/ha/rules") {
        let resources: BTreeSet<&str> = text(&rule, "resources").split(',').filter(|sid| !sid.is_empty()).collect();
        if !resources.is_empty() && resources.iter().all(|sid| is_ours(sid)) {
            found.push(format!("/cluster/ha/rules/{}", text(&rule, "rule")));
        }
    }
    let resources = list(api, "/cluster/ha/resources");
    let mut groups: BTreeSet<&str> = BTreeSet::new();
    for resource in resources.iter().filter(|resource| is_ours(text(resource, "sid"))) {
        found.push(format!("/cluster/ha/resources/{}", text(resource, "sid")));
        groups.insert(text(resource, "group"));
    }
    // A group that others use as well is theirs.
    for resource in resources.iter().filter(|resource| !is_ours(text(resource, "sid"))) {
        groups.remove(text(resource, "group"));
    }
    found.extend(
        groups.into_iter().filter(|group| !group.is_empty()).map(|group| format!("/cluster/ha/groups/{group}")),
    );
    for job in list(api, "/cluster/replication") {
        let id = text(&job, "id");
        let is_removed = !job["remove_job"].is_null();
        if !is_removed && id.split_once('-').is_some_and(|(guest, _)| guests.iter().any(|other| other == guest)) {
            found.push(format!("/cluster/replication/{id}"));
        }
    }
    found.retain(|path| api.send("DELETE", path, &[]).is_ok());
    found
}

fn list(api: &Api, path: &str) -> Vec<Json> {
    // The other release's calls are refused.
    api.send("GET", path, &[]).ok().and_then(|list| list.as_array().cloned()).unwrap_or_default()
}

fn text<'j>(entry: &'j Json, member: &str) -> &'j str {
    entry[member].as_str().unwrap_or_default()
}
