//! The concurrent calls of core: while it plans one object, a destroy can wait for the plans of others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// After how long without any other call nothing more of a plan comes: core asks for one object after the other then, or what is
/// waited for is not planned at all.
const QUIET: Duration = Duration::from_millis(1500);

/// The same once so many calls wait: core asks for no more than that at a time, unless `-parallelism` says so, so that what they
/// wait for can't come.
const ALL_AT_ONCE: usize = 10;
const SHORT_QUIET: Duration = Duration::from_millis(300);

/// How many times as long as core has taken so far between two calls that counts as quiet, and at most how long: a machine with
/// other work slows core down, too.
const PATIENCE: u32 = 4;
const LONGEST_QUIET: Duration = Duration::from_secs(5);

/// The calls of core that are under way.
#[derive(Debug)]
pub struct Activity {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    under_way: usize,
    waiting: usize,
    /// When a call last began or ended.
    since: Instant,
    /// When the last quiet began that was long enough for a wait.
    over: Option<Instant>,
    /// The longest that it was core's turn.
    pause: Duration,
}

impl State {
    /// Whether all calls wait for others.
    fn is_quiet(&self) -> bool {
        self.under_way <= self.waiting
    }

    /// How long quiet has to last until nothing more comes.
    fn patience(&self) -> Duration {
        let least = if self.waiting < ALL_AT_ONCE { QUIET } else { SHORT_QUIET };
        (self.pause * PATIENCE).clamp(least, LONGEST_QUIET)
    }
}

/// How often a wait looks whether it is over.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// A wait inside a call; it ends when this is dropped, whatever becomes of the call.
struct Wait<'a>(&'a Activity);

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

/// A call that is under way.
#[derive(Debug)]
pub struct UnderWay(Arc<Activity>);

impl Default for Activity {
    fn default() -> Self {
        let state = State { under_way: 0, waiting: 0, since: Instant::now(), over: None, pause: Duration::ZERO };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }
}

impl Activity {
    /// A call begins; it ends when the answer is dropped.
    pub fn begin(self: &Arc<Self>) -> UnderWay {
        self.change(|state| {
            if state.is_quiet() {
                state.pause = state.pause.max(state.since.elapsed());
            }
            state.under_way += 1;
        });
        UnderWay(self.clone())
    }

    /// Waits, inside a call, until other calls have achieved what `is_done` checks: without success once there have
    /// been no calls for a while, or at `deadline`.
    pub async fn until(&self, deadline: Instant, is_done: impl Fn() -> bool) {
        let _waiting = self.wait();
        let mut quiet = None;
        loop {
            let changed = self.changed.notified();
            let silence = {
                let state = self.lock();
                // The same quiet was long enough for another wait, whose call may have ended since.
                if quiet.is_some() && quiet == state.over {
                    break;
                }
                // Another wait that ends does not end the quiet: its call does.
                if state.is_quiet() {
                    quiet = Some(state.since);
                }
                quiet.filter(|since| *since == state.since).map(|since| since + state.patience())
            };
            let end = silence.map_or(deadline, |silence| deadline.min(silence));
            let now = Instant::now();
            if is_done() || end <= now {
                if silence.is_some_and(|silence| silence <= now) {
                    self.lock().over = quiet;
                }
                break;
            }
            // `is_done` also looks at what no call announces, such as an interrupt.
            let _ = tokio::time::timeout_at(end.min(Instant::now() + LOOK_INTERVAL).into(), changed).await;
        }
    }

    /// Lets all waits look at once whether they are over.
    pub fn announce(&self) {
        self.changed.notify_waiters();
    }

    fn wait(&self) -> Wait<'_> {
        self.lock().waiting += 1;
        // One wait may end for another that begins.
        self.changed.notify_waiters();
        Wait(self)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        state.since = Instant::now();
        drop(state);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.change(|state| state.under_way -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_another_call_brings_is_waited_for() {
        let activity = Arc::new(Activity::default());
        let _this = activity.begin();
        let other = activity.begin();
        let is_planned = AtomicBool::new(false);
        let deadline = Instant::now() + Duration::from_secs(60);
        let plan = async {
            tokio::task::yield_now().await;
            is_planned.store(true, Ordering::Relaxed);
            drop(other);
        };
        tokio::join!(activity.until(deadline, || is_planned.load(Ordering::Relaxed)), plan);
        assert!(Instant::now() < deadline);
    }

    #[tokio::test]
    async fn one_quiet_is_enough_for_all_that_wait() {
        let activity = Arc::new(Activity::default());
        let deadline = Instant::now() + Duration::from_secs(60);
        let wait = async || {
            let call = activity.begin();
            activity.until(deadline, || false).await;
            drop(call);
            activity.lock().over
        };
        let (one, two, three) = tokio::join!(wait(), wait(), wait());
        assert!(one.is_some() && one == two && two == three);
    }

    #[test]
    fn quiet_is_short_once_core_can_ask_for_nothing_more() {
        let patience = |waiting, pause| {
            let pause = Duration::from_millis(pause);
            State { under_way: waiting, waiting, since: Instant::now(), over: None, pause }.patience()
        };
        assert_eq!(patience(ALL_AT_ONCE - 1, 5), QUIET);
        assert_eq!(patience(ALL_AT_ONCE, 5), SHORT_QUIET);
        assert_eq!(patience(ALL_AT_ONCE, 200), Duration::from_millis(800));
        assert_eq!(patience(ALL_AT_ONCE, 9000), LONGEST_QUIET);
    }

    #[tokio::test]
    async fn two_that_wait_for_what_never_comes_do_not_wait_for_each_other() {
        let activity = Arc::new(Activity::default());
        let (_one, _two) = (activity.begin(), activity.begin());
        let deadline = Instant::now() + Duration::from_secs(60);
        tokio::join!(activity.until(deadline, || false), activity.until(deadline, || false));
        assert!(Instant::now() < deadline && activity.lock().waiting == 0);
    }
}
