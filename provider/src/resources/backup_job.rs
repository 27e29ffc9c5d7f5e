//! Backup jobs. Proxmox checks much of them late, as a 500 without a parameter, or not at all: the plan does it.

use pve_schemas::BackupJob;
use pve_schemas::backup::{Fleecing, Retention};
use pve_schemas::value::{BackupJobId, BackupSchedule};
use serde::de::DeserializeOwned;

use super::moved::{self, Moved};
use super::operations::{OpContext, Operations, simple_id};
use crate::framework::{Change, Diagnostics, MoveSource, Path, Value, to_model};

impl Operations for BackupJob {
    fn parse_id(id: &str) -> Result<Value, String> {
        simple_id("name", BackupJobId::FORMAT, id)
    }

    fn validate(config: &Value, diagnostics: &mut Diagnostics) {
        selection(config, diagnostics);
        storage(config, diagnostics);
        part(config, "prune", Retention::check, diagnostics);
        part(config, "fleecing", Fleecing::check, diagnostics);
        let schedule = config.at("schedule").as_str().unwrap_or_default();
        if let Some(time) = BackupSchedule::minutes_and_seconds(schedule) {
            diagnostics.warning_at(
                Path::attribute("schedule"),
                "The schedule runs every hour",
                format!(
                    "schedule = {schedule:?}: {time} has no valid hour, so that Proxmox reads it as MINUTE:SECOND of every hour. For once \
                     a day write HOUR:MINUTE with an hour of 0 to 23; for every hour write *:MINUTE."
                ),
            );
        }
    }

    async fn preflight(_op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let name = change.planned.at("name").as_str().unwrap_or_default();
        if change.prior.is_none() && BackupJobId::is_only_given(name) {
            diagnostics.error_at(
                Path::attribute("name"),
                "Proxmox does not take this name",
                format!(
                    "name = {name:?}: only Proxmox itself gives a job an id that begins with a digit. Import the job that has it, or \
                     choose a name that begins with a letter."
                ),
            );
        }
        diagnostics
    }

    fn moved(source: &MoveSource) -> Moved {
        moved::backup_job(source)
    }
}

/// Exactly one of `guests`, `all` and `pool`; `exclude` only beside `all`.
fn selection(config: &Value, diagnostics: &mut Diagnostics) {
    let [guests, all, pool, exclude] = ["guests", "all", "pool", "exclude"].map(|name| config.at(name));
    let is_set = |value: &Value| !value.is_null() && value.as_bool() != Some(false);
    let selected: Vec<&str> = [("guests", guests), ("all", all), ("pool", pool)]
        .into_iter()
        .filter(|(_, v)| is_set(v))
        .map(|(n, _)| n)
        .collect();
    let known: Vec<&str> = selected.iter().copied().filter(|name| !config.at(name).is_unknown()).collect();
    if let [first, others @ ..] = known.as_slice() {
        for other in others {
            diagnostics.error_at(
                Path::attribute(*other),
                "More than one selection of guests",
                format!("{other} conflicts with {first}. Set exactly one of guests, all = true and pool."),
            );
        }
    }
    if selected.is_empty() {
        diagnostics.error_at(
            Path::attribute("guests"),
            "No selection of guests",
            "A backup job needs exactly one of guests, all = true and pool.",
        );
    } else if !exclude.is_null() && !is_set(all) {
        diagnostics.error_at(
            Path::attribute("exclude"),
            "exclude without all",
            format!("exclude leaves guests out of all = true, and conflicts with {}.", selected.join(" and ")),
        );
    }
}

/// Proxmox takes these only together with `storage`, even where they are `false`.
fn storage(config: &Value, diagnostics: &mut Diagnostics) {
    if !config.at("storage").is_null() {
        return;
    }
    for name in ["protected", "notes_template"].into_iter().filter(|name| !config.at(name).is_null()) {
        diagnostics.error_at(
            Path::attribute(name),
            format!("{name} without storage"),
            format!("{name} needs storage: Proxmox refuses it in a job that names no storage."),
        );
    }
}

/// A nested block by its own check.
fn part<T: DeserializeOwned>(
    config: &Value,
    name: &str,
    check: fn(&T) -> Result<(), String>,
    diagnostics: &mut Diagnostics,
) {
    let block = Some(config.at(name)).filter(|block| !block.is_null() && block.is_wholly_known());
    if let Some(Err(problem)) = block.and_then(|block| to_model::<T>(block).ok()).map(|part| check(&part)) {
        diagnostics.error_at(Path::attribute(name), format!("Invalid block {name}"), format!("{name}: {problem}."));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The attributes at fault, and the warnings.
    fn judged(members: &[(&'static str, Value)]) -> Vec<String> {
        let mut diagnostics = Diagnostics::new();
        let config = Value::object(members.iter().cloned());
        BackupJob::validate(&config, &mut diagnostics);
        diagnostics.iter().map(|d| d.path.as_ref().map(ToString::to_string).unwrap_or_default()).collect()
    }

    fn guests() -> Value {
        Value::set([Value::from(100)])
    }

    #[test]
    fn one_selection_and_no_other() {
        let (all, pool) = (Value::from(true), Value::from("web"));
        for good in [
            vec![("guests", guests())],
            vec![("all", all.clone()), ("exclude", guests())],
            vec![("pool", pool.clone()), ("all", Value::from(false))],
            vec![("guests", Value::Unknown)],
            vec![("guests", Value::Unknown), ("pool", pool.clone())],
            vec![("all", Value::Unknown), ("exclude", guests())],
        ] {
            assert_eq!(judged(&good), [""; 0], "{good:?}");
        }
        for (bad, at) in [
            (vec![], "guests"),
            (vec![("all", Value::from(false))], "guests"),
            (vec![("guests", guests()), ("all", all.clone())], "all"),
            (vec![("guests", guests()), ("pool", pool.clone())], "pool"),
            (vec![("all", all), ("pool", pool.clone())], "pool"),
            (vec![("pool", pool), ("exclude", guests())], "exclude"),
            (vec![("guests", guests()), ("exclude", guests())], "exclude"),
        ] {
            assert_eq!(judged(&bad), [at], "{bad:?}");
        }
    }

    #[test]
    fn what_proxmox_refuses_late_is_refused_on_its_attribute() {
        let with = |more: Vec<(&'static str, Value)>| judged(&[vec![("guests", guests())], more].concat());
        assert_eq!(
            with(vec![("protected", false.into()), ("notes_template", "x".into())]),
            ["protected", "notes_template"]
        );
        assert_eq!(with(vec![("protected", true.into()), ("storage", Value::Unknown)]), [""; 0]);
        let block = |members: &[(&'static str, Value)]| Value::object(members.iter().cloned());
        let both = block(&[("keep_all", true.into()), ("keep_last", 3.into())]);
        assert_eq!(with(vec![("prune", both)]), ["prune"]);
        assert_eq!(with(vec![("prune", block(&[("keep_last", 0.into())]))]), ["prune"]);
        assert_eq!(with(vec![("prune", block(&[("keep_all", true.into()), ("keep_last", Value::Unknown)]))]), [""; 0]);
        assert_eq!(with(vec![("fleecing", block(&[("enabled", true.into())]))]), ["fleecing"]);
        assert_eq!(with(vec![("schedule", "25:00".into())]), ["schedule"]);
        assert_eq!(with(vec![("schedule", "22:00".into())]), [""; 0]);
    }
}
