//! The queue of commands for the CRM, and what the API foretells of a command.

use serde_json::{Map, Value, json};
use terraform_provider_pve::placement::sets;

use super::{feasibility, files};
use crate::world::World;

/// One command a line, e.g. `migrate vm:100 pve2`; the CRM empties it once a round.
pub const CRM_COMMANDS: &str = "/etc/pve/ha/crm_commands";

/// What PVE 9 answers to a migration: who comes along, and who is in the way. The command is queued in any case.
pub(super) fn consequences(world: &World, sid: &str, node: &str) -> Value {
    let status = files::manager_status(world);
    let services = status.get("service_status").and_then(Value::as_object).cloned().unwrap_or_default();
    let known = |other: &str| services.get(other).filter(|s| s.get("state").and_then(Value::as_str) != Some("ignored"));
    let place = |service: &Value, key: &str| service.get(key).and_then(Value::as_str).map(str::to_owned);

    let rules = files::rules(world);
    let broken = feasibility::errors(world, &rules);
    let rules = feasibility::placement_rules(&rules);
    let kept: Vec<usize> =
        (0..rules.len()).filter(|&i| !rules[i].disabled && !broken.contains_key(&*rules[i].id)).collect();
    let positive = sets::merge_positive(&rules, &kept);
    let apart = sets::apart(&rules, &kept, &positive);

    let mut mates: Vec<&str> = positive
        .iter()
        .filter(|set| set.resources.contains(sid))
        .flat_map(|set| set.resources.iter().map(|other| &**other))
        .filter(|other| *other != sid)
        .filter(|other| {
            known(other).is_some_and(|service| {
                place(service, "target").or_else(|| place(service, "node")).as_deref() != Some(node)
            })
        })
        .collect();
    mates.sort_unstable();
    mates.dedup();
    let blockers: Vec<Value> = apart
        .iter()
        .filter(|(own, _)| &***own == sid)
        .flat_map(|(_, others)| others.iter())
        .filter(|other| {
            known(other).is_some_and(|service| {
                let leaving = place(service, "target").is_some_and(|target| target != node);
                place(service, "node").as_deref() == Some(node) && !leaving
            })
        })
        .map(|other| json!({"sid": &**other, "cause": "resource-affinity"}))
        .collect();

    let mut answer = Map::from_iter([("sid".to_owned(), json!(sid)), ("requested-node".to_owned(), json!(node))]);
    if !mates.is_empty() {
        answer.insert("comigrated-resources".to_owned(), json!(mates));
    }
    if !blockers.is_empty() {
        answer.insert("blocking-resources".to_owned(), json!(blockers));
    }
    Value::Object(answer)
}
