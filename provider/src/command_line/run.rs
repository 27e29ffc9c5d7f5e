//! One run of an operation: with a plan only, or with its end.

use std::io;
use std::process::ExitCode;

use clap::ArgMatches;
use futures_util::{Stream, StreamExt};

use super::commands::{DRY_RUN, JSON};
use super::interrupts::interrupts;
use super::outcome::{End, Outcome};
use super::report::Report;
use super::{Entry, arguments};
use crate::framework::{BoundAction, Diagnostics, Ending, Invoked, Provider, Value};
use crate::terminal::{self, Node, say};

/// Runs what `entry` names with the arguments `given`.
pub(super) fn run(provider: &Provider, entry: &Entry, operation: BoundAction<'_>, given: &ArgMatches) -> ExitCode {
    let block = &operation.schema().block;
    let run = Run {
        provider,
        operation,
        config: arguments::config(block, given),
        nodes: terminal::nodes(given),
        is_dry: given.get_flag(DRY_RUN),
        report: Report::new(given.get_flag(JSON), entry, block),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return say(&mut io::stderr(), &format!("Error: the command could not start: {error}"), ExitCode::FAILURE);
        }
    };
    let outcome = runtime.block_on(async {
        match interrupts() {
            Ok(interrupts) => run.outcome(interrupts).await,
            Err(error) => {
                run.report.remark(&format!("Error: interrupts can't be received: {error}. Nothing was sent."));
                Outcome { end: End::Ran(Ending::Refused), is_interrupted: false }
            }
        }
    });
    // A look-up of a name may still hang in a thread of its own.
    runtime.shutdown_background();
    run.report.end(outcome)
}

struct Run<'a> {
    provider: &'a Provider,
    operation: BoundAction<'a>,
    config: Value,
    nodes: Vec<Node>,
    is_dry: bool,
    report: Report<'a>,
}

impl Run<'_> {
    async fn outcome(&self, interrupts: impl Stream<Item = ()>) -> Outcome {
        let invalid = self.operation.validate_config(&self.config);
        if invalid.has_error() {
            self.report.diagnostics(invalid);
            return Outcome { end: End::Invalid, is_interrupted: false };
        }
        let mut is_interrupted = false;
        let work = self.work(invalid);
        tokio::pin!(work, interrupts);
        loop {
            tokio::select! {
                biased;
                end = &mut work => return Outcome { end, is_interrupted },
                Some(()) = interrupts.next() => {
                    if is_interrupted {
                        self.report.remark("Ended at once; what is under way continues on the cluster.");
                        return Outcome { end: End::Ran(Ending::Unfinished), is_interrupted: true };
                    }
                    is_interrupted = true;
                    self.report.remark("Interrupted: stopping in order. Interrupt again to end at once.");
                    self.provider.stop();
                }
            }
        }
    }

    async fn work(&self, warnings: Diagnostics) -> End {
        let mut diagnostics = warnings;
        diagnostics.extend(terminal::configure(self.provider, &self.nodes).await);
        let is_refused = diagnostics.has_error();
        self.report.diagnostics(diagnostics);
        if is_refused {
            return End::Ran(Ending::Refused);
        }
        if self.is_dry {
            return self.plan().await;
        }
        let Invoked { ending, diagnostics } = self.operation.invoke(&self.config, &self.report).await;
        self.report.diagnostics(diagnostics);
        End::Ran(ending)
    }

    async fn plan(&self) -> End {
        let prospect = self.operation.plan(&self.config).await;
        let mut diagnostics = prospect.missing;
        diagnostics.extend(prospect.diagnostics);
        let is_refused = diagnostics.has_error();
        self.report.diagnostics(diagnostics);
        if is_refused {
            return End::Ran(Ending::Refused);
        }
        self.report.planned(&prospect.steps, prospect.details.as_ref());
        End::Planned
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::BoxFuture;
    use futures_util::stream::{iter, pending};

    use super::*;
    use crate::command_line::{COMMANDS, Offer};
    use crate::framework::{Action, Configure, Context, Progress, Prospect, Schema, Stop};

    struct Nothing(Schema);

    impl Configure for Nothing {
        fn schema(&self) -> &Schema {
            &self.0
        }

        fn validate(&self, _: &Value, _: &mut Diagnostics) {}

        fn configure<'a>(&'a self, _: &'a Value, _: Stop) -> BoxFuture<'a, Diagnostics> {
            Box::pin(async { Diagnostics::new() })
        }
    }

    /// A procedure that ends when it is stopped, or never.
    struct Stubborn {
        schema: Schema,
        ends: bool,
    }

    impl Action for Stubborn {
        fn name(&self) -> &'static str {
            "stubborn"
        }

        fn title(&self) -> &'static str {
            "stubborn procedure"
        }

        fn schema(&self) -> &Schema {
            &self.schema
        }

        fn timeout(&self, _: &Value) -> Duration {
            Duration::from_mins(1)
        }

        fn plan<'a>(&'a self, _: &'a Context, _: &'a Value) -> BoxFuture<'a, Prospect> {
            Box::pin(async { Prospect::default() })
        }

        fn invoke<'a>(&'a self, cx: &'a Context, _: &'a Value, _: &'a dyn Progress) -> BoxFuture<'a, Invoked> {
            Box::pin(async {
                cx.stop.cancelled().await;
                if !self.ends {
                    std::future::pending::<()>().await;
                }
                Invoked { ending: Ending::Failed, diagnostics: Diagnostics::new() }
            })
        }
    }

    async fn interrupted(times: usize, ends: bool) -> Outcome {
        let provider = Provider::new(Box::new(Nothing(Schema::default())), vec![], vec![], vec![]);
        let procedures: Vec<Box<dyn Action>> = vec![Box::new(Stubborn { schema: Schema::default(), ends })];
        let offer = Offer { provider, procedures };
        let operation = offer.operation("stubborn").unwrap();
        let run = Run {
            provider: &offer.provider,
            operation,
            config: Value::object::<&str>([]),
            nodes: Vec::new(),
            is_dry: false,
            report: Report::new(true, &COMMANDS[0], &operation.schema().block),
        };
        run.outcome(iter(vec![(); times]).chain(pending())).await
    }

    #[tokio::test]
    async fn the_first_interrupt_waits_for_the_end_and_the_second_one_does_not() {
        let outcome = interrupted(1, true).await;
        assert_eq!((outcome.end, outcome.code()), (End::Ran(Ending::Failed), 130));
        let outcome = interrupted(2, false).await;
        assert_eq!((outcome.end, outcome.code()), (End::Ran(Ending::Unfinished), 130));
    }
}
