//! The clock of all machines: real time until it is stopped, from then on only what [`Clock::advance`] adds.
//!
//! Invariant: it never runs backwards, and all clones of it show the same time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::Notify;

/// The clock all daemons, tickets and tasks read. A clone is the same clock.
#[derive(Clone, Debug)]
pub struct Clock {
    time: Arc<Mutex<Time>>,
    moved: Arc<Notify>,
}

#[derive(Clone, Copy, Debug)]
struct Time {
    base: f64,
    running_since: Option<Instant>,
}

impl Time {
    fn now(self) -> f64 {
        self.base + self.running_since.map_or(0.0, |since| since.elapsed().as_secs_f64())
    }
}

impl Clock {
    /// A clock that runs with the machine's.
    #[must_use]
    pub fn real() -> Self {
        let base = Timestamp::now().as_millisecond() as f64 / 1000.0;
        Self::of(Time { base, running_since: Some(Instant::now()) })
    }

    /// A clock that is stopped at `epoch` seconds.
    #[must_use]
    pub fn standing(epoch: f64) -> Self {
        Self::of(Time { base: epoch, running_since: None })
    }

    fn of(time: Time) -> Self {
        Self { time: Arc::new(Mutex::new(time)), moved: Arc::default() }
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now(&self) -> f64 {
        self.time().now()
    }

    /// Whether it runs by itself.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.time().running_since.is_some()
    }

    /// Stops it where it is.
    pub fn stop(&mut self) {
        self.change(|time| *time = Time { base: time.now(), running_since: None });
    }

    /// Lets it run again from its current time.
    pub fn run(&mut self) {
        self.change(|time| {
            time.running_since.get_or_insert_with(Instant::now);
        });
    }

    pub fn advance(&mut self, seconds: f64) {
        self.change(|time| time.base += seconds.max(0.0));
    }

    /// Notified whenever the clock is moved, stopped, set running or replaced.
    pub(crate) fn moved(&self) -> Arc<Notify> {
        self.moved.clone()
    }

    fn time(&self) -> Time {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Time)) {
        change(&mut self.time.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_waiters();
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.moved.notify_waiters();
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
        assert_eq!((clock.now(), clock.clone().now()), (102.5, 102.5));
    }
}
