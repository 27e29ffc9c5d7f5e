//! HA resources: what depends on the version, waiting for the CRM, and the purge of rules.

mod predecessor;

use std::time::Duration;

use pve_schemas::HaResource;
use pve_schemas::ha_resource::FAILBACK;
use pve_schemas::value::{Entry, HaMode, HaState, Sid};
use serde_json::Value as Json;

use super::moved::{self, Moved};
use super::operations::{OpContext, Operations, newly_set, simple_id};
use super::{explain, ha_features, ha_group};
use crate::client::{Collection, Params};
use crate::framework::{Change, Diagnostics, Failure, MoveSource, Path, Value};
use crate::preflight;
use crate::session::Configured;

/// How often the CRM's progress is looked at; it works in rounds of 10 s.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

impl Operations for HaResource {
    fn parse_id(id: &str) -> Result<Value, String> {
        simple_id("sid", Sid::FORMAT, id)
    }

    async fn preflight(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        let mut diagnostics = ha_features::auto_rebalance(op, &change).await;
        let gives_up = change.prior.is_some_and(|prior| gives_up_group(prior, change.planned));
        if !gives_up && !newly_set(&change, "failback") && !newly_set(&change, "group") {
            return diagnostics;
        }
        let Ok(mode) = op.client().ha_mode(&op.call()).await else { return diagnostics };
        if mode == HaMode::Groups && newly_set(&change, "failback") {
            diagnostics.error_at(
                Path::attribute("failback"),
                "failback needs PVE 9",
                "This cluster runs PVE 8, where HA resources have no failback. Write `nofailback` in the `pve_ha_group` of the \
                 resource instead.",
            );
        }
        if mode == HaMode::Rules && newly_set(&change, "group") {
            diagnostics.error_at(
                Path::attribute("group"),
                "This cluster has no HA groups any more",
                "This cluster has HA rules instead of groups. Remove `group` and write a `pve_ha_node_affinity_rule` with this \
                 resource in `resources`.",
            );
        }
        if mode == HaMode::Rules && gives_up && !has_failback(op, change.planned).await {
            diagnostics.warning_at(
                Path::attribute("failback"),
                "Failback is switched on",
                format!(
                    "{}: `nofailback` of its HA group is now `failback = false` of this HA resource. With neither \
                     `group` nor `failback` in the configuration, apply switches failback on. Write `failback = false` \
                     to leave it off.",
                    change.planned.at("sid").as_str().unwrap_or_default(),
                ),
            );
        }
        diagnostics
    }

    async fn referrers(op: &OpContext<'_>, object: &Value) -> Vec<String> {
        let sid = object.at("sid").as_str().unwrap_or_default();
        let Ok(list) = op.client().list(Collection::HaRules, &op.call()).await else { return Vec::new() };
        let entries: Vec<Json> = list.all().unwrap_or_default();
        let names =
            |entry: &&Json| entry["resources"].as_str().is_some_and(|sids| sids.split(',').any(|one| one == sid));
        let rules = entries.iter().filter(names).filter_map(|entry| entry["rule"].as_str());
        rules.map(|rule| format!("the rule {rule}")).collect()
    }

    async fn adjust(op: &OpContext<'_>, state: &Value, found: &mut Value) -> Result<(), Failure> {
        let Some(group) = state.at("group").as_str() else { return Ok(()) };
        if !found.at("group").is_null() {
            return Ok(());
        }
        let mode = op.client().ha_mode(&op.call()).await.map_err(|e| explain("the HA groups", &e))?;
        if mode != HaMode::Rules {
            return Ok(());
        }
        // `nofailback` of the group has become the resource's own: as long as it has its group in the state, nothing changed.
        let stays = state.at("failback").is_null() && found.at("failback").as_bool() == Some(false);
        let instead = if stays { "Remove `group` and write `failback = false`" } else { "Remove `group`" };
        op.cx.warn_at(
            Path::attribute("group"),
            "HA groups have been migrated to rules",
            format!(
                "{}: the cluster has migrated the HA group {group} to the HA rule {}. {instead} in the configuration \
                 of this HA resource; until then the group stays in the state. That changes nothing on the cluster.",
                state.at("sid").as_str().unwrap_or_default(),
                ha_group::rule_name(group),
            ),
        );
        found.insert("group", Value::from(group));
        if stays {
            found.insert("failback", Value::Null);
        }
        Ok(())
    }

