//! Create: nothing left of a removed one? → absent? → send → (unknown fate: look and compare) → from here on there is a state → read back.

use super::job::{Job, Permit};
use super::{CREATE_FIRST, fill_unknowns};
use crate::framework::{Applied, Cause, Diagnostics, Failure, Found, Operation, Value, secrets};

pub(super) async fn create(mut job: Job<'_>, planned: Value, config: &Value) -> Applied {
    if let Err(failure) = job.make_way(&planned).await {
        return job.failed(Operation::Create, Value::Null, failure);
    }
    let (planned, sent) = match job.permit(&planned).await {
        Ok(permit) => send(permit, planned, config).await,
        Err(failure) => (planned, Sent::Refused(failure)),
    };
    match sent {
        Sent::Done => {
            job.made(&planned);
            match job.read_back(&planned).await {
                Ok(Some(found)) => wait_ready(job, &planned, &found).await,
                Ok(None) => vanished(&job, &planned),
                Err(failure) => unread(&job, &planned, &failure),
            }
        }
        Sent::Found(found) => {
            job.made(&planned);
            wait_ready(job, &planned, &found).await
        }
        Sent::Unsure(failure) => {
            job.made(&planned);
            unsure(&job, &planned, failure)
        }
        Sent::Exists(found) => find_existing(&job, &planned, &found).await,
        Sent::Refused(failure) => {
            let failure = job.explain_refusal(&planned, failure).await;
            job.failed(Operation::Create, Value::Null, failure)
        }
    }
}

/// How the sending ended.
enum Sent {
    /// It was carried out.
    Done,
    /// It was carried out, and this is what was found.
    Found(Found),
    /// The answer was lost, and so was that of the look that followed.
    Unsure(Failure),
    /// Another object of that id exists.
    Exists(Found),
    /// Nothing was created.
    Refused(Failure),
}

/// All that needs the permit; the object as it was sent comes back, with its whole identity.
async fn send(mut permit: Permit<'_, '_>, planned: Value, config: &Value) -> (Value, Sent) {
    let planned = match permit.assign_id(planned).await {
        Ok(planned) => planned,
        Err(failure) => return (Value::Null, Sent::Refused(failure)),
    };
    let sent = match permit.find_existing(&planned).await {
        Ok(None) => post(permit, &planned, config).await,
        Ok(Some(found)) => Sent::Exists(found),
        Err(failure) => Sent::Refused(failure),
    };
    (planned, sent)
}

async fn post(mut permit: Permit<'_, '_>, planned: &Value, config: &Value) -> Sent {
    let outgoing = secrets::outgoing(permit.block(), None, planned, config);
    let mut unknown_fate = false;
    let mut attempt = 1;
    loop {
        let failure = match permit.create(&outgoing).await {
            Ok(()) => return Sent::Done,
            Err(failure) => failure,
        };
        match failure.cause {
            Cause::Ambiguous => unknown_fate = true,
            Cause::Exists => {}
            _ => return Sent::Refused(failure),
        }
        match permit.look(planned).await {
            Ok(Some(found)) if unknown_fate && permit.unlike(planned, &found.object).is_empty() => {
                return Sent::Found(found);
            }
            Ok(Some(found)) if !permit.always_exists(planned) => return Sent::Exists(found),
            Ok(_) if permit.may_try_again(attempt) => attempt += 1,
            // After an interrupt the request is not waited for until it has run out of time: it may yet be carried out.
            Ok(_) if unknown_fate && permit.is_interrupted() => return Sent::Unsure(failure),
            Ok(_) => return Sent::Refused(failure),
            Err(dead) if unknown_fate => {
                return Sent::Unsure(Failure { detail: format!("{}\n{}", failure.detail, dead.detail), ..failure });
            }
            Err(_) => return Sent::Refused(failure),
        }
    }
}

