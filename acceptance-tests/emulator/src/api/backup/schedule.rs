//! When a job runs, in its older form: a start time and days become a schedule (`$schedule_param_check`).

use serde_json::Value;

use crate::error::{ApiError, ApiResult};
use crate::schema::Params;
use crate::schema::formats::Named;

/// `pve-day-of-week`
pub(super) const DAY_OF_WEEK: Named = Named {
    name: "pve-day-of-week",
    check: |value| match value {
        "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun" => Ok(()),
        _ => Err(format!("invalid day '{value}'")),
    },
};

/// Replaces `starttime` and `dow` by `schedule`. Hours and minutes are not checked: `25:00` becomes a schedule, too.
///
/// # Errors
/// 400
pub(super) fn from_start_time(params: &mut Params, required: bool) -> ApiResult<()> {
    let (start, days) = (params.str("starttime"), params.list("dow"));
    params.take("starttime");
    params.take("dow");
    match (params.has("schedule"), start) {
        (true, Some(_)) => Err(ApiError::param("starttime", "'starttime' and 'schedule' cannot both be set")),
        (false, None) if required => Err(ApiError::param("schedule", "neither 'starttime' nor 'schedule' were set")),
        (false, Some(start)) => {
            let text = if days.is_empty() { start } else { format!("{} {start}", days.join(",")) };
            params.put("schedule", Value::String(text));
            Ok(())
        }
        _ => Ok(()),
    }
}
