//! Update: read what is there, compare it with what the plan started from, and only then send what changes. An edit
//! that was made in between outside of Terraform is reported, never overwritten.

use std::time::Duration;

use super::job::{Job, Permit};
use super::{shown, visible};
use crate::framework::{Applied, Cause, Diagnostics, Failure, Found, Operation, Path, Value, secret_names, secrets};

/// Between two attempts at an update that another write to the same file has come before.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

pub(super) async fn update(mut job: Job<'_>, prior: Value, planned: Value, config: &Value) -> Applied {
    let has_secrets = secrets::are_to_send(job.block(), &prior, &planned);
    if job.differences(&prior, &planned).is_empty() && !has_secrets && !job.is_ailing(&planned, &prior) {
        // Only what Proxmox doesn't store has changed.
        return done(job, &prior, &planned, None).await;
    }
    let sent = match job.permit(&prior).await {
        Ok(permit) => send(permit, &prior, &planned, config).await,
        Err(failure) => Sent::Failed(failure),
    };
    match sent {
        Sent::Done(found) => done(job, &prior, &planned, found).await,
        Sent::Unsure(failure) => unsure(job, prior, &planned, failure).await,
        Sent::Failed(failure) => job.failed(Operation::Update, prior, failure),
        Sent::Edited(found) => conflict(&job, &prior, &planned, &found),
    }
}

/// How the sending ended.
enum Sent {
    /// It is as planned; where that was looked up, this is what was found.
    Done(Option<Found>),
    /// The answer of the last attempt was lost.
    Unsure(Failure),
    /// It was not carried out.
    Failed(Failure),
    /// It was changed outside of Terraform to this.
    Edited(Found),
}

async fn send(mut permit: Permit<'_, '_>, prior: &Value, planned: &Value, config: &Value) -> Sent {
    let block = permit.block();
    let has_secrets = secrets::are_to_send(block, prior, planned);
    let outgoing = secrets::outgoing(block, Some(prior), planned, config);
    let subject = secret_names::with_names_of_both(block, prior, planned);
    let mut attempt = 1;
    loop {
        let found = match permit.look(&subject).await {
            Ok(Some(found)) => found,
            // Our own purge has removed it: what the plan has is created again.
            Ok(None) if permit.after_own_writes(prior).is_null() => {
                return match permit.create(&secrets::outgoing(block, None, planned, config)).await {
                    Ok(()) => Sent::Done(None),
                    Err(failure) => Sent::Failed(failure),
                };
            }
            Ok(None) => return Sent::Failed(gone(&permit, prior)),
            // An earlier attempt may have been carried out.
            Err(failure) if attempt > 1 => return Sent::Unsure(failure),
            Err(failure) => return Sent::Failed(failure),
        };
        // Whether an earlier attempt has sent the secrets can't be seen.
        let is_as_planned = permit.unlike(planned, &found.object).is_empty() && !has_secrets;
        if is_as_planned && !permit.is_ailing(planned, &found.object) {
            return Sent::Done(Some(found));
        }
        if !edits(&permit, prior, planned, &found).is_empty() {
            return Sent::Edited(found);
        }
        let from = Found { object: secrets::written(block, prior, planned, &found.object), ..found };
        match permit.update(&from, &outgoing).await {
            Ok(()) => return Sent::Done(None),
            Err(failure) => match failure.cause {
                // The same file is written all the time: let others finish.
                Cause::Stale if permit.may_try_again(0) => tokio::time::sleep(RETRY_INTERVAL).await,
                Cause::Ambiguous if permit.may_try_again(attempt) => attempt += 1,
                Cause::Ambiguous => return Sent::Unsure(failure),
                _ if attempt > 1 => return Sent::Unsure(failure),
                _ => return Sent::Failed(failure),
            },
        }
    }
}

/// The attributes that were changed outside of Terraform to something that isn't planned either.
fn edits<'a>(job: &Job<'a>, prior: &Value, planned: &Value, found: &Found) -> Vec<&'a str> {
    let wrong = job.unlike(planned, &found.object);
    let ours = job.after_own_writes(prior);
    let changed = |name: &&str| job.differences(&ours, &found.object).contains(name);
    job.differences(prior, &found.object).into_iter().filter(|name| wrong.contains(name)).filter(changed).collect()
}

async fn done(mut job: Job<'_>, prior: &Value, planned: &Value, found: Option<Found>) -> Applied {
    let found = match found {
        None if !planned.is_wholly_known() => job.look(planned).await.ok().flatten(),
        found => found,
    };
    let read = found.map_or_else(|| prior.clone(), |found| job.relative(planned, &found.object));
    let state = job.complete(planned, &read);
    let mut diagnostics = Diagnostics::new();
    if let Err(failure) = job.wait_ready(&state).await {
        diagnostics.push(failure.into_error(format!("The {} is not ready yet", job.title())));
    }
    Applied { state: job.after_waiting(planned, state).await, diagnostics }
}

fn conflict(job: &Job<'_>, prior: &Value, planned: &Value, found: &Found) -> Applied {
    let block = job.block();
    let mut diagnostics = Diagnostics::new();
    for name in edits(job, prior, planned, found) {
        diagnostics.error_at(
            Path::attribute(name),
            format!("The {} was changed outside of Terraform", job.title()),
            format!(
                "{}: {name} was {} when the plan was made and is {} now. Nothing was changed. Plan again, and review \
                 the new plan.",
                job.name(prior),
                shown(&visible(block, name, prior.at(name))),
                shown(&visible(block, name, found.object.at(name))),
            ),
        );
    }
    Applied { state: job.relative(prior, &found.object), diagnostics }
}

fn gone(job: &Job<'_>, prior: &Value) -> Failure {
    let detail = format!(
        "{} was removed outside of Terraform after the plan was made. Nothing was sent. Plan again: the new plan \
         creates it.",
        job.name(prior)
    );
    Failure::new(Cause::Absent, detail)
}

/// The last write's fate is unknown: what is found now is the state.
async fn unsure(job: Job<'_>, prior: Value, planned: &Value, failure: Failure) -> Applied {
    let subject = secret_names::with_names_of_both(job.block(), &prior, planned);
    match job.look(&subject).await {
        Ok(Some(found))
            if job.unlike(planned, &found.object).is_empty() && !secrets::are_to_send(job.block(), &prior, planned) =>
        {
            done(job, &prior, planned, Some(found)).await
        }
        Ok(Some(found)) => job.failed(Operation::Update, job.relative(&prior, &found.object), failure),
        _ => job.failed(Operation::Update, subject, failure),
    }
}
