//! `/cluster/jobs`

use serde_json::{Value, json};

use crate::api::replication::{CALENDAR_EVENT, CalendarEvent};
use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::schema::formats::Format;
use crate::schema::{Prop, Schema};

pub(super) fn routes() -> Vec<Route> {
    let analyze = Schema::new()
        .req("schedule", Prop::string().max_length(128).format(Format::One(CALENDAR_EVENT)))
        .opt("starttime", Prop::integer())
        .opt("iterations", Prop::integer().min(1.0).max(100.0));
    vec![
        Route::get("/cluster/jobs", |_| Ok(super::index("subdir", "schedule-analyze realm-sync")))
            .permission(Permission::AnyUser),
        Route::get("/cluster/jobs/schedule-analyze", schedule_analyze).permission(Permission::AnyUser).params(analyze),
        // No realm of this cluster is synchronised with anything.
        Route::get("/cluster/jobs/realm-sync", |_| Ok(json!([]))).permission(Permission::root(&["Sys.Audit"])),
    ]
}

fn schedule_analyze(call: &mut Call<'_>) -> ApiResult {
    let mut last = call.params.int("starttime").unwrap_or_else(|| call.world.now());
    let iterations = call.params.int("iterations").and_then(|n| usize::try_from(n).ok()).unwrap_or(10);
    // The schema has parsed it already.
    let Ok(event) = CalendarEvent::parse(&call.params.text("schedule")) else { return Ok(json!([])) };
    let mut runs = Vec::new();
    while runs.len() < iterations {
        let Some(next) = event.next_after(last) else { break };
        runs.push(json!({"timestamp": next, "utc": utc(next)}));
        last = next;
    }
    Ok(Value::Array(runs))
}

/// `scalar(gmtime(…))`
fn utc(second: i64) -> String {
    let time = jiff::Timestamp::from_second(second).unwrap_or_default();
    time.strftime("%a %b %e %H:%M:%S %Y").to_string()
}
