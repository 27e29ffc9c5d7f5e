//! How long each step of a node may take.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use pve_schemas::action::ClusterRoll;
use pve_schemas::value;

use super::super::Run;
use crate::framework::{Cause, Context, Failure};
use crate::resources::OpContext;

/// A step with a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Guests leave a node, or return to it.
    Evacuate,
    /// The command of `run`.
    Run,
    /// A reboot, until the node is in service.
    Reboot,
    /// The cluster is healthy after the return of a node.
    Gate,
}

impl Step {
    fn option(self) -> &'static str {
        match self {
            Self::Evacuate => "--evacuate-timeout",
            Self::Run => "--run-timeout",
            Self::Reboot => "--reboot-timeout",
            Self::Gate => "--gate-timeout",
        }
    }

    /// How long it may take.
    pub(super) fn limit(self, roll: &ClusterRoll) -> Duration {
        let (given, usual) = match self {
            Self::Evacuate => (&roll.evacuate_timeout, Duration::from_hours(2)),
            Self::Run => (&roll.run_timeout, Duration::from_hours(2)),
            Self::Reboot => (&roll.reboot_timeout, Duration::from_mins(30)),
            Self::Gate => (&roll.gate_timeout, Duration::from_mins(30)),
        };
        given.as_deref().and_then(value::timeout).unwrap_or(usual)
    }

    /// The bounds of this step, which begins now.
    pub(super) fn begin(self, roll: &ClusterRoll, run: &Run<'_>) -> Bounds {
        Bounds { step: self, limit: self.limit(roll), cx: run.cx.within(self.limit(roll)) }
    }
}

/// The bounds of a step.
pub(super) struct Bounds {
    step: Step,
    limit: Duration,
    cx: Context,
}

impl Bounds {
    /// The part of a run that is bounded by them.
    pub(super) fn part<'a>(&'a self, run: &Run<'a>) -> Run<'a> {
        Run {
            op: OpContext { configured: run.configured.clone(), cx: &self.cx, permit: None },
            progress: run.progress,
            has_begun: AtomicBool::new(false),
        }
    }

    /// The failure of the step, with its limit where that was the reason.
    pub(super) fn explained(&self, run: &Run<'_>, failure: Failure) -> Failure {
        let left = self.cx.deadline.saturating_duration_since(std::time::Instant::now());
        // A wait ends before a look that could not end in time.
        let is_over = left < 2 * run.pace() && !run.call().is_over() && !run.cx.stop.is_cancelled();
        if !is_over {
            return failure;
        }
        let text =
            format!("{}\nThis step may take {} s (`{}`).", failure.detail, self.limit.as_secs(), self.step.option());
        Failure { cause: Cause::Ambiguous, detail: text, ..failure }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_step_has_an_option_and_a_usual_limit() {
        let roll = |arguments| -> ClusterRoll { serde_json::from_value(arguments).unwrap() };
        let steps = [Step::Evacuate, Step::Run, Step::Reboot, Step::Gate];
        let minutes = |roll: &ClusterRoll| steps.map(|step| step.limit(roll).as_secs() / 60);
        assert_eq!(minutes(&roll(json!({}))), [120, 120, 30, 30]);
        for (at, step) in steps.iter().enumerate() {
            let argument = step.option().trim_start_matches("--").replace('-', "_");
            let limits = minutes(&roll(json!({ argument: "5m" })));
            assert_eq!(limits.iter().position(|limit| *limit == 5), Some(at), "{step:?}: {limits:?}");
        }
    }
}
