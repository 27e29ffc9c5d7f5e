//! The bounds of one operation: until when, and what ends it early.

mod waiting;

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use waiting::Waited;
pub(crate) use waiting::{Looks, Waiting};

/// The bounds that every request of one operation obeys.
///
/// One resource operation makes one `Call` and passes it to all that it asks for, so that its
/// reads, waits and writes share one deadline.
#[derive(Clone, Debug)]
pub struct Call {
    /// When the operation's time is up.
    pub deadline: Instant,
    /// Cancelled when the run is interrupted.
    pub stop: CancellationToken,
    /// Where long waits are noted.
    waited: Waited,
}

/// Why a call's time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The stop token was cancelled.
    Stopped,
    /// The deadline of the operation has passed.
    Expired,
}

impl Call {
    /// A call that may last until `deadline` or until `stop` is cancelled.
    #[must_use]
    pub fn new(deadline: Instant, stop: CancellationToken) -> Self {
        Self { deadline, stop, waited: Waited::default() }
    }

    /// The same call, whose long waits are reported to `waited`.
    #[must_use]
    pub fn noting(self, waited: Waited) -> Self {
        Self { waited, ..self }
    }

    /// The same call, whose long waits are ordinary: they are logged, and not reported.
    #[must_use]
    pub fn quietly(self) -> Self {
        self.noting(Waited::default())
    }

    /// Begins to wait for `what`, such as "quorum".
    pub(crate) fn waiting(&self, what: impl Into<String>) -> Waiting {
        Waiting::new(what.into(), Instant::now(), self.waited.clone())
    }

    /// The same for a wait that began with the first try of something.
    pub(crate) fn waiting_since(&self, started: Instant, what: impl Into<String>) -> Waiting {
        Waiting::new(what.into(), started, self.waited.clone())
    }

    /// Begins to look, again and again, whether what is waited for has come.
    pub(crate) fn looks(&self, what: impl Into<String>) -> Looks<'_> {
        Looks::new(self, what.into())
    }

    /// A call that may last for `limit` from now on or until `stop` is cancelled.
    #[must_use]
    pub fn within(limit: Duration, stop: CancellationToken) -> Self {
        Self::new(Instant::now() + limit, stop)
    }

    /// This call, for at most `limit` from now on: what one node may take for an answer.
    #[must_use]
    pub fn at_most(&self, limit: Duration) -> Self {
        Self { deadline: self.deadline.min(Instant::now() + limit), ..self.clone() }
    }

    /// A call for grace what is already under way: deaf to the stop token, and short.
    ///
    /// After a stop, reads are refused at once; an ambiguous write still has to be compared with
    /// what Proxmox has now.
    #[must_use]
    pub fn grace(&self, limit: Duration) -> Self {
        Self::within(limit, CancellationToken::new())
    }

    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether this call has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ended().is_some()
    }

    pub(crate) fn ended(&self) -> Option<Ended> {
        if self.stop.is_cancelled() {
            Some(Ended::Stopped)
        } else if Instant::now() >= self.deadline {
            Some(Ended::Expired)
        } else {
            None
        }
    }

    /// Resolves when the call ends.
    pub(crate) async fn end(&self) -> Ended {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Ended::Stopped,
            () = tokio::time::sleep_until(self.deadline) => Ended::Expired,
        }
    }

    /// Waits until it is time for another look at what changes in its own time. `false` where this call ends before that,
    /// or would end in the middle of the look.
    pub(crate) async fn pause(&self, period: Duration) -> bool {
        self.left() >= 2 * period && self.bound(tokio::time::sleep(period)).await.is_ok()
    }

    /// Waits for `work` as long as this call lasts.
    pub(crate) async fn bound<T>(&self, work: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::select! {
            biased;
            ended = self.end() => Err(ended),
            done = work => Ok(done),
        }
    }
}
