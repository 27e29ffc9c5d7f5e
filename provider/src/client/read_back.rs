//! Reading back what was created: one list for all creates that are due, instead of a request for each.
//!
//! A list serves a create only if it was asked for after that write had ended, so that it never comes from
//! [`Client::list`]: those who are due form a batch, and the list is asked for once the batch is closed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pve_schemas::rest::Collection;
use reqwest::Method;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::attempt::over;
use super::error::{Error, ErrorKind};
use super::flight::SingleFlight;
use super::{Client, Listing};
use crate::call::Call;

/// How many creates are enough for a list.
const ENOUGH: usize = 10;

/// After how many batches of the usual size more creates are waited for again: a try that finds none delays the batch.
const RUN: u32 = 24;

/// How long the next create is waited for while nothing shows how fast core comes with them.
const HANDOVER_TIMEOUT: Duration = Duration::from_millis(100);

/// The least and the most that the next one is waited for otherwise.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many times as long as lately between two creates the next one is waited for.
const PATIENCE: u32 = 4;

/// How long a create waits for others at all: one of those in the queue may be held up for minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The batches of all collections, and their lists.
#[derive(Default)]
pub(super) struct ReadBacks {
    batches: Mutex<HashMap<Collection, watch::Sender<Batch>>>,
    lists: SingleFlight<Collection, Arc<Listing>>,
}

/// The batch that is open.
#[derive(Clone, Copy, Debug)]
struct Batch {
    /// How many were closed before.
    number: u64,
    due: usize,
    /// How many came together last: a run of creates one after the other waits for no others.
    usual: usize,
    /// How many batches in a row had as many.
    full: u32,
    /// Whether fewer came the last time: once may be chance.
    was_fewer: bool,
    /// When the last create came, and how long that was after the one before: core is slow where the state is large.
    last: Option<Instant>,
    pace: Option<Duration>,
}

impl Default for Batch {
    fn default() -> Self {
        Self { number: 0, due: 0, usual: ENOUGH, full: 0, was_fewer: false, last: None, pace: None }
    }
}

impl Batch {
    /// One more create is due; returns the number of its batch.
    fn join(&mut self) -> u64 {
        let now = Instant::now();
        if let Some(last) = self.last.replace(now) {
            // A single short pause does not say that the next ones are short.
            let before = self.pace.unwrap_or_default() * 3 / 4;
            self.pace = Some(before.max(now.duration_since(last)));
        }
        self.due += 1;
        self.number
    }

    /// How long the next create may take.
    fn pause(&self) -> Duration {
        self.pace.map_or(HANDOVER_TIMEOUT, |pace| (pace * PATIENCE).clamp(SHORTEST_PAUSE, LONGEST_PAUSE))
    }

    fn close(&mut self) {
        let is_fewer = self.due < self.usual;
        let full = if is_fewer { 0 } else { self.full + 1 };
        let (usual, full) = match self.due {
            due if is_fewer && self.was_fewer => (due, full),
            _ if is_fewer => (self.usual, full),
            // One create after the other is a run of single ones; others may be more, where the pause was chance.
            due if due > 1 && full >= RUN => ((due * 2).min(ENOUGH), 0),
            due => (due, full),
        };
        *self = Self { number: self.number + 1, due: 0, usual, full, was_fewer: is_fewer, ..*self };
    }
}

impl ReadBacks {
    fn of(&self, collection: Collection) -> watch::Sender<Batch> {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        batches.entry(collection).or_default().clone()
    }
}

impl Client {
    /// Reads an object back that was just created. Those who create objects of the collection at the same time share one list,
    /// asked for when no other write is queued or enough of them are due. What it does not show is asked for by itself.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn find_written<T: DeserializeOwned>(
        &self,
        collection: Collection,
        id: &str,
        call: &Call,
    ) -> Result<Option<T>, Error> {
        let list = match self.list_of_written(collection, call).await {
            Err(error) if matches!(error.kind(), ErrorKind::Stopped | ErrorKind::Expired) => return Err(error),
            list => list.ok(),
        };
        match list.and_then(|list| list.find(id).ok().flatten()) {
            Some(found) => Ok(Some(found)),
            None => self.find(&collection.object(id), call).await,
        }
    }

    async fn list_of_written(&self, collection: Collection, call: &Call) -> Result<Arc<Listing>, Error> {
        let batch = self.inner.read_backs.of(collection);
        let share = async {
            self.close_in_time(collection, &batch).await;
            let fetch = || {
                let (client, call) = (self.clone(), call.clone());
                async move { client.fetch(collection, &call).await }
            };
            // A list for a later batch is younger than what is looked for.
            self.inner.read_backs.lists.share(collection, || batch.borrow().number, |_| true, call, fetch).await
        };
        call.bound(share).await.map_err(|ended| over(ended, &Method::GET, collection.path()))?
    }

    /// Joins the open batch, and returns once it is closed.
    async fn close_in_time(&self, collection: Collection, batch: &watch::Sender<Batch>) {
        let end = Instant::now() + LONGEST_WAIT;
        let mut queue = self.inner.domains.watch(collection.write_domain());
        let mut batches = batch.subscribe();
        let mut own = 0;
        batch.send_modify(|batch| own = batch.join());
        loop {
            let is_idle = queue.borrow_and_update().is_idle();
            let open = *batches.borrow_and_update();
            if open.number != own {
                return;
            }
            if open.due >= ENOUGH || (is_idle && open.due >= open.usual) {
                break;
            }
            tokio::select! {
                _ = queue.changed() => {}
                _ = batches.changed() => {}
                () = sleep(open.pause()), if is_idle => break,
                () = sleep_until(end) => break,
            }
        }
        batch.send_if_modified(|batch| {
            let is_open = batch.number == own;
            if is_open {
                batch.close();
            }
            is_open
        });
    }
}
