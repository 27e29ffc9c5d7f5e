//! One run of an operation: with a plan only, or with its end.

use std::io;
use std::process::ExitCode;

use clap::ArgMatches;

use super::commands::{DRY_RUN, JSON};
use super::interrupts::Interrupts;
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
    let outcome = runtime.block_on(run.outcome());
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
    async fn outcome(&self) -> Outcome {
        let invalid = self.operation.validate_config(&self.config);
        if invalid.has_error() {
            self.report.diagnostics(invalid);
            return Outcome { end: End::Invalid, is_interrupted: false };
        }
        let mut interrupts = match Interrupts::listen() {
            Ok(interrupts) => interrupts,
            Err(error) => {
                let mut problem = Diagnostics::new();
                problem.error("Cannot start", format!("Interrupts can't be received: {error}. Nothing was sent."));
                self.report.diagnostics(problem);
                return Outcome { end: End::Ran(Ending::Refused), is_interrupted: false };
            }
        };
        let mut is_interrupted = false;
        let work = self.work(invalid);
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                end = &mut work => return Outcome { end, is_interrupted },
                () = interrupts.next() => {
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
        self.report.planned(&prospect.steps);
        End::Planned
    }
}
