//! The privileges that each parameter of a job or a run needs: `assert_param_permission_*` of `PVE::API2::Backup` and
//! `PVE::API2::VZDump`.
//!
//! Invariant: root@pam itself, not one of its tokens, may set everything.

use crate::error::{ApiError, ApiResult};
use crate::route::Call;
use crate::schema::{Params, property_string};
use crate::section_config::Section;

/// They name places on a node's disk, or claim to be a job's run.
const ROOT_ONLY: [&str; 4] = ["tmpdir", "dumpdir", "script", "job-id"];
/// They are at the expense of other guests.
const OF_NODE: [&str; 3] = ["bwlimit", "ionice", "performance"];
/// What is backed up to where no storage is named.
pub(super) const DEFAULT_STORAGE: &str = "local";

/// For a job that is created.
///
/// # Errors
/// 400 or 403
pub(super) fn to_create(call: &Call<'_>) -> ApiResult<()> {
    if !call.caller.is_root() {
        to_set(call, &call.params)?;
        if !call.params.has("dumpdir") {
            allocate(call, call.params.str("storage"))?;
        }
    }
    to_use_pool(call)
}

/// For a change of a job, before it is looked at.
///
/// # Errors
/// 400 or 403
pub(super) fn to_update(call: &Call<'_>, dropped: &[String]) -> ApiResult<()> {
    if !call.caller.is_root() {
        to_set(call, &call.params)?;
        let drops = |names: &[&'static str]| names.iter().find(|name| dropped.iter().any(|d| d == *name)).copied();
        if let Some(name) = drops(&ROOT_ONLY) {
            return Err(root_only(name));
        }
        if call.params.has("storage") || drops(&["storage"]).is_some() {
            allocate(call, call.params.str("storage"))?;
        }
    }
    to_use_pool(call)
}

/// For a change of this job, whatever the change is.
///
/// # Errors
/// 403, as a text of the job's lock
pub(super) fn to_touch(call: &Call<'_>, job: &Section) -> ApiResult<()> {
    if call.caller.is_root() {
        return Ok(());
    }
    if job.text("dumpdir").is_some() {
        return Err(ApiError::die("only root@pam may edit jobs with a 'dumpdir' option."));
    }
    allocate(call, job.text("storage"))
}

/// For a run at once.
///
/// # Errors
/// 400 or 403
pub(super) fn to_run(call: &Call<'_>) -> ApiResult<()> {
    if call.caller.is_root() {
        return Ok(());
    }
    to_set(call, &call.params)?;
    if call.params.bool("stop") == Some(true) {
        call.check(&format!("/nodes/{}", call.params.text("node")), &["Sys.Modify"])?;
    }
    let storage = call.params.str("storage").unwrap_or_else(|| DEFAULT_STORAGE.to_owned());
    if call.params.has("prune-backups") {
        call.check(&format!("/storage/{storage}"), &["Datastore.Allocate"])?;
    }
    call.check(&format!("/storage/{storage}"), &["Datastore.AllocateSpace"])?;
    to_use_pool(call)
}

fn to_set(call: &Call<'_>, params: &Params) -> ApiResult<()> {
    if let Some(name) = ROOT_ONLY.into_iter().find(|name| params.has(name)) {
        return Err(root_only(name));
    }
    if OF_NODE.into_iter().any(|name| params.has(name)) {
        call.check("/", &["Sys.Modify"])?;
    }
    let fleecing = params.str("fleecing");
    let fleecing = fleecing.and_then(|text| property_string::parse(super::properties::fleecing(), &text, "").ok());
    match fleecing.as_ref().and_then(|fleecing| fleecing.get("storage")?.as_str()) {
        Some(storage) => call.check(&format!("/storage/{storage}"), &["Datastore.AllocateSpace"]),
        None => Ok(()),
    }
}

fn root_only(name: &str) -> ApiError {
    ApiError::param(name, "Only root may set this option.")
}

fn allocate(call: &Call<'_>, storage: Option<String>) -> ApiResult<()> {
    let storage = storage.unwrap_or_else(|| DEFAULT_STORAGE.to_owned());
    call.check(&format!("/storage/{storage}"), &["Datastore.Allocate"])
}

/// `check_pool_exist`: also for root@pam it is a matter of permissions.
fn to_use_pool(call: &Call<'_>) -> ApiResult<()> {
    match call.params.str("pool").filter(|pool| !pool.is_empty()) {
        Some(pool) if !call.world.access.pools.contains_key(&pool) => {
            Err(ApiError::permission(Some(&format!("pool '{pool}' does not exist"))))
        }
        Some(pool) => call.check(&format!("/pool/{pool}"), &["VM.Backup"]),
        None => Ok(()),
    }
}
