//! Quorum is a state of the cluster, not of a request.
//!
//! The first write that is refused for want of quorum waits and asks; all others wait with it.
//! When the wait ends without quorum all of them return at once: the first with what it found
//! out, the others with one line. Later writes don't wait again until one has succeeded.

use reqwest::Method;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::time::Instant;

use super::attempt::{Delays, over};
use super::error::{Error, Kind};
use super::{Client, wire};
use crate::call::{Call, Ended};

const STATUS: &str = "/cluster/status";
const VOTES: &str = "/cluster/config/nodes";

/// The client's view of the quorum.
pub(super) struct Quorum {
    phase: watch::Sender<Phase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// As far as is known, writes work.
    Present,
    /// Somebody waits for it.
    Awaited,
    /// The wait for it was in vain.
    Lost,
}

impl Quorum {
    pub(super) fn new() -> Self {
        Self { phase: watch::Sender::new(Phase::Present) }
    }

    /// A write succeeded.
    pub(super) fn seen(&self) {
        self.phase.send_if_modified(|phase| {
            let lost = *phase == Phase::Lost;
            if lost {
                *phase = Phase::Present;
            }
            lost
        });
    }

    /// Whether it is waited for, or was in vain.
    pub(super) fn is_missed(&self) -> bool {
        *self.phase.borrow() != Phase::Present
    }

    /// Resolves when a wait that is under way, or begins, ends in vain.
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

    /// Becomes the one that waits, or tells who else does or did.
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

/// The wait of the first; if it is dropped, somebody else takes over.
struct Wait<'a> {
    quorum: &'a Quorum,
    outcome: Phase,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.quorum.phase.send_replace(self.outcome);
    }
}

impl Client {
    /// Waits until the write that was refused may be tried again.
    pub(super) async fn await_quorum(
        &self,
        refusal: Error,
        delays: &mut Delays,
        started: Instant,
        call: &Call,
    ) -> Result<(), Error> {
        let quorum = &self.inner.quorum;
        let mut phases = quorum.phase.subscribe();
        match quorum.enter() {
            Phase::Present => {}
            Phase::Lost => return Err(short(&refusal)),
            Phase::Awaited => {
                let settled = call.bound(phases.wait_for(|phase| *phase != Phase::Awaited));
                let phase = settled.await.map(|phase| phase.map(|phase| *phase));
                return match phase {
                    Ok(Ok(Phase::Present)) => Ok(()),
                    Ok(_) | Err(Ended::Expired) => Err(short(&refusal)),
                    Err(Ended::Stopped) => Err(stopped(&refusal)),
                };
            }
        }
        let mut wait = Wait { quorum, outcome: Phase::Present };
        tracing::warn!(reason = %refusal.quote(), "waiting for quorum");
        let mut last = None;
        let ended = loop {
            if let Err(ended) = call.bound(tokio::time::sleep(delays.next())).await {
                break ended;
            }
            let membership = Membership::read(self, call).await;
            if membership.is_none()
                && let Some(ended) = call.ended()
            {
                break ended;
            }
            // Who may not read the status finds out by writing again.
            if membership.as_ref().is_none_or(|members| members.quorate) {
                return Ok(());
            }
            last = membership;
        };
        match ended {
            Ended::Stopped => Err(stopped(&refusal)),
            Ended::Expired => {
                wait.outcome = Phase::Lost;
                let waited = started.elapsed();
                let members = last.map_or_else(String::new, |members| members.describe());
                let note = format!("{members}Waited {} s for quorum.", waited.as_secs());
                let tries = refusal.tries();
                Err(refusal.with_effort(tries, waited).with_note(note))
            }
        }
    }
}

/// The error of those who waited with the first.
pub(super) fn short(refusal: &Error) -> Error {
    Error::new(Kind::NoQuorum, refusal.method(), refusal.path(), refusal.message()).into_echo()
}

/// The error of a writer that had no turn yet when the wait ended.
pub(super) fn lost(path: &str) -> Error {
    Error::new(Kind::NoQuorum, &Method::PUT, path, "no quorum").into_echo()
}

fn stopped(refusal: &Error) -> Error {
    let note = format!("Stopped while waiting for quorum. {}", refusal.quote());
    over(Ended::Stopped, refusal.method(), refusal.path()).with_note(note)
}

/// Who is in the cluster, and who of them is there.
pub(super) struct Membership {
    pub(super) quorate: bool,
    pub(super) nodes: Vec<Member>,
}

pub(super) struct Member {
    name: String,
    online: bool,
    votes: Option<i64>,
}

impl Membership {
    /// Asks once; `None` if there is no answer, or none that tells.
    pub(super) async fn read(client: &Client, call: &Call) -> Option<Self> {
        let rows: Vec<Row> = client.once(STATUS, call).await.ok()?.typed().ok()?;
        let quorate = rows
            .iter()
            .find(|row| row.r#type == "cluster")
            // A node on its own has no cluster entry, and needs no quorum.
            .is_none_or(|row| row.quorate == Some(true));
        let mut nodes: Vec<_> = rows
            .into_iter()
            .filter(|row| row.r#type == "node")
            .map(|row| Member { name: row.name, online: row.online == Some(true), votes: None })
            .collect();
        if !quorate {
            let votes = client.once(VOTES, call).await.ok();
            let votes: Vec<Votes> = votes.and_then(|votes| votes.typed().ok()).unwrap_or_default();
            for node in &mut nodes {
                node.votes = votes.iter().find(|row| row.name == node.name).and_then(|row| row.quorum_votes);
            }
        }
        nodes.sort_by(|one, other| one.name.cmp(&other.name));
        Some(Self { quorate, nodes })
    }

    /// `It has 1 of 3 votes (online: pve1; offline: pve2, pve3). `
    fn describe(&self) -> String {
        let names = |online: bool| -> String {
            let names: Vec<_> =
                self.nodes.iter().filter(|node| node.online == online).map(|node| node.name.as_str()).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        let total: Option<i64> = self.nodes.iter().map(|node| node.votes).sum();
        let present: Option<i64> = self.nodes.iter().filter(|node| node.online).map(|node| node.votes).sum();
        let count = match (present, total) {
            (Some(present), Some(total)) => format!("{present} of {total} votes"),
            _ => {
                let online = self.nodes.iter().filter(|node| node.online).count();
                format!("{online} of {} nodes", self.nodes.len())
            }
        };
        format!("It has {count} (online: {}; offline: {}). ", names(true), names(false))
    }
}

#[derive(Deserialize)]
struct Row {
    r#type: String,
    name: String,
    #[serde(default, deserialize_with = "wire::optional::flag")]
    online: Option<bool>,
    #[serde(default, deserialize_with = "wire::optional::flag")]
    quorate: Option<bool>,
}

#[derive(Deserialize)]
struct Votes {
    name: String,
    #[serde(default, deserialize_with = "wire::optional::integer")]
    quorum_votes: Option<i64>,
}
