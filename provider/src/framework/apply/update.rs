//! Update: read what is there, compare it with what the plan started from, and only then send what changes. An edit
//! that somebody else made in between is reported, never overwritten.

use std::time::Duration;

use super::{Applied, Cause, Diagnostics, Failure, Found, Job, Value, guarded, settled, shown, visible};
use crate::framework::Path;
use crate::framework::read::{relative, with_id};
use crate::framework::resource::Turn;

/// Between two attempts at an update that somebody else's write to the same file has come before.
const RESPITE: Duration = Duration::from_millis(100);

pub(super) async fn update(job: &Job<'_>, prior: Value, planned: Value) -> Applied {
    let turn = match job.turn(&prior).await {
        Ok(turn) => turn,
        Err(failure) => return job.failed("update", prior, failure),
    };
    if job.differences(&prior, &planned).is_empty() && !job.is_ailing(&planned, &prior) {
        // Only what Proxmox doesn't store has changed.
        return done(job, &prior, &planned, None).await;
    }
    match send(job, &turn, &prior, &planned).await {
        Ok(found) => {
            drop(turn);
            done(job, &prior, &planned, found).await
        }
        Err(applied) => *applied,
    }
}

async fn send(job: &Job<'_>, turn: &Turn, prior: &Value, planned: &Value) -> Result<Option<Found>, Box<Applied>> {
    let mut attempt = 1;
    loop {
        let found = match job.look(prior).await {
            Ok(Some(found)) => found,
            // Our own purge has removed it: what the plan wants is made anew.
            Ok(None) if job.resource.own_effects(prior).is_null() => {
                return match guarded(job.resource.create(job.cx, turn, planned)).await {
                    Ok(()) => Ok(None),
                    Err(failure) => Err(Box::new(job.failed("update", prior.clone(), failure))),
                };
            }
            Ok(None) => return Err(Box::new(gone(job, prior))),
            Err(failure) => return Err(Box::new(job.failed("update", prior.clone(), failure))),
        };
        if job.unlike(planned, &found.object).is_empty() && !job.is_ailing(planned, &found.object) {
            return Ok(Some(found));
        }
        let edited = edits(job, prior, planned, &found);
        if !edited.is_empty() {
            return Err(Box::new(conflict(job, prior, &found, &edited)));
        }
        match guarded(job.resource.update(job.cx, turn, &found, planned)).await {
            Ok(()) => return Ok(None),
            Err(failure) => match failure.cause {
                // Somebody writes to the same file all the time: let them finish.
                Cause::Stale if job.may_try_again(0) => tokio::time::sleep(RESPITE).await,
                Cause::Ambiguous if job.may_try_again(attempt) => attempt += 1,
                Cause::Ambiguous => return Err(Box::new(unsure(job, prior, planned, failure).await)),
                _ => return Err(Box::new(job.failed("update", prior.clone(), failure))),
            },
        }
    }
}

/// The attributes that somebody else has changed to something that isn't planned either.
fn edits<'a>(job: &'a Job<'_>, prior: &Value, planned: &Value, found: &Found) -> Vec<&'a str> {
    let wrong = job.unlike(planned, &found.object);
    let ours = job.resource.own_effects(prior);
    let changed = |name: &&str| job.differences(&ours, &found.object).contains(name);
    job.differences(prior, &found.object).into_iter().filter(|name| wrong.contains(name)).filter(changed).collect()
}

async fn done(job: &Job<'_>, prior: &Value, planned: &Value, found: Option<Found>) -> Applied {
    let found = match found {
        None if !planned.is_wholly_known() => job.look(planned).await.ok().flatten(),
        found => found,
    };
    let block = &job.resource.schema().block;
    let read = found.map_or_else(|| prior.clone(), |found| relative(block, planned, &found.object));
    let state = with_id(job.resource, settled(planned, &read));
    let mut diagnostics = Diagnostics::new();
    if let Err(failure) = guarded(job.resource.settle(job.cx, &state)).await {
        diagnostics.push(failure.into_error(format!("The {} is not ready yet", job.resource.title())));
    }
    Applied { state: job.after_waiting(planned, state).await, diagnostics }
}

fn conflict(job: &Job<'_>, prior: &Value, found: &Found, edited: &[&str]) -> Applied {
    let block = &job.resource.schema().block;
    let mut diagnostics = Diagnostics::new();
    for name in edited {
        diagnostics.error_at(
            Path::attribute(*name),
            format!("The {} was changed by somebody else", job.resource.title()),
            format!(
                "{}: {name} was {} when the plan was made and is {} now. Nothing was changed. Plan again and decide on what \
                 the new plan shows.",
                job.name(prior),
                shown(&visible(block, name, prior.at(name))),
                shown(&visible(block, name, found.object.at(name))),
            ),
        );
    }
    let state = relative(block, prior, &found.object);
    Applied { state: with_id(job.resource, state), diagnostics }
}

fn gone(job: &Job<'_>, prior: &Value) -> Applied {
    let detail = format!(
        "{} was removed by somebody else after the plan was made. Nothing was sent. Plan again: it will be created anew.",
        job.name(prior)
    );
    job.failed("update", prior.clone(), Failure::new(Cause::Absent, detail))
}

/// The last write's fate is unknown: what is found now is the state.
async fn unsure(job: &Job<'_>, prior: &Value, planned: &Value, failure: Failure) -> Applied {
    match job.look(prior).await {
        Ok(Some(found)) if job.unlike(planned, &found.object).is_empty() => {
            done(job, prior, planned, Some(found)).await
        }
        Ok(Some(found)) => {
            let state = with_id(job.resource, relative(&job.resource.schema().block, prior, &found.object));
            job.failed("update", state, failure)
        }
        _ => job.failed("update", prior.clone(), failure),
    }
}
