//! Quorum is a state of the cluster, not of a request.
//!
//! The first write that is refused without quorum waits and asks; all others wait with it.
//! When the wait ends without quorum all of them return at once: the first with what it found
//! out, the others with one line. Later writes don't wait again until one has succeeded.

use reqwest::Method;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Client;
use super::attempt::{Delays, over};
use super::error::{Error, ErrorKind};
use super::membership::Membership;
use crate::call::{Call, Ended};

/// What pveproxy answers where its own worker did not.
pub(super) const GAVE_UP: u16 = 596;

/// The client's view of the quorum.
pub(super) struct Quorum {
    phase: watch::Sender<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// As far as is known, writes work.
    Present,
    /// A write waits for it.
    Awaited,
    /// The wait for it ended without quorum.
    Lost,
}

impl Quorum {
    pub(super) fn new() -> Self {
        Self { phase: watch::Sender::new(Phase::Present) }
    }

    pub(super) fn seen(&self) {
        self.phase.send_if_modified(|phase| {
            let lost = *phase == Phase::Lost;
            if lost {
                *phase = Phase::Present;
            }
            lost
        });
    }

    /// Whether the wait lasts, or ended without quorum.
    pub(super) fn is_missed(&self) -> bool {
        *self.phase.borrow() != Phase::Present
    }

    /// Resolves when a wait that is under way, or begins, ends without quorum.
    pub(super) async fn given_up(&self) {
        let mut phases = self.phase.subscribe();
        phases.mark_unchanged();
        while phases.changed().await.is_ok() {
            if *phases.borrow_and_update() == Phase::Lost {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Becomes the one that waits, or returns which other writer does or did.
    fn enter(&self) -> Phase {
        let mut found = Phase::Present;
        self.phase.send_if_modified(|phase| {
            found = *phase;
            if found == Phase::Present {
                *phase = Phase::Awaited;
            }
            found == Phase::Present
        });
        found
    }
}

/// The wait of the first; if it is dropped, another writer takes over.
struct Wait<'a> {
    quorum: &'a Quorum,
    outcome: Phase,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.quorum.phase.send_replace(self.outcome);
    }
}

/// Why a wait for quorum has ended without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vain {
    /// The time ran out: who is missing, and how long it was waited for.
    Expired(String),
    /// Another writer of this run waited for the same, and reports all of it.
    Echo,
    /// The run is interrupted.
    Stopped,
}

impl Client {
    /// Waits until a write may be tried again that was refused without quorum, with all others that wait for it.
    ///
    /// # Errors
    ///
    /// When the call ends first, or the wait of another writer ended without quorum.
    pub async fn await_quorum(&self, refusal: &str, call: &Call) -> Result<(), Vain> {
        let started = Instant::now();
        self.waited_for_quorum(refusal, &mut Delays::new(), started, call).await
    }

    /// The same for a request of this client.
    pub(super) async fn await_quorum_for(
        &self,
        refusal: Error,
        delays: &mut Delays,
        started: Instant,
        call: &Call,
    ) -> Result<(), Error> {
        let vain = match self.waited_for_quorum(&refusal.quote(), delays, started, call).await {
            Ok(()) => return Ok(()),
            Err(vain) => vain,
        };
        Err(match vain {
            Vain::Echo => {
                Error::new(ErrorKind::NoQuorum, refusal.method(), refusal.path(), refusal.message()).into_echo()
            }
            Vain::Stopped => {
                let note = format!("Stopped while waiting for quorum. {}", refusal.quote());
                over(Ended::Stopped, refusal.method(), refusal.path()).with_note(note)
            }
            Vain::Expired(note) => {
                let tries = refusal.tries();
                refusal.with_effort(tries, started.elapsed()).with_note(note)
            }
        })
    }

    async fn waited_for_quorum(
        &self,
        refusal: &str,
        delays: &mut Delays,
        started: Instant,
        call: &Call,
    ) -> Result<(), Vain> {
        let quorum = &self.inner.quorum;
        let mut phases = quorum.phase.subscribe();
        let entered = quorum.enter();
        if entered == Phase::Lost {
            return Err(Vain::Echo);
        }
        let mut waiting = call.waiting_since(started, "quorum");
        if entered == Phase::Awaited {
            let ended = waiting.during(call.bound(phases.wait_for(|phase| *phase != Phase::Awaited))).await;
            return match ended.map(|phase| phase.map(|phase| *phase)) {
                Ok(Ok(Phase::Present)) => Ok(()),
                Ok(_) | Err(Ended::Expired) => Err(Vain::Echo),
                Err(Ended::Stopped) => Err(Vain::Stopped),
            };
        }
        let mut wait = Wait { quorum, outcome: Phase::Present };
        tracing::warn!(reason = refusal, "the cluster has no quorum");
        let mut last = None;
        let ended = loop {
            if let Err(ended) = waiting.during(call.bound(tokio::time::sleep(delays.next()))).await {
                break ended;
            }
            let membership = waiting.during(Membership::read(self, call)).await;
            if membership.is_none()
                && let Some(ended) = call.ended()
            {
                break ended;
            }
            // Who may not read the status finds out by writing again.
            if membership.as_ref().is_none_or(Membership::is_quorate) {
                return Ok(());
            }
            last = membership;
        };
        match ended {
            Ended::Stopped => Err(Vain::Stopped),
            Ended::Expired => {
                wait.outcome = Phase::Lost;
                let members = last.map_or_else(String::new, |members| members.describe());
                Err(Vain::Expired(format!("{members}Waited {} s for quorum.", started.elapsed().as_secs())))
            }
        }
    }

    /// Who is missing where the node that answers has no quorum; none where it has, or does not report it.
    pub async fn lack_of_quorum(&self, call: &Call) -> Option<String> {
        let membership = Membership::read(self, call).await.filter(|membership| !membership.is_quorate())?;
        Some(membership.describe().trim_end().to_owned())
    }

    /// What a failure of a write means where the cluster has no quorum. pveproxy answers 596 where its worker gave up, as it
    /// does with several writers that all wait for a lock which can't be had: without quorum nothing was carried out.
    pub(super) async fn judged_by_quorum(&self, error: Error, call: &Call) -> Error {
        if error.status() != Some(GAVE_UP) {
            return error;
        }
        match Membership::read(self, call).await {
            Some(membership) if !membership.is_quorate() => error.with_kind(ErrorKind::NoQuorum),
            _ => error,
        }
    }
}

/// The error of a writer that had no turn yet when the wait ended.
pub(super) fn lost(path: &str) -> Error {
    Error::new(ErrorKind::NoQuorum, &Method::PUT, path, "no quorum").into_echo()
}
