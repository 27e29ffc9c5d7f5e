//! Single flight: of many readers of the same path one fetches, and all get its response.
//!
//! Failures are shared by the readers that waited for them, and not kept.

use std::collections::HashMap;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::Shared;

use super::error::{Error, ErrorKind};
use crate::call::Call;

type Fetch<V> = Shared<Pin<Box<dyn Future<Output = Result<V, Error>> + Send>>>;

/// What is being fetched or has been, by key.
pub(super) struct SingleFlight<K, V: Clone> {
    cells: Mutex<HashMap<K, Cell<V>>>,
}

struct Cell<V: Clone> {
    /// What the value must still be of; read before the fetch began.
    generation: u64,
    fetch: Fetch<V>,
}

impl<V: Clone> Cell<V> {
    /// Whether this still serves a new caller.
    fn serves(&self, generation: u64, fresh: &impl Fn(&V) -> bool) -> bool {
        self.generation == generation
            && match self.fetch.peek() {
                Some(Ok(value)) => fresh(value),
                Some(Err(_)) => false,
                // All its callers may have gone; it is not polled then, and what it will find in
                // its socket one day is old.
                None => self.fetch.strong_count().is_some_and(|count| count > 1),
            }
    }
}

impl<K, V: Clone> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self { cells: Mutex::default() }
    }
}

impl<K, V> SingleFlight<K, V>
where
    K: Eq + Hash + Clone,
    V: Clone + Send + Sync + 'static,
{
    /// The value for `key`: one that is there and `fresh`, one under way, or a new one.
    pub(super) async fn share<F>(
        &self,
        key: K,
        generation: impl Fn() -> u64,
        fresh: impl Fn(&V) -> bool,
        call: &Call,
        fetch: impl Fn() -> F,
    ) -> Result<V, Error>
    where
        F: Future<Output = Result<V, Error>> + Send + 'static,
    {
        loop {
            let flight = {
                let mut cells = self.cells();
                let generation = generation();
                match cells.get(&key) {
                    Some(cell) if cell.serves(generation, &fresh) => cell.fetch.clone(),
                    _ => {
                        let fetch = fetch().boxed().shared();
                        cells.insert(key.clone(), Cell { generation, fetch: fetch.clone() });
                        fetch
                    }
                }
            };
            match flight.await {
                // The end of the call that started the fetch is not the end of this one.
                Err(error) if matches!(error.kind(), ErrorKind::Stopped | ErrorKind::Expired) && !call.is_over() => {}
                done => return done,
            }
        }
    }

    /// Forgets all values.
    pub(super) fn clear(&self) {
        self.cells().clear();
    }

    fn cells(&self) -> MutexGuard<'_, HashMap<K, Cell<V>>> {
        // Nothing is left half-done under this lock, so that a panic elsewhere spoils nothing.
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
