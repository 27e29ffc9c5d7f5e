//! One writer per lock domain.
//!
//! Proxmox guards each of its files by one cluster-wide lock, waits for it for 10 s and then gives
//! up; parallel writers therefore fail instead of waiting. Here they queue before they send, in
//! the order of their requests. The permit is held around read, compare and write, so that nothing of
//! this process is written between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pve_schemas::rest::LockDomain;
use reqwest::Method;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::attempt::over;
use super::error::Error;
use super::{Client, quorum};
use crate::call::{Call, Ended};

/// How long a rule that was refused waits for another operation of the same apply to show up
/// before the queue counts as empty.
const HANDOVER_TIMEOUT: Duration = Duration::from_millis(500);

/// The right to write in a domain; held until dropped.
#[derive(Debug)]
pub struct DomainPermit {
    domain: LockDomain,
    queue: Arc<Queue>,
    /// `None` only while the turn is passed on.
    guard: Option<OwnedMutexGuard<()>>,
}

impl DomainPermit {
    #[must_use]
    pub fn domain(&self) -> LockDomain {
        self.domain
    }

    /// Says that something of the domain was changed by other means than this client: what was read before is stale.
    pub fn changed(&self) {
        self.queue.bump();
    }

    /// Begins a write: what was read before is stale from now on.
    pub(super) fn begin(&self) -> Writing<'_> {
        self.queue.bump();
        Writing { queue: &self.queue }
    }
}

impl Drop for DomainPermit {
    fn drop(&mut self) {
        self.guard = None;
        self.queue.state.send_modify(|state| state.active -= 1);
    }
}

/// A write under way. What is read while it lasts is stale, too.
pub(super) struct Writing<'a> {
    queue: &'a Queue,
}

impl Writing<'_> {
    /// The write has changed something.
    pub(super) fn succeeded(self) {
        self.queue.state.send_modify(|state| state.writes += 1);
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.queue.bump();
    }
}

/// The queues of all domains.
#[derive(Default)]
pub(super) struct Domains([Arc<Queue>; LockDomain::COUNT]);

#[derive(Debug)]
struct Queue {
    /// tokio's mutex is fair: first come, first served.
    lock: Arc<Mutex<()>>,
    generation: AtomicU64,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    writes: u64,
    /// Turns that are held or waited for, without those that only wait for others' writes.
    active: usize,
}

impl State {
    /// Whether no writer has a turn or waits for one.
    pub(super) fn is_idle(self) -> bool {
        self.active == 0
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self { lock: Arc::default(), generation: AtomicU64::new(0), state: watch::Sender::new(State::default()) }
    }
}

impl Queue {
    fn bump(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

impl Domains {
    fn queue(&self, domain: LockDomain) -> &Arc<Queue> {
        &self.0[domain as usize]
    }

    /// Follows the queue of a domain.
    pub(super) fn watch(&self, domain: LockDomain) -> watch::Receiver<State> {
        self.queue(domain).state.subscribe()
    }

    /// Changes with every write; what was read under another generation is stale.
    pub(super) fn generation(&self, domain: LockDomain) -> u64 {
        self.queue(domain).generation.load(Ordering::SeqCst)
    }
}

impl Client {
    /// Waits for the turn to write in `domain`.
    ///
    /// # Errors
    ///
    /// When the call ends first, and when an earlier writer has waited for quorum without success.
    pub async fn permit(&self, domain: LockDomain, call: &Call) -> Result<DomainPermit, Error> {
        let queue = self.inner.domains.queue(domain).clone();
        queue.state.send_modify(|state| state.active += 1);
        let permit = DomainPermit { domain, queue: queue.clone(), guard: None };
        self.take(permit, call).await
    }

    /// Lets others write first, and returns the turn after one of them has; `None` when there
    /// is no other writer, so that waiting is pointless.
    ///
    /// For a rule that is refused because of another rule which this apply is about to change.
    ///
    /// # Errors
    ///
    /// When the call ends first.
    pub async fn pass(&self, permit: DomainPermit, call: &Call) -> Result<Option<DomainPermit>, Error> {
        let (domain, queue) = (permit.domain, permit.queue.clone());
        let mut states = queue.state.subscribe();
        let seen = states.borrow().writes;
        drop(permit);
        let idle = |state: &State| state.writes == seen && state.active == 0;
        let another_write = async {
            loop {
                let state = states.wait_for(|state| state.writes != seen || state.active == 0);
                if state.await.is_ok_and(|state| !idle(&state)) {
                    return true;
                }
                let another_writer = states.wait_for(|state| !idle(state));
                match tokio::time::timeout(HANDOVER_TIMEOUT, another_writer).await {
                    Ok(Ok(_)) => {}
                    _ => return false,
                }
            }
        };
        let others = call.bound(another_write).await.map_err(|ended| over(ended, &Method::PUT, domain.lock_name()))?;
        if others { self.permit(domain, call).await.map(Some) } else { Ok(None) }
    }

    async fn take(&self, mut permit: DomainPermit, call: &Call) -> Result<DomainPermit, Error> {
        let name = permit.domain.lock_name();
        let lock = permit.queue.lock.clone();
        let guard = tokio::select! {
            biased;
            ended = call.end() => return Err(match ended {
                Ended::Expired if self.inner.quorum.is_missed() => quorum::lost(name),
                Ended::Expired => over(ended, &Method::PUT, name)
                    .with_note("Other writes of this run did not finish in time. Nothing was sent for this one."),
                Ended::Stopped => over(ended, &Method::PUT, name).with_note("Nothing was sent for it."),
            }),
            // Before the lock, which the writer that waited without success releases in the same moment.
            () = self.inner.quorum.given_up() => return Err(quorum::lost(name)),
            guard = lock.lock_owned() => guard,
        };
        permit.guard = Some(guard);
        Ok(permit)
    }
}
