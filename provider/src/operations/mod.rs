//! Day-two operations: one implementation of each, for the actions of Terraform and for the command line.
//!
//! An operation looks at the cluster first, says what it would do, and refuses a step that would fail. Then it does that,
//! waits for the effect, and says what happened.

mod adapter;
mod alone;
mod arm;
mod at_home;
mod backup_run;
mod drill;
mod emptiness;
mod evacuate;
mod guest_migrate;
mod guest_motion;
mod ha_migrate;
mod ha_motion;
mod health;
mod movers;
mod notification_test;
mod preconditions;
mod reboot;
mod record;
mod replicate;
mod restore;
mod roll;

mod spread;
mod survey;
mod tasks;
mod wake;

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pve_schemas::noun::Noun;
use serde_json::Value as Json;

use crate::client::{Collection, Error};
use crate::framework::{Cause, Diagnostics, Failure, Progress, Value};
use crate::resources::OpContext;
use crate::simulation::live::Guest;

pub use adapter::action;

/// An operation. Its arguments are the noun.
pub trait Operation: Noun {
    /// What a look has found, as far as the rest of the operation needs it.
    type Found: Send;

    /// How long the operation may take if its `timeout` does not say.
    const TIMEOUT: Duration = Duration::from_mins(30);

    /// What the look has found, for programs, where there is more to it than sentences.
    fn details(_found: &Self::Found) -> Option<Json> {
        None
    }

    /// For how long it is asked to last, beside its timeout.
    fn lasts(&self) -> Duration {
        Duration::ZERO
    }

    /// Checks that involve several arguments. `config` may hold unknown values, about which nothing is to be said.
    fn validate(_config: &Value, _diagnostics: &mut Diagnostics) {}

    /// Looks what the operation would do. Changes nothing.
    ///
    /// # Errors
    /// The look failed. What the look finds in the way is in [`Outlook::refusals`].
    fn look(&self, run: &Run<'_>) -> impl Future<Output = Result<Outlook<Self::Found>, Failure>> + Send;

    /// Does it, and waits for the effect.
    ///
    /// # Errors
    /// A failure with [`Cause::Refused`](crate::framework::Cause::Refused) has changed nothing, and one with
    /// [`Cause::Ambiguous`](crate::framework::Cause::Ambiguous) leaves something under way.
    fn act(&self, run: &Run<'_>, found: Self::Found) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// What a look says.
#[derive(Debug)]
pub struct Outlook<F> {
    /// What the operation would do, a sentence each. Empty where nothing is left to do: the operation then ends.
    pub steps: Vec<String>,
    /// What is in the way. One with [`Cause::Absent`](crate::framework::Cause::Absent) is a warning in a plan, whose other
    /// objects may be what is missing.
    pub refusals: Vec<Failure>,
    pub found: F,
}

/// One run of an operation.
pub struct Run<'a> {
    /// What the provider was configured with, the bounds, and where warnings go.
    pub op: OpContext<'a>,
    /// Where the messages go.
    pub progress: &'a dyn Progress,
    /// Whether anything may have been changed.
    pub has_begun: AtomicBool,
}

impl<'a> Deref for Run<'a> {
    type Target = OpContext<'a>;

    fn deref(&self) -> &Self::Target {
        &self.op
    }
}

impl Run<'_> {
    /// How long to wait between two looks at what changes in its own time.
    pub fn pace(&self) -> Duration {
        self.configured.pace
    }

    /// From here on something may have been changed: no failure is a refusal any more.
    pub fn begun(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
    }

    /// The outcome of a write, which is one of the operation unless it was refused.
    ///
    /// # Errors
    /// That of the write.
    pub fn begun_by<T>(&self, written: Result<T, Failure>) -> Result<T, Failure> {
        if !matches!(&written, Err(failure) if failure.cause == Cause::Refused) {
            self.begun();
        }
        written
    }

    /// The guests as Proxmox lists them now, by HA resource id: the nodes update the list every 10 s.
    async fn guests(&self) -> Result<BTreeMap<String, Guest>, Error> {
        let rows: Vec<Json> =
            self.client().get_with(Collection::Guests.path(), &Collection::Guests.query(), &self.call()).await?;
        Ok(Guest::all(&rows))
    }

    /// Says what is happening: a sentence.
    pub fn say(&self, message: impl AsRef<str>) {
        tracing::info!("{}", message.as_ref());
        self.progress.report(message.as_ref());
    }
}
