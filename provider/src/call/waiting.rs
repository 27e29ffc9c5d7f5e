//! Long waits: logged while they last, and reported when they are over.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Call;

/// How often a wait is logged, and the length from which on it is reported.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Takes note of what was waited for, and for how long.
type Note = dyn Fn(&str, Duration) + Send + Sync;

/// Where long waits are noted.
#[derive(Clone, Default)]
pub struct Waited(Option<Arc<Note>>);

impl Waited {
    /// Notes each wait by `note`.
    pub fn new(note: impl Fn(&str, Duration) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(note)))
    }
}

impl fmt::Debug for Waited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Waited").field(&self.0.is_some()).finish()
    }
}

/// A wait that lasts until this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    what: String,
    since: Instant,
    next: Instant,
    waited: Waited,
}

impl Waiting {
    pub(super) fn new(what: String, since: Instant, waited: Waited) -> Self {
        tracing::info!("waiting for {what}");
        Self { what, since, next: Instant::now() + LOG_INTERVAL, waited }
    }

    /// Does `work`, which is a part of the wait.
    pub(crate) async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep_until(self.next) => {
                    tracing::info!(seconds = self.since.elapsed().as_secs(), "still waiting for {}", self.what);
                    self.next += LOG_INTERVAL;
                }
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let length = self.since.elapsed();
        if let (Some(note), true) = (&self.waited.0, length >= LOG_INTERVAL) {
            note(&self.what, length);
        }
    }
}

/// Looks at what changes in its own time, and logs a wait from the first pause between two of them on.
#[derive(Debug)]
pub(crate) struct Looks<'a> {
    call: &'a Call,
    what: String,
    waiting: Option<Waiting>,
}

impl<'a> Looks<'a> {
    pub(super) fn new(call: &'a Call, what: String) -> Self {
        Self { call, what, waiting: None }
    }

    /// Waits until it is time for another look. `false` where the call ends before that, or would end in the middle of the look.
    pub(crate) async fn pause(&mut self, period: Duration) -> bool {
        let waiting = self.waiting.get_or_insert_with(|| self.call.waiting(self.what.as_str()));
        waiting.during(self.call.pause(period)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_is_noted_and_a_short_one_is_not() {
        let noted = Arc::new(Mutex::new(Vec::new()));
        let notes = noted.clone();
        let note = move |what: &str, length: Duration| notes.lock().unwrap().push((what.to_owned(), length.as_secs()));
        let call = Call::within(Duration::from_secs(60), CancellationToken::new()).noting(Waited::new(note));
        for (what, seconds) in [("a", 9), ("b", 31)] {
            let mut waiting = call.waiting(what);
            waiting.during(tokio::time::sleep(Duration::from_secs(seconds - 1))).await;
            waiting.during(tokio::time::sleep(Duration::from_secs(1))).await;
        }
        call.clone().quietly().waiting("c").during(tokio::time::sleep(Duration::from_secs(60))).await;
        assert_eq!(*noted.lock().unwrap(), [("b".to_owned(), 31)]);
    }

    #[tokio::test(start_paused = true)]
    async fn looks_are_a_wait_from_the_first_pause_on() {
        let noted = Arc::new(Mutex::new(Vec::new()));
        let notes = noted.clone();
        let note = move |what: &str, length: Duration| notes.lock().unwrap().push((what.to_owned(), length.as_secs()));
        let call = Call::within(Duration::from_secs(60), CancellationToken::new()).noting(Waited::new(note));
        let mut looks = call.looks("a state");
        tokio::time::sleep(Duration::from_secs(20)).await;
        for _ in 0..6 {
            assert!(looks.pause(Duration::from_secs(2)).await);
        }
        drop(looks);
        assert_eq!(*noted.lock().unwrap(), [("a state".to_owned(), 12)]);
    }
}
