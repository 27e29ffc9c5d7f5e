//! The property strings among the parameters of backups, and what they demand beyond their keys.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::schema::check::perl_text;
use crate::schema::formats::{Format, STORAGE_ID};
use crate::schema::{Prop, Schema};
use crate::section_config::Values;

/// PVE 8's older form of `prune-backups`.
pub(super) const MAX_FILES: &str = "maxfiles";

/// `prune-backups`
pub(super) fn retention() -> &'static Schema {
    static KEYS: LazyLock<Schema> = LazyLock::new(|| {
        let kept = ["keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly"];
        let keys = Schema::new().opt("keep-all", Prop::boolean()).validated(keep_something);
        kept.into_iter().fold(keys, |keys, name| keys.opt(name, Prop::integer().min(0.0)))
    });
    &KEYS
}

/// `performance`
pub(super) fn performance() -> &'static Schema {
    static KEYS: LazyLock<Schema> = LazyLock::new(|| {
        Schema::new()
            .opt("max-workers", Prop::integer().min(1.0).max(256.0))
            .opt("pbs-entries-max", Prop::integer().min(1.0))
    });
    &KEYS
}

/// `fleecing`
pub(super) fn fleecing() -> &'static Schema {
    static KEYS: LazyLock<Schema> = LazyLock::new(|| {
        Schema::new()
            .opt("enabled", Prop::boolean().default_key())
            .opt("storage", Prop::string().format(Format::One(STORAGE_ID)))
            .validated(|values| match is_true(values.get("enabled")) && !values.contains_key("storage") {
                true => Err("'storage' parameter is required when 'enabled' is set".to_owned()),
                false => Ok(values),
            })
    });
    &KEYS
}

/// `validate_prune_backups`: without a number to keep, all is kept.
fn keep_something(mut values: Map<String, Value>) -> Result<Map<String, Value>, String> {
    let keep_all = is_true(values.shift_remove("keep-all").as_ref());
    if !values.values().any(|value| is_true(Some(value))) {
        return Ok(Map::from_iter([("keep-all".to_owned(), Value::from(1))]));
    }
    if keep_all { Err("keep-all cannot be set together with other options.".to_owned()) } else { Ok(values) }
}

/// A number that is not 0, however it is written.
fn is_true(value: Option<&Value>) -> bool {
    value.map(perl_text).is_some_and(|text| !text.trim_start_matches(['+', '0']).is_empty())
}

/// PVE 8 makes `prune-backups` of `maxfiles`.
///
/// # Errors
/// Both are set.
pub(super) fn take_max_files(values: &mut Values) -> Result<(), (&'static str, String)> {
    let Some(most) = values.remove(MAX_FILES) else { return Ok(()) };
    if values.contains_key("prune-backups") {
        return Err(("prune-backups", format!("option conflicts with option '{MAX_FILES}'")));
    }
    values.insert("prune-backups".to_owned(), Value::String(format!("keep-last={}", perl_text(&most))));
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::property_string::parse;

    #[test]
    fn without_a_number_all_is_kept() {
        let kept = |text: &str| parse(retention(), text, "prune-backups").map(Value::Object);
        for text in ["", "keep-all=1", "keep-all=0", "keep-last=0", "keep-all=yes,keep-last=00"] {
            assert_eq!(kept(text), Ok(json!({"keep-all": 1})), "{text:?}");
        }
        assert_eq!(kept("keep-all=0,keep-last=2"), Ok(json!({"keep-last": "2"})));
        assert_eq!(kept("keep-last=0,keep-daily=2"), Ok(json!({"keep-last": "0", "keep-daily": "2"})));
        let both = "keep-all cannot be set together with other options.\n";
        assert_eq!(kept("keep-all=1,keep-yearly=1"), Err(both.to_owned()));
    }

    #[test]
    fn fleecing_needs_a_storage_only_where_it_is_enabled() {
        let read = |text: &str| parse(fleecing(), text, "fleecing").map(Value::Object);
        assert_eq!(read("0"), Ok(json!({"enabled": 0})));
        assert_eq!(read("storage=local"), Ok(json!({"storage": "local"})));
        assert_eq!(read("on,storage=local"), Ok(json!({"enabled": 1, "storage": "local"})));
        assert_eq!(read("on"), Err("'storage' parameter is required when 'enabled' is set\n".to_owned()));
    }
}
