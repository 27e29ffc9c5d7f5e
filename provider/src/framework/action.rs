//! The interface of an action: what is done once, beside the life of any resource.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Context, Diagnostics, Schema, Value};

/// Takes the messages of an action under way, in order.
pub trait Progress: Send + Sync {
    /// Takes the steps of what begins, as [`Prospect::steps`] has them; empty where nothing is left to do.
    fn begin(&self, _steps: &[String]) {}

    /// Takes the next one: a sentence.
    fn report(&self, message: &str);
}

/// What an action would do, as far as a look at the cluster decides it.
#[derive(Debug, Default)]
pub struct Prospect {
    /// What it would do, a sentence each. Empty where nothing is left to do.
    pub steps: Vec<String>,
    /// The same for programs, where there is more to it than sentences.
    pub details: Option<serde_json::Value>,
    /// What it would refuse because an object does not exist: in a plan, another object of the same run may be that.
    pub missing: Diagnostics,
    /// What it would refuse whatever else the run does (errors), and what else there is to say (warnings).
    pub diagnostics: Diagnostics,
}

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its effect is there.
    Done,
    /// It was refused, and nothing was changed.
    Refused,
    /// It failed, and something may have been changed.
    Failed,
    /// Something that it began is under way: it ran out of time, was stopped, or lost a response.
    Unfinished,
}

/// The outcome of an action.
#[derive(Debug)]
pub struct Invoked {
    pub ending: Ending,
    /// Errors unless it is done, and warnings.
    pub diagnostics: Diagnostics,
}

/// An action: changes the cluster, has no state.
pub trait Action: Send + Sync {
    /// The type name, `pve_…`.
    fn name(&self) -> &'static str;

    /// What it is called in messages: "notification test".
    fn title(&self) -> &'static str;

    /// Its arguments.
    fn schema(&self) -> &Schema;

    /// How long it may take with this `config`.
    fn timeout(&self, config: &Value) -> Duration;

    /// Checks that go over several arguments. `config` may hold unknown values, about which nothing is to be said.
    fn validate(&self, _config: &Value, _diagnostics: &mut Diagnostics) {}

    /// Looks what the action would do with the wholly known `config`. Changes nothing.
    fn plan<'a>(&'a self, cx: &'a Context, config: &'a Value) -> BoxFuture<'a, Prospect>;

    /// Looks again, does it, and waits for its effect.
    fn invoke<'a>(&'a self, cx: &'a Context, config: &'a Value, progress: &'a dyn Progress) -> BoxFuture<'a, Invoked>;
}