/// The object exists without us: adopted if that is allowed and nothing differs, else an error with the way out.
async fn find_existing(job: &Job<'_>, planned: &Value, found: &Found) -> Applied {
    let (title, type_name, id) = (job.title(), job.type_name(), job.name(planned));
    let mut unlike = job.unlike(planned, &found.object);
    // Whether the object has these secrets can't be seen, and an adoption sends nothing.
    unlike.extend(secrets::configured(job.block(), planned));
    let mut diagnostics = Diagnostics::new();
    if job.adopts() && unlike.is_empty() {
        job.made(planned);
        diagnostics.warning(
            format!("Adopted an existing {title}"),
            format!(
                "{id} existed before this apply and equals the configuration. Terraform manages it from now on \
                     (adopt_existing)."
            ),
        );
        return Applied { state: job.complete(planned, &job.relative(planned, &found.object)), diagnostics };
    }
    let differs = match (job.adopts(), unlike.as_slice()) {
        (false, _) => String::new(),
        (true, names) => format!(" It was not adopted, because it differs in {}.", names.join(", ")),
    };
    let referrers = job.referrers(planned).await;
    let who = if referrers.is_empty() { String::new() } else { format!(" On the cluster {} it.", named(&referrers)) };
    diagnostics.error(
        format!("The {title} {id} exists already"),
        format!(
            "{id} exists on the cluster. Nothing was changed.{differs}\nIf this plan replaces it: {CREATE_FIRST}{who} \
             Remove it there and apply again.\nIf it is not in the state, add this block and apply again:\n\nimport \
             {{\n  to = {type_name}.<name>\n  id = {id:?}\n}}\n\n`adopt_existing = true` in the provider block takes \
             over objects that equal the configuration.",
        ),
    );
    Applied { state: Value::Null, diagnostics }
}

/// `the rule web refers to`, `the rule a, the rule b and 3 more refer to`.
fn named(referrers: &[String]) -> String {
    const SHOWN: usize = 3;
    let more = referrers.len().saturating_sub(SHOWN);
    let shown = referrers.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match (more, referrers.len()) {
        (0, 1) => format!("{shown} refers to"),
        (0, _) => format!("{shown} refer to"),
        _ => format!("{shown} and {more} more refer to"),
    }
}

async fn wait_ready(mut job: Job<'_>, planned: &Value, found: &Found) -> Applied {
    let state = job.complete(planned, &job.relative(planned, &found.object));
    let mut diagnostics = Diagnostics::new();
    if let Err(failure) = job.wait_ready(&state).await {
        // The object is as planned: an error here would taint it, and the next apply would replace it.
        let error = failure.into_error(format!("The {} is not ready yet", job.title()));
        diagnostics.warning(error.summary, error.detail);
    }
    Applied { state: job.after_waiting(planned, state).await, diagnostics }
}

fn unsure(job: &Job<'_>, planned: &Value, failure: Failure) -> Applied {
    let id = job.name(planned);
    let why =
        if job.is_interrupted() { "the apply was interrupted before the response" } else { "the response was lost" };
    let detail = format!(
        "{id}: the create was sent, {why}, and its outcome is unknown. The object is in the state, tainted. If it \
         exists, `untaint` it; otherwise the next apply creates it again.\n{}",
        failure.detail
    );
    job.failed(Operation::Create, fill_unknowns(planned, &Value::Null), Failure { detail, ..failure })
}

fn unread(job: &Job<'_>, planned: &Value, failure: &Failure) -> Applied {
    let mut diagnostics = Diagnostics::new();
    diagnostics.warning(
        format!("The {} was created but could not be read back", job.title()),
        format!("{} is in the state as planned; the next plan reads it.\n{}", job.name(planned), failure.detail),
    );
    Applied { state: fill_unknowns(planned, &Value::Null), diagnostics }
}

fn vanished(job: &Job<'_>, planned: &Value) -> Applied {
    let mut diagnostics = Diagnostics::new();
    diagnostics.warning(
        format!("The {} was removed right after it was created", job.title()),
        format!(
            "{} was created by this apply and then removed outside of Terraform. The next plan shows it.",
            job.name(planned)
        ),
    );
    Applied { state: fill_unknowns(planned, &Value::Null), diagnostics }
}
