//! `/cluster/ceph` of a cluster on which Ceph isn't installed.

use serde_json::Value;

use super::index;
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/cluster/ceph", |_| Ok(index("name", "metadata status flags"))).permission(Permission::AnyUser),
        Route::get("/cluster/ceph/status", status)
            .permission(Permission::CheckAny("/", &["Sys.Audit", "Datastore.Audit"])),
    ]
}

fn status(_: &mut Call<'_>) -> ApiResult<Value> {
    Err(ApiError::die("binary not installed: /usr/bin/ceph-mon"))
}
