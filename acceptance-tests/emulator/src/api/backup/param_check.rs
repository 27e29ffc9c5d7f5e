//! What `PVE::API2::Backup` and `PVE::VZDump` refuse beyond the schema.

use serde_json::Value;

use crate::error::{ApiError, ApiResult};
use crate::route::Call;
use crate::schema::Params;
use crate::section_config::Values;

/// Only root@pam itself, not one of its tokens, may name places on a node's disk.
const ROOT_ONLY: [&str; 3] = ["tmpdir", "dumpdir", "script"];

/// What every caller but root@pam is asked for before a job is made.
///
/// # Errors
/// 400 or 403
pub(super) fn may_create(call: &Call<'_>) -> ApiResult<()> {
    if call.caller.is_root() {
        return Ok(());
    }
    may_set(call, &call.params)?;
    if call.params.has("dumpdir") {
        return Ok(());
    }
    let storage = call.params.str("storage").unwrap_or_else(|| "local".to_owned());
    call.check(&format!("/storage/{storage}"), &["Datastore.Allocate"])
}

/// What every caller but root@pam is asked for before a job is changed.
///
/// # Errors
/// 400 or 403
pub(super) fn may_update(call: &Call<'_>, dropped: &[String]) -> ApiResult<()> {
    if call.caller.is_root() {
        return Ok(());
    }
    may_set(call, &call.params)?;
    if let Some(name) = dropped.iter().find(|name| ROOT_ONLY.contains(&name.as_str())) {
        return Err(ApiError::param(name, "Only root may set this option."));
    }
    match call.params.str("storage") {
        Some(storage) => call.check(&format!("/storage/{storage}"), &["Datastore.Allocate"]),
        None if dropped.iter().any(|name| name == "storage") => call.check("/storage/local", &["Datastore.Allocate"]),
        None => Ok(()),
    }
}

fn may_set(call: &Call<'_>, params: &Params) -> ApiResult<()> {
    if let Some(name) = ROOT_ONLY.into_iter().find(|name| params.has(name)) {
        return Err(ApiError::param(name, "Only root may set this option."));
    }
    if ["bwlimit", "ionice", "performance"].into_iter().any(|name| params.has(name)) {
        call.check("/", &["Sys.Modify"])?;
    }
    Ok(())
}

/// A pool that is named has to exist; this cluster has none.
///
/// # Errors
/// 403, also for root@pam
pub(super) fn pool_exists(params: &Params) -> ApiResult<()> {
    match params.str("pool") {
        Some(pool) => Err(ApiError::permission(Some(&format!("pool '{pool}' does not exist")))),
        None => Ok(()),
    }
}

/// A start time, the older form, becomes a schedule.
///
/// # Errors
/// 400
pub(super) fn schedule(params: &mut Params, required: bool) -> ApiResult<()> {
    let start = params.take("starttime");
    let days = params.take("dow");
    match (params.has("schedule"), start) {
        (true, Some(_)) => Err(ApiError::param("starttime", "'starttime' and 'schedule' cannot both be set")),
        (false, None) if required => Err(ApiError::param("schedule", "neither 'starttime' nor 'schedule' were set")),
        (false, Some(start)) => {
            let start = crate::schema::check::perl_text(&start);
            let days = days.map(|days| crate::schema::params::split_list(&crate::schema::check::perl_text(&days)));
            let text = match days.filter(|days| !days.is_empty()) {
                Some(days) => format!("{} {start}", days.join(",")),
                None => start,
            };
            params.put("schedule", Value::String(text));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// `verify_vzdump_parameters`: which guests a job is for must be said in one way only. Excluding guests means all others.
///
/// # Errors
/// 400
pub(super) fn selection(values: &mut Values, complete: bool) -> ApiResult<()> {
    let is_set = |name: &str| {
        values.get(name).map(crate::schema::check::perl_text).is_some_and(|text| !text.is_empty() && text != "0")
    };
    for other in ["all", "exclude", "pool"] {
        if is_set(other) && is_set("vmid") {
            return Err(ApiError::param(other, "option conflicts with option 'vmid'"));
        }
    }
    if values.contains_key("exclude") && !is_set("pool") {
        values.insert("all".to_owned(), 1.into());
        return Ok(());
    }
    if complete && !["all", "stop", "pool", "vmid"].into_iter().any(is_set) {
        return Err(ApiError::param("vmid", "property is missing"));
    }
    Ok(())
}
