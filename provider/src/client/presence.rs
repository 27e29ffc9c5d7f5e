//! What exists, for creates: one list per walk, with this process's own writes applied to it.
//!
//! A create asks only to say something better than Proxmox's "already defined", which remains the
//! guard. So a list that is some minutes old is good enough for "absent", and "present" has to be
//! confirmed by a fresh read of the object. Without this, a thousand creates would fetch a
//! thousand lists, since each write ends the life of the shared one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Method;
use tokio::time::Instant;

use super::error::Error;
use super::params::Params;
use super::snapshot::Collection;
use super::{Client, path};
use crate::call::Call;

/// Longer than any list lives; creates go on for minutes, and only a reattached provider longer.
const LIFE: Duration = Duration::from_secs(300);

/// The collections that can be written to.
const WRITTEN: [Collection; 4] =
    [Collection::HaResources, Collection::HaGroups, Collection::HaRules, Collection::ReplicationJobs];

#[derive(Default)]
pub(super) struct Presence {
    known: Mutex<HashMap<Collection, Known>>,
}

struct Known {
    ids: HashSet<Box<str>>,
    since: Instant,
}

impl Presence {
    fn ask(&self, collection: Collection, id: &str) -> Option<bool> {
        let known = self.known();
        let known = known.get(&collection)?;
        (known.since.elapsed() < LIFE).then(|| known.ids.contains(id))
    }

    /// Applies a write of this process.
    pub(super) fn written(&self, method: &Method, target: &str, params: &Params, ok: bool) {
        for collection in WRITTEN {
            let Some(below) = target.strip_prefix(collection.path()) else {
                continue;
            };
            let mut known = self.known();
            let Some(found) = known.get_mut(&collection) else {
                continue;
            };
            match (method, ok) {
                (&Method::POST, true) if below.is_empty() => {
                    if let Some(id) = collection.key().and_then(|key| params.value(key)) {
                        found.ids.insert(id.into());
                    }
                }
                // A replication job stays until the scheduler has cleaned up; then "present" is
                // only a question that the read of the object answers.
                (&Method::DELETE, true) if collection != Collection::ReplicationJobs => {
                    found.ids.retain(|id| below != format!("/{}", path::encode(id)));
                }
                (&Method::POST | &Method::DELETE, false) => {
                    known.remove(&collection);
                }
                _ => {}
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Collection, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// Whether an object exists, by one list per walk to which own writes are applied.
    ///
    /// Ask while holding the turn. `false` may be wrong if another client creates it at this very
    /// time (Proxmox then refuses the create); confirm `true` by a fresh read.
    ///
    /// # Errors
    ///
    /// What the list meets.
    pub async fn present(&self, collection: Collection, id: &str, call: &Call) -> Result<bool, Error> {
        if let Some(answer) = self.inner.presence.ask(collection, id) {
            return Ok(answer);
        }
        let listing: Arc<_> = self.list(collection, call).await?;
        let known = Known { ids: listing.ids().map(Box::from).collect(), since: Instant::now() };
        self.inner.presence.known().insert(collection, known);
        Ok(listing.contains(id))
    }
}
