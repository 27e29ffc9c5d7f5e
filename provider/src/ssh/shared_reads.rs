//! Cluster files as the objects of one walk share them: read once, forgotten by an edit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::Error;
use super::over;
use crate::call::Call;

/// As long as the lists of the HTTP API: an apply may last an hour.
const LIFE: Duration = Duration::from_secs(5);

/// What has been read, by path.
#[derive(Default)]
pub(super) struct SharedReads {
    files: Mutex<HashMap<String, Arc<Slot>>>,
}

/// Held while the file is read, so that the others wait for what one fetches.
type Slot = tokio::sync::Mutex<Option<Read>>;

struct Read {
    /// When the reading began.
    since: Instant,
    /// None if there is no such file.
    text: Option<Arc<str>>,
}

impl SharedReads {
    /// The text of the file at `path`: what is there, or what `read` finds. Failures are not kept.
    pub(super) async fn get(
        &self,
        path: &str,
        node: &str,
        call: &Call,
        read: impl Future<Output = Result<Option<String>, Error>>,
    ) -> Result<Option<Arc<str>>, Error> {
        let slot = Arc::clone(self.files().entry(path.to_owned()).or_default());
        let mut slot = call.bound(slot.lock()).await.map_err(|ended| over(ended, node))?;
        if let Some(read) = slot.as_ref().filter(|read| read.since.elapsed() < LIFE) {
            return Ok(read.text.clone());
        }
        let since = Instant::now();
        let text: Option<Arc<str>> = read.await?.map(Arc::from);
        *slot = Some(Read { since, text: text.clone() });
        Ok(text)
    }

    /// Discards finished and running reads for all later callers.
    pub(super) fn forget(&self, path: &str) {
        self.files().remove(path);
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, Arc<Slot>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;

    use super::*;
    use crate::ssh::ErrorKind;

    #[tokio::test]
    async fn many_readers_are_one_read_until_an_edit() {
        let (reads, count) = (SharedReads::default(), AtomicU32::new(0));
        let call = Call::within(Duration::from_secs(10), Default::default());
        let read = || async {
            let number = count.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(Some(number.to_string()))
        };
        let get = || reads.get("/etc/pve/ha/fence.cfg", "pve1", &call, read());
        let texts = join_all((0..20).map(|_| get())).await;
        assert!(texts.iter().all(|text| text.as_ref().is_ok_and(|text| text.as_deref() == Some("0"))));
        reads.forget("/etc/pve/ha/fence.cfg");
        assert_eq!(get().await.unwrap().as_deref(), Some("1"));
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_read_overtaken_by_an_edit_and_a_failed_one_are_not_shared() {
        let reads = SharedReads::default();
        let call = Call::within(Duration::from_secs(10), Default::default());
        let overtaken = reads.get("/f", "pve1", &call, async {
            reads.forget("/f");
            Ok(Some("old".to_owned()))
        });
        assert_eq!(overtaken.await.unwrap().as_deref(), Some("old"));
        let failed = async { Err(Error::new(ErrorKind::Failed, "pve1", "no")) };
        assert!(reads.get("/f", "pve1", &call, failed).await.is_err());
        let new = reads.get("/f", "pve1", &call, async { Ok(None) }).await;
        assert_eq!(new.unwrap(), None);
    }
}
