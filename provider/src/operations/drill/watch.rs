//! Watches the cluster, poll by poll, and keeps the evidence up to date.

use std::time::Duration;

use serde_json::Value as Json;
use tokio::time::Instant;

use super::super::Run;
use super::super::tasks::clock;
use super::evidence::{Event, Folder, Kind, Record};
use super::observation::Observation;
use crate::client::{Call, Collection, Error, ErrorKind};
use crate::explain::explain;
use crate::framework::Failure;

/// How long one poll may take: a node that has failed is noticed by a timeout.
const POLL_TIMEOUT: Duration = Duration::from_secs(20);

/// What ends a drill before its end.
#[derive(Debug)]
pub(super) enum Stopped {
    Interrupted,
    /// This did not happen in time.
    OutOfTime(String),
    Failed(Failure),
}

/// The watch of one drill.
pub(super) struct Watch<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) now: Observation,
    pub(super) record: Record,
    folder: Folder,
    /// The clock of the cluster when it was read last, and when that was.
    clock: (i64, Instant),
    /// Why the evidence can't be written.
    pub(super) unwritten: Option<String>,
    /// Why the last poll failed.
    pub(super) unread: Option<String>,
}

impl<'a> Watch<'a> {
    /// Begins with the first observation.
    ///
    /// # Errors
    /// The cluster can't be read.
    pub(super) async fn begin(run: &'a Run<'a>, record: Record, folder: Folder) -> Result<Self, Failure> {
        let now = observe(run, &run.call()).await.map_err(|error| explain("drill", &error))?;
        let time = match &now.answering {
            Some(node) => clock(run, node).await?,
            None => jiff::Timestamp::now().as_second(),
        };
        let mut watch = Self { run, now, record, folder, clock: (time, Instant::now()), unwritten: None, unread: None };
        (watch.record.started, watch.record.ended) = (time, time);
        watch.write();
        Ok(watch)
    }

    /// The clock of the cluster, as last read and continued.
    pub(super) fn time(&self) -> i64 {
        let (read, at) = self.clock;
        read + i64::try_from(at.elapsed().as_secs()).unwrap_or(0)
    }

    /// Says what the drill does, or what the person is to do.
    pub(super) fn say(&mut self, text: &str) {
        self.run.say(text);
        let event = Event {
            time: self.time(),
            kind: Kind::Drill,
            subject: "drill".to_owned(),
            from: None,
            to: None,
            text: text.to_owned(),
        };
        self.record.timeline.push(event);
        self.write();
    }

    /// Writes the evidence as it is now.
    pub(super) fn write(&mut self) {
        self.record.ended = self.time();
        self.unwritten = self.folder.write(&self.record).err().map(|error| error.to_string());
    }

    pub(super) fn folder(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// Polls until `done`, for at most `limit`.
    pub(super) async fn until(
        &mut self,
        what: &str,
        limit: Duration,
        mut done: impl FnMut(&Observation) -> bool,
    ) -> Result<(), Stopped> {
        let (call, end) = (self.run.call(), Instant::now() + limit);
        let mut looks = call.looks(what);
        loop {
            self.poll().await?;
            if done(&self.now) {
                return Ok(());
            }
            let is_late = Instant::now() >= end;
            if is_late || !looks.pause(self.run.pace()).await {
                return Err(if call.stop.is_cancelled() {
                    Stopped::Interrupted
                } else {
                    Stopped::OutOfTime(what.to_owned())
                });
            }
        }
    }

    /// Polls while `work` is done.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Stopped> {
        let mut work = std::pin::pin!(work);
        let pace = self.run.pace();
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done.map_err(|failure| {
                    if self.run.call().stop.is_cancelled() { Stopped::Interrupted } else { Stopped::Failed(failure) }
                }),
                () = tokio::time::sleep(pace) => {}
            }
            // What is under way ends by itself when the run is interrupted.
            let _ = self.poll().await;
        }
    }

    /// One poll; one that fails is left out.
    async fn poll(&mut self) -> Result<(), Stopped> {
        let call = self.run.call();
        let bounded = Call::within(call.left().min(POLL_TIMEOUT), call.stop.clone());
        match observe(self.run, &bounded).await {
            Ok(now) => {
                self.unread = None;
                self.take(now).await;
            }
            Err(error) if error.kind() == ErrorKind::Stopped => return Err(Stopped::Interrupted),
            Err(error) => {
                tracing::warn!(%error, "a poll failed");
                self.unread = Some(error.to_string());
            }
        }
        Ok(())
    }

    async fn take(&mut self, now: Observation) {
        if now.changes(&self.now, 0).is_empty() {
            self.now.round = now.round;
            return;
        }
        // Only a change is worth a request for the clock.
        if let Some(node) = now.answering.as_deref()
            && let Ok(time) = Box::pin(clock(self.run, node)).await
        {
            self.clock = (time, Instant::now());
        }
        let events = now.changes(&self.now, self.time());
        for event in &events {
            self.run.say(&event.text);
        }
        self.record.timeline.extend(events);
        self.now = now;
        self.write();
    }
}

async fn observe(run: &Run<'_>, call: &Call) -> Result<Observation, Error> {
    let client = run.client();
    // Each future of a request is large, and they are polled deep in the stack.
    let (guests, query) = (Collection::Guests, Collection::Guests.query());
    let (members, manager, rows): (Vec<Json>, Json, Vec<Json>) = tokio::try_join!(
        Box::pin(client.get(Collection::ClusterStatus.path(), call)),
        Box::pin(client.get(Collection::HaManagerStatus.path(), call)),
        Box::pin(client.get_with(guests.path(), &query, call)),
    )?;
    Ok(Observation::of(&members, &manager, &rows))
}
