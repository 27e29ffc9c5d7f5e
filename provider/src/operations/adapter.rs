//! An operation as an action of the framework.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use pve_schemas::value;

use super::{Operation, Outlook, Run};
use crate::client::{Error, ErrorKind};
use crate::framework::{
    Action, Cause, Context, Diagnostic, Diagnostics, Ending, Failure, Invoked, Progress, Prospect, Role, Schema, Value,
    to_model,
};
use crate::privileges::{of_action, unnamed};
use crate::resources::OpContext;
use crate::session::Session;
use crate::source::cause;
use crate::words::after_changes;

/// The action of an operation, for the registry.
pub fn action<O: Operation>(session: &Arc<Session>) -> Box<dyn Action> {
    Box::new(Adapter::<O> { session: session.clone(), schema: OnceLock::new(), operation: std::marker::PhantomData })
}

struct Adapter<O> {
    session: Arc<Session>,
    /// Made on first use, since a user waits for the start of the process.
    schema: OnceLock<Schema>,
    operation: std::marker::PhantomData<fn() -> O>,
}

/// Where messages of a plan go: nothing happens then.
struct Silent;

impl Progress for Silent {
    fn report(&self, _: &str) {}
}

impl<O: Operation> Adapter<O> {
    async fn look<'a>(
        &self,
        cx: &'a Context,
        config: &Value,
        progress: &'a dyn Progress,
    ) -> Result<(O, Run<'a>, Outlook<O::Found>), Failure> {
        let operation: O = to_model(config).map_err(|problem| Failure::refused(problem.to_string()))?;
        let op = OpContext { configured: self.session.ready()?, cx, permit: None };
        let run = Run { op, progress, has_begun: AtomicBool::new(false) };
        let outlook = operation.look(&run).await?;
        Ok((operation, run, outlook))
    }

    /// The failure of `look`.
    fn not_looked(failure: Failure) -> Diagnostics {
        if failure.cause == Cause::Absent {
            return std::iter::once(Self::refused(failure)).collect();
        }
        Diagnostics::from(Self::with_privileges(failure).into_error(format!("Cannot plan the {}", O::TITLE)))
    }

    /// Names the privileges that a refusal leaves open.
    fn with_privileges(mut failure: Failure) -> Failure {
        let is_forbidden = cause::<Error>(&failure).is_some_and(|error| error.kind() == ErrorKind::Forbidden);
        // Where one of several privileges is enough, Proxmox refuses without a name of one.
        if let Some(needs) = unnamed(of_action(O::NAME), &failure.detail).filter(|_| is_forbidden) {
            failure.detail += &format!("\nThe {} needs {needs}.", O::TITLE);
        }
        failure
    }

    /// The failure of `act`. What is refused after the first write, such as a read, does not undo that write, and can't say that
    /// nothing was changed.
    fn after(run: &Run<'_>, failure: Failure) -> Failure {
        if !run.has_begun.load(Ordering::Relaxed) {
            return failure;
        }
        let failure = Failure { detail: after_changes(&failure.detail), ..failure };
        if failure.cause != Cause::Refused {
            return failure;
        }
        let cause = if run.call().is_over() { Cause::Ambiguous } else { Cause::Stale };
        let detail = format!("The {} has begun, and what was begun continues. Then:\n{}", O::TITLE, failure.detail);
        Failure { cause, detail, ..failure }
    }

    fn refused(failure: Failure) -> Diagnostic {
        failure.into_error(format!("The {} is refused", O::TITLE))
    }
}

impl<O: Operation> Action for Adapter<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn title(&self) -> &'static str {
        O::TITLE
    }

    fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| Schema::packed::<O>(Role::Action))
    }

    fn timeout(&self, config: &Value) -> Duration {
        let own = config.at("timeout").as_str().and_then(value::timeout).unwrap_or(O::TIMEOUT);
        let lasts = to_model::<O>(config).map(|operation| operation.lasts()).unwrap_or_default();
        own + lasts
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        O::validate(config, diagnostics);
    }

    fn plan<'a>(&'a self, cx: &'a Context, config: &'a Value) -> BoxFuture<'a, Prospect> {
        Box::pin(async move {
            if self.session.is_deferred() {
                // As for a resource: the plan can't ask the cluster yet.
                return Prospect::default();
            }
            match self.look(cx, config, &Silent).await {
                Ok((_, _, outlook)) => {
                    let (missing, refused): (Vec<_>, Vec<_>) =
                        outlook.refusals.into_iter().partition(|failure| failure.cause == Cause::Absent);
                    Prospect {
                        details: O::details(&outlook.found),
                        steps: outlook.steps,
                        missing: missing.into_iter().map(Self::refused).collect(),
                        diagnostics: refused.into_iter().map(Self::refused).collect(),
                    }
                }
                Err(failure) if failure.cause == Cause::Absent => {
                    Prospect { missing: Self::not_looked(failure), ..Prospect::default() }
                }
                Err(failure) => Prospect { diagnostics: Self::not_looked(failure), ..Prospect::default() },
            }
        })
    }

    fn invoke<'a>(&'a self, cx: &'a Context, config: &'a Value, progress: &'a dyn Progress) -> BoxFuture<'a, Invoked> {
        Box::pin(async move {
            let (operation, run, outlook) = match self.look(cx, config, progress).await {
                Ok(looked) => looked,
                Err(failure) => return Invoked { ending: Ending::Refused, diagnostics: Self::not_looked(failure) },
            };
            if !outlook.refusals.is_empty() {
                let diagnostics = outlook.refusals.into_iter().map(Self::refused).collect();
                return Invoked { ending: Ending::Refused, diagnostics };
            }
            progress.begin(&outlook.steps);
            if outlook.steps.is_empty() {
                run.say("Nothing to do.");
                return Invoked { ending: Ending::Done, diagnostics: Diagnostics::new() };
            }
            match operation.act(&run, outlook.found).await {
                Ok(()) => Invoked { ending: Ending::Done, diagnostics: Diagnostics::new() },
                Err(failure) => {
                    let failure = Self::after(&run, failure);
                    let ending = ending(failure.cause);
                    let error = Self::with_privileges(failure).into_error(format!("The {} failed", O::TITLE));
                    Invoked { ending, diagnostics: Diagnostics::from(error) }
                }
            }
        })
    }
}

fn ending(cause: Cause) -> Ending {
    match cause {
        Cause::Refused => Ending::Refused,
        Cause::Ambiguous => Ending::Unfinished,
        _ => Ending::Failed,
    }
}