    /// The HA manager gives a service up at any time, and nothing of that is in the configuration, so that no plan shows it.
    async fn refreshed(op: &OpContext<'_>, _state: &Value, found: &Value) {
        let sid = found.at("sid").as_str().unwrap_or_default();
        // The plan takes the same list to see whether the guest is there.
        let Ok(rows) = op.client().list(Collection::ClusterResources, &op.call()).await else { return };
        let guest = sid.replace("vm:", "qemu/").replace("ct:", "lxc/");
        let row = rows.find::<Json>(&guest).ok().flatten();
        // One that is to be disabled leaves that state in the next round.
        if row.is_some_and(|row| row["hastate"] == "error")
            && found.at("state").as_str() != Some("disabled")
            && let Some(warning) = op.configured.preflight.in_error(sid)
        {
            op.cx.warn(warning.summary, warning.detail);
        }
    }

    async fn before_update(op: &OpContext<'_>, from: &mut Value, to: &Value) -> Result<(), Failure> {
        if !gives_up_group(from, to) {
            return Ok(());
        }
        let mode = op.client().ha_mode(&op.call()).await.map_err(|e| explain("the HA groups", &e))?;
        if mode == HaMode::Rules {
            // What `adjust` has hidden; if it hasn't, Proxmox deletes what is not set without a word.
            from.insert("failback", Value::from(false));
        }
        Ok(())
    }

    async fn delete_params(op: &OpContext<'_>, state: &Self) -> Result<Params, Failure> {
        let version = op.client().version(&op.call()).await.map_err(|e| explain(&state.sid.to_string(), &e))?;
        let mut params = Params::new();
        // Since PVE 9.1 a delete edits rules unless `purge=0`; before, the parameter is unknown and refused.
        if version.is_at_least(9, 1) {
            params.flag("purge", state.purge_rules == Some(true));
        }
        Ok(params)
    }

    fn deleted(configured: &Configured, state: &Self) {
        configured.remember_removal(state.sid.as_str(), state.purge_rules == Some(true));
    }

    async fn make_way(op: &OpContext<'_>, planned: &Value) -> Result<(), Failure> {
        match planned.at("sid").as_str() {
            Some(sid) => predecessor::await_removal(op, sid).await,
            None => Ok(()),
        }
    }

    async fn wait_ready(op: &OpContext<'_>, object: &Self) -> Result<(), Failure> {
        let sid = object.sid.as_str();
        if object.wait_for_state != Some(true) {
            return predecessor::follow(op, sid).await;
        }
        let call = op.call();
        let mut looks = call.looks("an HA resource to reach its state");
        loop {
            let status = op.client().get::<Json>(Collection::HaStatus.path(), &call).await;
            let status = status.map_err(|error| explain(sid, &error))?;
            let row = service(&status, sid);
            let state = row.and_then(|row| row["state"].as_str()).unwrap_or("unknown to the HA manager");
            if has_reached(object.state(), state) {
                return Ok(());
            }
            if state == "error" {
                return Err(in_error_state(sid, preflight::error_state(sid)));
            }
            if !looks.pause(POLL_INTERVAL).await {
                let node =
                    row.and_then(|row| row["node"].as_str()).map_or_else(String::new, |node| format!(" on {node}"));
                return Err(Failure::refused(format!(
                    "{sid}: it is {state}{node}; the HA manager has not brought it to {} yet and keeps trying. Its log \
                     is in the task list of that node.",
                    object.state().as_str()
                )));
            }
        }
    }

    fn moved(source: &MoveSource) -> Moved {
        moved::ha_resource(source)
    }
}

/// The failure of a wait for an HA resource that has ended in the error state.
fn in_error_state(sid: &str, detail: String) -> Failure {
    Failure::refused(detail).summarised(format!("The HA manager put {sid} into the error state"))
}

/// What the HA manager says of the HA resource `sid`.
fn service<'a>(status: &'a Json, sid: &str) -> Option<&'a Json> {
    status.as_array().into_iter().flatten().find(|row| row["type"] == "service" && row["sid"] == sid)
}

/// Whether the group is removed, and with it the reason why `failback = false` meant an unset one.
fn gives_up_group(from: &Value, to: &Value) -> bool {
    !from.at("group").is_null()
        && ["group", "failback"].iter().all(|name| to.at(name).is_null())
        && from.at("failback").is_null()
}

/// Whether the HA resource fails back on the cluster; if that can't be learnt, nothing is to be said of it.
async fn has_failback(op: &OpContext<'_>, object: &Value) -> bool {
    let sid = object.at("sid").as_str().unwrap_or_default();
    let list = op.client().list(Collection::HaResources, &op.call()).await;
    let entry = list.and_then(|list| list.find::<Json>(sid)).ok().flatten();
    entry.and_then(|entry| Entry(&entry).flag("failback")).unwrap_or(FAILBACK)
}

fn has_reached(requested: HaState, state: &str) -> bool {
    match requested {
        HaState::Started | HaState::Enabled => state == "started",
        HaState::Stopped => state == "stopped",
        HaState::Disabled => matches!(state, "disabled" | "stopped"),
        HaState::Ignored => state == "ignored",
    }
}
