//! The existing objects, for creates: one list per walk, with this process's own writes applied to it.
//!
//! A create asks only to say something better than Proxmox's "already defined", which remains the
//! guard. So a list that is some minutes old is good enough for "absent", and "present" has to be
//! confirmed by a fresh read of the object. Without this, a thousand creates would fetch a
//! thousand lists, since each write ends the life of the shared one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pve_schemas::rest::{Collection, Params};
use reqwest::Method;
use tokio::time::Instant;

use super::Client;
use super::error::Error;
use super::target::Target;
use crate::call::Call;

/// Longer than any list lives; creates go on for minutes, and only a reattached provider longer.
const LIFE: Duration = Duration::from_secs(300);

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
    pub(super) fn written(&self, method: &Method, target: Target<'_>, params: &Params, ok: bool) {
        let (collection, id) = match target {
            Target::Collection(collection) => (collection, collection.key().and_then(|key| params.value(key))),
            Target::Object(collection, id) => (collection, Some(id)),
            Target::Path(_) => return,
        };
        let mut known = self.known();
        match (method, id, known.get_mut(&collection)) {
            (&Method::POST | &Method::DELETE, _, _) if !ok => {
                known.remove(&collection);
            }
            (&Method::POST, Some(id), Some(found)) => {
                found.ids.insert(id.into());
            }
            // While something else has yet to remove it, "present" is only a question that the read of the object answers.
            (&Method::DELETE, Some(id), Some(found)) if !collection.removes_later() => {
                found.ids.remove(id);
            }
            _ => {}
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
