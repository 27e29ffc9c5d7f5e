//! The cluster's clock: real time until it is stopped, from then on only what [`Clock::advance`] adds.
//!
//! Invariant: it never runs backwards.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::Notify;

/// The clock all daemons, tickets and tasks of the cluster read.
#[derive(Debug)]
pub struct Clock {
    base: f64,
    running_since: Option<Instant>,
    moved: Option<Arc<Notify>>,
}

impl Clock {
    /// A clock that runs with the machine's.
    #[must_use]
    pub fn real() -> Self {
        let base = Timestamp::now().as_millisecond() as f64 / 1000.0;
        Self { base, running_since: Some(Instant::now()), moved: None }
    }

    /// A clock that is stopped at `epoch` seconds.
    #[must_use]
    pub fn standing(epoch: f64) -> Self {
        Self { base: epoch, running_since: None, moved: None }
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now(&self) -> f64 {
        self.base + self.running_since.map_or(0.0, |since| since.elapsed().as_secs_f64())
    }

    /// Whether it runs by itself.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running_since.is_some()
    }

    /// Stops it where it is.
    pub fn stop(&mut self) {
        self.base = self.now();
        self.running_since = None;
        self.notify();
    }

    /// Lets it run again from its current time.
    pub fn run(&mut self) {
        if self.running_since.is_none() {
            self.running_since = Some(Instant::now());
        }
        self.notify();
    }

    pub fn advance(&mut self, seconds: f64) {
        self.base += seconds.max(0.0);
        self.notify();
    }

    /// Notified whenever the clock is moved, stopped, set running or replaced.
    pub(crate) fn moved(&mut self) -> Arc<Notify> {
        self.moved.get_or_insert_default().clone()
    }

    fn notify(&self) {
        self.moved.iter().for_each(|moved| moved.notify_waiters());
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.notify();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_moves_only_by_advance() {
        let mut clock = Clock::standing(100.0);
        assert_eq!(clock.now(), 100.0);
        clock.advance(2.5);
        clock.advance(-7.0);
        assert_eq!(clock.now(), 102.5);
    }
}
