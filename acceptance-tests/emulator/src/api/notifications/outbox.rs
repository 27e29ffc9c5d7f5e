//! The deliveries of a cluster: those that wait, and what became of the others.
//!
//! An event is matched and rendered in the second in which it happens. What is sent of it waits here until the emulator's own task
//! has delivered it, one after the other: two events reach a receiver in their order. The test of a target bypasses that queue.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::sync::Notify;

use super::delivery::{Delivery, Failure, Mail};
use super::event::Event;
use super::routing;
use crate::world::World;

/// How many deliveries are kept in mind.
const KEPT: usize = 1000;

/// The number of the last delivery of all worlds: one that ends after its world was replaced does not belong to the new world.
static LAST: AtomicU64 = AtomicU64::new(0);

/// What is to be sent, and what was.
#[derive(Debug, Default)]
pub struct State {
    log: VecDeque<Record>,
    queue: VecDeque<(Ticket, Delivery)>,
    aside: VecDeque<(Ticket, Delivery)>,
    changed: Option<Arc<Notify>>,
}

/// The number of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// A delivery, and what became of it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its number.
    pub ticket: Ticket,
    /// When the event happened.
    pub time: i64,
    /// `fencing`, `vzdump`, …; `test` for the test of a target.
    pub event: &'static str,
    /// `error`, …
    pub severity: &'static str,
    /// The metadata.
    pub fields: BTreeMap<String, String>,
    /// The title as it was sent.
    pub title: String,
    /// The target.
    pub target: String,
    /// Its type.
    pub kind: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What the mail transfer agent of the node was given.
    pub mail: Option<Mail>,
}

/// How a delivery ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It didn't yet.
    Pending,
    /// The receiver has it.
    Delivered,
    /// The receiver doesn't have it, and nothing tries again.
    Failed(Failure),
}

/// Which of the deliveries that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Those of events.
    Events,
    /// Tests of targets.
    Tests,
}

impl World {
    /// Notifies of an event that a node raises: every target that a matcher names is sent it.
    pub fn notify(&mut self, event: &Event, sender: &str) {
        for delivery in routing::route(self, event, sender) {
            let ticket = self.notifications.keep(event, &delivery);
            self.notifications.queue.push_back((ticket, delivery));
        }
        self.notifications.wake();
    }
}

impl State {
    /// Sends something at once, past the queue.
    pub(super) fn send_aside(&mut self, event: &Event, delivery: Delivery) -> Ticket {
        let ticket = self.keep(event, &delivery);
        self.aside.push_back((ticket, delivery));
        self.wake();
        ticket
    }

    fn keep(&mut self, event: &Event, delivery: &Delivery) -> Ticket {
        let ticket = Ticket(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        self.log.push_back(Record {
            ticket,
            time: event.time,
            event: event.kind(),
            severity: event.severity.as_str(),
            fields: event.fields.clone(),
            title: delivery.title.clone(),
            target: delivery.target.clone(),
            kind: delivery.kind,
            outcome: Outcome::Pending,
            mail: None,
        });
        if self.log.len() > KEPT {
            self.log.pop_front();
        }
        ticket
    }

    /// The next delivery that waits.
    pub(crate) fn take(&mut self, lane: Lane) -> Option<(Ticket, Delivery)> {
        match lane {
            Lane::Events => self.queue.pop_front(),
            Lane::Tests => self.aside.pop_front(),
        }
    }

    /// A delivery ended.
    pub(crate) fn finish(&mut self, ticket: Ticket, result: Result<Option<Mail>, Failure>) {
        if let Some(record) = self.log.iter_mut().find(|record| record.ticket == ticket) {
            match result {
                Ok(mail) => (record.outcome, record.mail) = (Outcome::Delivered, mail),
                Err(failure) => record.outcome = Outcome::Failed(failure),
            }
        }
        self.wake();
    }

    /// How a delivery ended; nothing of one that is not known any more.
    #[must_use]
    pub fn outcome(&self, ticket: Ticket) -> Option<&Outcome> {
        self.log.iter().find(|record| record.ticket == ticket).map(|record| &record.outcome)
    }

    /// All deliveries, the oldest first.
    pub fn log(&self) -> impl Iterator<Item = &Record> {
        self.log.iter()
    }

    /// Whether none is pending.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        !self.log.iter().any(|record| record.outcome == Outcome::Pending)
    }

    /// Notified of everything that is sent or finished, and when the world is replaced.
    pub(crate) fn changed(&mut self) -> Arc<Notify> {
        self.changed.get_or_insert_default().clone()
    }

    fn wake(&self) {
        self.changed.iter().for_each(|changed| changed.notify_waiters());
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.wake();
    }
}

impl Record {
    /// As the control plane shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut record = json!({
            "number": self.ticket.0, "time": self.time, "event": self.event, "severity": self.severity,
            "fields": self.fields, "title": self.title, "target": self.target, "type": self.kind,
        });
        record["outcome"] = match &self.outcome {
            Outcome::Pending => json!("pending"),
            Outcome::Delivered => json!("delivered"),
            Outcome::Failed(failure) => {
                record["error"] = json!(failure.to_string());
                json!("failed")
            }
        };
        if let Some(mail) = &self.mail {
            record["mail"] = json!({"arguments": mail.arguments, "text": mail.text});
        }
        record
    }
}
