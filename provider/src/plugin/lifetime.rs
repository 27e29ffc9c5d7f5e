//! How long this process has to live: until core sends Shutdown, a signal terminates it, or no client is connected.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Core gives a plugin a minute to start; it connects right after.
const FIRST_CONNECTION: Duration = Duration::from_secs(90);

/// After the last connection was closed. go-plugin's standard stream call keeps the one connection of a living core
/// from ever being idle, so there is no innocent gap.
const NO_CONNECTION: Duration = Duration::from_secs(3);

/// The life of the server, shared by all tasks that may end it or wait for its end.
#[derive(Clone)]
pub(super) struct Lifetime(Arc<Inner>);

struct Inner {
    shutdown: CancellationToken,
    ending: CancellationToken,
    connections: watch::Sender<usize>,
}

/// A connection counted as open.
pub(super) struct Open(Lifetime);

impl Lifetime {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner {
            shutdown: CancellationToken::new(),
            ending: CancellationToken::new(),
            connections: watch::Sender::new(0),
        }))
    }

    /// Core has no more use for us.
    pub(super) fn shut_down(&self) {
        self.0.shutdown.cancel();
    }

    /// Waits for [`Self::shut_down`].
    pub(super) async fn shutdown(&self) {
        self.0.shutdown.cancelled().await;
    }

    /// No new call is to be taken, and streams that stay open for ever are to be closed.
    pub(super) fn end(&self) {
        self.0.ending.cancel();
    }

    /// Resolves with [`Self::end`].
    pub(super) fn ending(&self) -> CancellationToken {
        self.0.ending.clone()
    }

    /// Counts a connection, until the answer is dropped.
    pub(super) fn opened(&self) -> Open {
        self.0.connections.send_modify(|count| *count += 1);
        Open(self.clone())
    }

    /// Waits until core must be dead: it was there and is no longer, or it never came.
    pub(super) async fn orphaned(&self) {
        let mut connections = self.0.connections.subscribe();
        let mut limit = FIRST_CONNECTION;
        while timeout(limit, connections.wait_for(|count| *count > 0)).await.is_ok() {
            // The sender lives as long as `self`, so neither wait can fail otherwise.
            let _ = connections.wait_for(|count| *count == 0).await;
            limit = NO_CONNECTION;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.connections.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_closed_connection_that_is_not_opened_again_is_the_end() {
        let lifetime = Lifetime::new();
        let start = Instant::now();
        let first = lifetime.opened();
        let orphaned = tokio::spawn({
            let lifetime = lifetime.clone();
            async move { lifetime.orphaned().await }
        });
        tokio::time::sleep(Duration::from_secs(3600)).await;
        drop(first);
        tokio::time::sleep(NO_CONNECTION / 2).await;
        let second = lifetime.opened();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(!orphaned.is_finished());
        drop(second);
        orphaned.await.unwrap();
        assert_eq!(start.elapsed().as_secs(), 7200 + NO_CONNECTION.as_secs() + NO_CONNECTION.as_secs() / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_core_that_never_comes_is_not_waited_for() {
        let start = Instant::now();
        Lifetime::new().orphaned().await;
        assert_eq!(start.elapsed(), FIRST_CONNECTION);
    }
}
