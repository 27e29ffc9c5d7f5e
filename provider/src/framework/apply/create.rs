//! Create: absent? → send → (unknown fate: look and compare) → from here on there is a state → read back.

use super::{Applied, Cause, Diagnostics, Failure, Found, Job, Value, guarded, settled};
use crate::framework::read::with_id;
use crate::framework::resource::Turn;

pub(super) async fn create(job: &Job<'_>, planned: Value) -> Applied {
    let turn = match job.turn(&planned).await {
        Ok(turn) => turn,
        Err(failure) => return job.failed("create", Value::Null, failure),
    };
    let planned = match guarded(job.resource.identify(job.cx, planned)).await {
        Ok(planned) => with_id(job.resource, planned),
        Err(failure) => return job.failed("create", Value::Null, failure),
    };
    match guarded(job.resource.occupied(job.cx, &planned)).await {
        Ok(None) => {}
        Ok(Some(found)) => return occupied(job, &planned, &found),
        Err(failure) => return job.failed("create", Value::Null, failure),
    }
    match send(job, &turn, &planned).await {
        Sent::Done => {}
        Sent::Found(found) => return settle(job, &planned, &found).await,
        Sent::Unsure(failure) => return unsure(job, &planned, failure),
        Sent::Occupied(found) => return occupied(job, &planned, &found),
        Sent::Refused(failure) => return job.failed("create", Value::Null, failure),
    }
    drop(turn);
    match job.look(&planned).await {
        Ok(Some(found)) => settle(job, &planned, &found).await,
        Ok(None) => vanished(job, &planned),
        Err(failure) => unread(job, &planned, &failure),
    }
}

/// How the sending ended.
enum Sent {
    /// It was carried out.
    Done,
    /// It was carried out, and this is what was found.
    Found(Found),
    /// Nobody knows: the answer was lost, and so was the look that followed.
    Unsure(Failure),
    /// Another object of that id exists.
    Occupied(Found),
    /// Nothing was created.
    Refused(Failure),
}

async fn send(job: &Job<'_>, turn: &Turn, planned: &Value) -> Sent {
    let mut unknown_fate = false;
    let mut attempt = 1;
    loop {
        let failure = match guarded(job.resource.create(job.cx, turn, planned)).await {
            Ok(()) => return Sent::Done,
            Err(failure) => failure,
        };
        match failure.cause {
            Cause::Ambiguous => unknown_fate = true,
            Cause::Exists => {}
            _ => return Sent::Refused(failure),
        }
        match job.look(planned).await {
            Ok(Some(found)) if unknown_fate && job.unlike(planned, &found.object).is_empty() => {
                return Sent::Found(found);
            }
            Ok(Some(found)) if !job.resource.always_exists() => return Sent::Occupied(found),
            Ok(_) if job.may_try_again(attempt) => attempt += 1,
            // After an interrupt nobody waits until the request has run out of time: it may yet be carried out.
            Ok(_) if unknown_fate && job.cx.stop.is_cancelled() => return Sent::Unsure(failure),
            Ok(_) => return Sent::Refused(failure),
            Err(dead) if unknown_fate => {
                return Sent::Unsure(Failure { detail: format!("{}\n{}", failure.detail, dead.detail), ..failure });
            }
            Err(_) => return Sent::Refused(failure),
        }
    }
}

/// The object exists without us: adopted if that is allowed and nothing differs, else an error with the way out.
fn occupied(job: &Job<'_>, planned: &Value, found: &Found) -> Applied {
    let (title, type_name, id) = (job.resource.title(), job.resource.name(), job.name(planned));
    let unlike = job.unlike(planned, &found.object);
    let mut diagnostics = Diagnostics::new();
    if job.resource.adopts() && unlike.is_empty() {
        diagnostics.warning(
            format!("Adopted an existing {title}"),
            format!("{id} existed before this apply and equals the configuration. It is managed from now on (adopt_existing)."),
        );
        return Applied { state: job.complete(planned, found), diagnostics };
    }
    let differs = match (job.resource.adopts(), unlike.as_slice()) {
        (false, _) => String::new(),
        (true, names) => format!(" It was not adopted, since it differs in {}.", names.join(", ")),
    };
    diagnostics.error(
        format!("The {title} exists already"),
        format!(
            "{id} exists on the cluster and is not in the state. Nothing was changed.{differs}\nTo manage it from here, \
             add this block and apply again:\n\nimport {{\n  to = {type_name}.<name>\n  id = {id:?}\n}}\n\n`adopt_existing = true` \
             in the provider block takes over what equals the configuration.",
        ),
    );
    Applied { state: Value::Null, diagnostics }
}

async fn settle(job: &Job<'_>, planned: &Value, found: &Found) -> Applied {
    let state = job.complete(planned, found);
    let mut diagnostics = Diagnostics::new();
    if let Err(failure) = guarded(job.resource.settle(job.cx, &state)).await {
        // The object is as planned: an error here would taint it, and the next apply would replace it.
        diagnostics.warning(format!("The {} is not ready yet", job.resource.title()), failure.detail);
    }
    Applied { state: job.after_waiting(planned, state).await, diagnostics }
}

fn unsure(job: &Job<'_>, planned: &Value, failure: Failure) -> Applied {
    let id = job.name(planned);
    let why = if job.cx.stop.is_cancelled() {
        "the apply was interrupted before its effect was seen"
    } else {
        "its answer was lost"
    };
    let detail = format!(
        "{id}: the create was sent, {why}, and nobody can tell now whether it was or will be carried out. \
         It is in the state, tainted. If it exists, `untaint` it; else the next apply creates it anew.\n{}",
        failure.detail
    );
    job.failed("create", settled(planned, &Value::Null), Failure { detail, ..failure })
}

fn unread(job: &Job<'_>, planned: &Value, failure: &Failure) -> Applied {
    let mut diagnostics = Diagnostics::new();
    diagnostics.warning(
        format!("The {} was created but could not be read back", job.resource.title()),
        format!("{} is in the state as planned; the next plan reads it.\n{}", job.name(planned), failure.detail),
    );
    Applied { state: settled(planned, &Value::Null), diagnostics }
}

fn vanished(job: &Job<'_>, planned: &Value) -> Applied {
    let mut diagnostics = Diagnostics::new();
    diagnostics.warning(
        format!("The {} was created and is gone again", job.resource.title()),
        format!(
            "{} was created by this apply; somebody removed it right after. The next plan shows it.",
            job.name(planned)
        ),
    );
    Applied { state: settled(planned, &Value::Null), diagnostics }
}
