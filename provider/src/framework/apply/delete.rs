//! Delete: absent is done; an unknown fate is looked up.

use super::job::{Job, Permit};
use crate::framework::{Applied, Cause, Diagnostics, Failure, Value};

pub(super) async fn delete(mut job: Job<'_>, state: Value) -> Applied {
    match gone(&mut job, &state).await {
        Ok(()) => Applied { state: Value::Null, diagnostics: Diagnostics::new() },
        Err(failure) => job.failed("delete", state, failure),
    }
}

async fn gone(job: &mut Job<'_>, state: &Value) -> Result<(), Failure> {
    match send(job.permit(state).await?, state).await? {
        Sent::Done => job.vanish(state).await,
        Sent::Absent => Ok(()),
    }
}

/// How the sending ended, if the object is not there any more.
enum Sent {
    /// It was deleted.
    Done,
    /// It was not there.
    Absent,
}

async fn send(mut permit: Permit<'_, '_>, state: &Value) -> Result<Sent, Failure> {
    let mut attempt = 1;
    loop {
        match permit.delete(state).await {
            Ok(()) => return Ok(Sent::Done),
            Err(failure) if failure.cause == Cause::Absent => return Ok(Sent::Absent),
            Err(failure) if failure.cause == Cause::Ambiguous => match permit.look(state).await {
                Ok(None) => return Ok(Sent::Done),
                Ok(Some(_)) if permit.may_try_again(attempt) => attempt += 1,
                _ => return Err(failure),
            },
            Err(failure) => return Err(failure),
        }
    }
}
