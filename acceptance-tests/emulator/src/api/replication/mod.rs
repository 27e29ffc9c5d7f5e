//! Storage replication: jobs, when they run, and their results.
//!
//! Invariant: jobs are in `/etc/pve/replication.cfg`, their results only in the state of the node that runs them; that state
//! is lost with the node.

mod calendar;
mod config;
pub mod guests;
mod jobs;
mod runtime;
mod scheduler;
mod state;
pub mod turning;
mod volumes;

pub use calendar::{CalendarEvent, FORMAT as CALENDAR_EVENT};
pub(in crate::api) use jobs::visible as visible_jobs;
pub use scheduler::tick;
pub use state::State;

use crate::error::ApiResult;
use crate::route::{Call, Permission, Route};
use crate::schema::Prop;
use crate::schema::formats::{Format, Named};
use crate::world::Pve;

/// `/cluster/replication` and `/nodes/{node}/replication`.
#[must_use]
pub fn routes(pve: Pve) -> Vec<Route> {
    [jobs::routes(pve), runtime::routes(pve)].into_iter().flatten().collect()
}

/// `pve-replication-job-id`: two numbers, of which the first one is that of a guest.
const JOB_ID: Named = Named {
    name: "pve-replication-job-id",
    check: |value| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match value.split_once('-') {
            Some((guest, number)) if digits(guest) && digits(number) => {
                if guest.trim_start_matches('0').len() < 3 {
                    return Err(format!("invalid replication job id '{value}' (guest IDs < 100 are reserved)"));
                }
                Ok(())
            }
            _ => Err(format!("invalid replication job id '{value}'")),
        }
    },
};

/// A parameter that is a job's id. What passes the format may still be too long for the pattern.
pub(crate) fn job_id() -> Prop {
    Prop::string().format(Format::One(JOB_ID)).pattern(r"[1-9][0-9]{2,8}-\d{1,9}")
}

/// The guest and the number in a job's id.
fn parse_job_id(id: &str) -> Option<(u32, u32)> {
    let (guest, number) = id.split_once('-')?;
    let digits = |text: &str| (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(guest) || !digits(number) || guest.starts_with('0') {
        return None;
    }
    Some((guest.parse().ok()?, number.parse().ok()?))
}

/// What the route itself asks for in order to write. PVE 9 checks the guest instead, once it has the id.
fn write_permission(pve: Pve) -> Permission {
    match pve {
        Pve::V8 => Permission::Check("/storage", &["Datastore.Allocate"]),
        Pve::V9 => Permission::AnyUser,
    }
}

/// PVE 9's check of who may write a guest's jobs.
fn check_may_write(call: &Call<'_>, guest: u32) -> ApiResult<()> {
    match call.world.profile.pve {
        Pve::V8 => Ok(()),
        Pve::V9 => call.check(&format!("/vms/{guest}"), &["VM.Replicate"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_ids_name_a_guest_and_a_number() {
        assert_eq!(parse_job_id("100-0"), Some((100, 0)));
        assert!(["100", "100-x", "0100-1", "100-", "-1", "100-1234567890"].iter().all(|id| parse_job_id(id).is_none()));
    }

    #[test]
    fn an_id_of_a_wrong_form_and_one_that_is_too_long_are_refused_differently() {
        let refused = |id: &str| {
            let params = serde_json::json!({"id": id});
            let checked = crate::schema::Schema::new().req("id", job_id()).verify(params.as_object().unwrap().clone());
            checked.err().map(|error| error.errors["id"].clone())
        };
        assert_eq!(refused("100-0"), None);
        let form = |id: &str| Some(format!("invalid format - invalid replication job id '{id}'\n"));
        for id in ["100", "100-x", "100-", "-1", "100-1-1"] {
            assert_eq!(refused(id), form(id));
        }
        for id in ["99-0", "0-0", "099-1"] {
            assert!(refused(id).is_some_and(|text| text.ends_with("(guest IDs < 100 are reserved)\n")), "{id}");
        }
        for id in ["100-1234567890", "1000000000-1", "0100-1"] {
            assert_eq!(refused(id).as_deref(), Some("value does not match the regex pattern"), "{id}");
        }
    }
}
