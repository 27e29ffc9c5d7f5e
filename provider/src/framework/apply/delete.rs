//! Delete: absent is done; an unknown fate is looked up.

use super::{Applied, Cause, Diagnostics, Failure, Job, Value, guarded};

pub(super) async fn delete(job: &Job<'_>, state: Value) -> Applied {
    match gone(job, &state).await {
        Ok(()) => Applied { state: Value::Null, diagnostics: Diagnostics::new() },
        Err(failure) => job.failed("delete", state, failure),
    }
}

async fn gone(job: &Job<'_>, state: &Value) -> Result<(), Failure> {
    let turn = job.turn(state).await?;
    let mut attempt = 1;
    loop {
        match guarded(job.resource.delete(job.cx, &turn, state)).await {
            Ok(()) => break,
            Err(failure) if failure.cause == Cause::Absent => return Ok(()),
            Err(failure) if failure.cause == Cause::Ambiguous => match job.look(state).await {
                Ok(None) => break,
                Ok(Some(_)) if job.may_try_again(attempt) => attempt += 1,
                _ => return Err(failure),
            },
            Err(failure) => return Err(failure),
        }
    }
    drop(turn);
    guarded(job.resource.vanish(job.cx, state)).await
}
