//! Delete: absent is done; an unknown fate is looked up.

use super::CREATE_FIRST;
use super::job::{Job, Permit};
use crate::framework::{Applied, Cause, Diagnostics, Failure, GivenUp, Link, Operation, Value};

pub(super) async fn delete(mut job: Job<'_>, state: Value, link: &Link) -> Applied {
    if job.has_made(&state) {
        return replaced_by_itself(&job, &state);
    }
    if let Some(successor) = job.successor(link)
        && let Err(failure) = job.look_ahead(&state, &successor).await
    {
        let summary = failure.summary.clone().unwrap_or_else(|| format!("Cannot replace {}", job.title()));
        return job.failed(Operation::Delete, state, failure.summarised(summary));
    }
    match gone(&mut job, &state, &link.given_up).await {
        Ok(()) => Applied { state: Value::Null, diagnostics: Diagnostics::new() },
        Err(failure) => job.failed(Operation::Delete, state, failure),
    }
}

/// The state's object and the one that this process has made are one: only the old entry of the state is removed.
fn replaced_by_itself(job: &Job<'_>, state: &Value) -> Applied {
    let (title, id) = (job.title(), job.name(state));
    let mut diagnostics = Diagnostics::new();
    diagnostics.warning(
        format!("The {title} {id} was kept"),
        format!(
            "{id}: this apply has created or adopted the object of that name. The delete of the old one was not sent, \
             because it would have removed the new one. The state has the object once.\nTo recreate it: {CREATE_FIRST} \
             Remove it there, and replace the {title} again."
        ),
    );
    Applied { state: Value::Null, diagnostics }
}

async fn gone(job: &mut Job<'_>, state: &Value, given_up: &[GivenUp]) -> Result<(), Failure> {
    match send(job.permit(state).await?, state, given_up).await? {
        Sent::Done => job.wait_deleted(state).await,
        Sent::Absent => Ok(()),
    }
}

/// How the sending ended, if the object is not there any more.
enum Sent {
    Done,
    /// It was not there.
    Absent,
}

/// A failure after references were given up: the objects that had them are changed.
fn after_giving_up(failure: Failure, sent: &[&str]) -> Failure {
    if sent.is_empty() {
        return failure;
    }
    let detail = failure.detail.replace(" Nothing was changed.", "");
    let detail =
        format!("{detail}\nBefore that, the references to it were removed from {}, as planned.", sent.join(", "));
    Failure { detail, ..failure }
}

async fn send(mut permit: Permit<'_, '_>, state: &Value, mut given_up: &[GivenUp]) -> Result<Sent, Failure> {
    let mut attempt = 1;
    let mut sent: Vec<&str> = Vec::new();
    loop {
        match permit.delete(state).await.map_err(|failure| after_giving_up(failure, &sent)) {
            Ok(()) => return Ok(Sent::Done),
            Err(failure) if failure.cause == Cause::Absent => return Ok(Sent::Absent),
            // Core changes what refers to it only when the delete is over: what the plan says of that is sent here.
            Err(failure) if failure.cause == Cause::InUse && !given_up.is_empty() => {
                for reference in std::mem::take(&mut given_up) {
                    permit.give_up(reference).await.map_err(|failure| after_giving_up(failure, &sent))?;
                    sent.push(&reference.id);
                }
            }
            Err(failure) if failure.cause == Cause::Ambiguous => match permit.look(state).await {
                Ok(None) => return Ok(Sent::Done),
                Ok(Some(_)) if permit.may_try_again(attempt) => attempt += 1,
                _ => return Err(failure),
            },
            Err(failure) => return Err(failure),
        }
    }
}
