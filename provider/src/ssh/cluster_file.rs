//! A file below `/etc/pve`, changed as Proxmox does it: under its cluster-wide lock, by a rename.
//!
//! The text between the changed sections is never touched: the caller gets the whole text and gives a whole text back.

use std::sync::Arc;
use std::time::Duration;

use super::command::Command;
use super::error::{Error, ErrorKind};
use super::texts::{Refusal, refusal};
use super::{Output, Ssh, node_file, over, votes};
use crate::call::Call;

/// Where pmxcfs has its locks: directories, so that making one succeeds for one node only.
const LOCKS: &str = "/etc/pve/priv/lock";

/// Between two tries to get a lock, as PVE::Cluster waits.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How long the locked part may take. pmxcfs lets others have a lock that is 120 s old, and PVE::Cluster gives its own
/// code 60 s.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// How long unlocking may take, also after a stop.
const UNLOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A file of the cluster and the lock that guards it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterFile {
    path: String,
    lock: String,
    draft: Option<String>,
}

/// A file and its draft, as they are under the lock.
#[derive(Clone, Copy, Debug)]
pub struct Drafted<'a> {
    /// The file; none if it does not exist.
    pub text: Option<&'a str>,
    /// What is left of a change that was not completed, or is being made outside of the lock.
    pub draft: Option<&'a str>,
}

/// What is to become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Nothing: it is as it should be.
    Keep,
    /// It gets this content.
    Write(String),
    /// It is removed.
    Remove,
}

impl ClusterFile {
    /// The file at `path`, guarded by the lock of that name (`domain-ha`, `file-corosync_conf`).
    #[must_use]
    pub fn new(path: impl Into<String>, lock: impl Into<String>) -> Self {
        Self { path: path.into(), lock: lock.into(), draft: None }
    }

    /// This file, written as `draft` first, where Proxmox itself prepares its changes.
    #[must_use]
    pub fn drafted(self, draft: impl Into<String>) -> Self {
        Self { draft: Some(draft.into()), ..self }
    }

    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reads it, without the lock; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// As [`node_file::read`].
    pub async fn read(&self, ssh: &Ssh, node: &str, call: &Call) -> Result<Option<String>, Error> {
        node_file::read(ssh, node, &self.path, call).await
    }

    /// Reads it as [`ClusterFile::read`] does, once for all who ask at about the same time.
    ///
    /// # Errors
    ///
    /// As [`node_file::read`].
    pub async fn read_shared(&self, ssh: &Ssh, node: &str, call: &Call) -> Result<Option<Arc<str>>, Error> {
        ssh.inner.reads.get(&self.path, node, call, self.read(ssh, node, call)).await
    }

    /// Reads, lets `decide` compare and change, and writes, all under the lock. Returns whether something was written.
    ///
    /// # Errors
    ///
    /// What `decide` refuses, with nothing written; [`ErrorKind::Locked`], [`ErrorKind::NoQuorum`], and what the commands meet. The
    /// lock is given back whatever happens.
    pub async fn edit<E: From<Error>>(
        &self,
        ssh: &Ssh,
        node: &str,
        call: &Call,
        decide: impl FnOnce(Option<&str>) -> Result<Edit, E>,
    ) -> Result<bool, E> {
        self.edit_drafted(ssh, node, call, |found| decide(found.text)).await
    }

    /// As [`ClusterFile::edit`], where the decision depends on the draft as well.
    ///
    /// # Errors
    ///
    /// As [`ClusterFile::edit`].
    pub async fn edit_drafted<E: From<Error>>(
        &self,
        ssh: &Ssh,
        node: &str,
        call: &Call,
        decide: impl FnOnce(Drafted<'_>) -> Result<Edit, E>,
    ) -> Result<bool, E> {
        let lock = self.lock(ssh, node, call).await?;
        let within = Call::new(call.deadline.min(tokio::time::Instant::now() + LOCK_TIMEOUT), call.stop.clone());
        ssh.inner.reads.forget(&self.path);
        let result = self.edit_locked(ssh, node, &within, decide).await;
        ssh.inner.reads.forget(&self.path);
        lock.release().await;
        result
    }

    async fn edit_locked<E: From<Error>>(
        &self,
        ssh: &Ssh,
        node: &str,
        call: &Call,
        decide: impl FnOnce(Drafted<'_>) -> Result<Edit, E>,
    ) -> Result<bool, E> {
        let now = self.read(ssh, node, call).await?;
        let draft = match &self.draft {
            Some(draft) => node_file::read(ssh, node, draft, call).await?,
            None => None,
        };
        match decide(Drafted { text: now.as_deref(), draft: draft.as_deref() })? {
            Edit::Keep => Ok(false),
            Edit::Write(text) if now.as_deref() == Some(text.as_str()) => Ok(false),
            Edit::Remove if now.is_none() => Ok(false),
            Edit::Remove => {
                let remove = Command::new("rm").arg("--").arg(&self.path);
                ssh.run(node, &remove, call).await.and_then(Output::success)?;
                Ok(true)
            }
            Edit::Write(text) => self.replace(ssh, node, &text, call).await.map(|()| true).map_err(E::from),
        }
    }

    /// Replaces it; where pmxcfs is busy although there is quorum, again until it isn't or the time is over.
    async fn replace(&self, ssh: &Ssh, node: &str, text: &str, call: &Call) -> Result<(), Error> {
        let mut looks = call.looks(format!("pmxcfs to take a write of {}", self.path));
        loop {
            let replaced = match &self.draft {
                Some(draft) => node_file::replace_by(ssh, node, &self.path, draft, text, call).await,
                None => node_file::replace(ssh, node, &self.path, text, call).await,
            };
            let Err(error) = replaced else { return Ok(()) };
            let error = explained(ssh, node, error, call).await;
            if error.kind() != ErrorKind::Locked || !looks.pause(RETRY_INTERVAL).await {
                return Err(error);
            }
        }
    }

    async fn lock(&self, ssh: &Ssh, node: &str, call: &Call) -> Result<Lock, Error> {
        let path = format!("{LOCKS}/{}", self.lock);
        let mut held: Option<Error> = None;
        let mut waiting = None;
        loop {
            let lock =
                Lock { ssh: ssh.clone(), node: node.to_owned(), path: path.clone(), call: call.clone(), held: true };
            let made = match ssh.run(node, &Command::new("mkdir").arg("--").arg(&path), call).await {
                Ok(made) => made,
                Err(error) if error.is_ambiguous() => {
                    // It may have been created, with no other holder.
                    if held.is_none() {
                        lock.release().await;
                    } else {
                        lock.forget();
                    }
                    // Only the lock was asked for: the file has not been touched.
                    return Err(held.unwrap_or_else(|| error.with_kind(ErrorKind::Unreachable)));
                }
                Err(error) => {
                    lock.forget();
                    return Err(wait_ended_by(error, held));
                }
            };
            if made.is_success() {
                return Ok(lock);
            }
            lock.forget();
            let is_there = made.stderr_text().ends_with("File exists");
            let refused = if is_there {
                made.failed(ErrorKind::Locked).with_note(format!(
                    "Another writer holds the cluster's lock `{}`. A stale lock expires 120 s after it was taken.",
                    self.lock
                ))
            } else {
                explained(ssh, node, made.failed(ErrorKind::Failed), call).await
            };
            if refused.kind() != ErrorKind::Locked {
                return Err(wait_ended_by(refused, held));
            }
            held = Some(refused);
            let waiting = waiting.get_or_insert_with(|| call.waiting(format!("the cluster's lock `{}`", self.lock)));
            // pmxcfs takes this as the question whether the lock is older than 120 s, and then removes it.
            let ask = Command::new("touch").arg("-c").arg("-d").arg("@0").arg("--").arg(&path).reading();
            let asked = match ssh.run(node, &ask, call).await {
                Ok(_) => {
                    let pause = call.bound(tokio::time::sleep(RETRY_INTERVAL));
                    waiting.during(pause).await.map_err(|ended| over(ended, node))
                }
                Err(error) => Err(error),
            };
            if let Err(error) = asked {
                return Err(wait_ended_by(error, held));
            }
        }
    }
}

/// What ended the wait for a lock: if it was the time, then the one who holds it.
fn wait_ended_by(error: Error, held: Option<Error>) -> Error {
    match held {
        Some(held) if error.kind() == ErrorKind::Expired => held,
        _ => error,
    }
}

/// A lock that is held, or may be.
struct Lock {
    ssh: Ssh,
    node: String,
    path: String,
    call: Call,
    held: bool,
}

impl Lock {
    async fn release(mut self) {
        self.held = false;
        unlock(self.ssh.clone(), self.node.clone(), self.path.clone(), self.call.grace(UNLOCK_TIMEOUT)).await;
    }

    fn forget(mut self) {
        self.held = false;
    }
}

/// A caller that stops waiting for an edit still releases its lock.
impl Drop for Lock {
    fn drop(&mut self) {
        if let (true, Ok(runtime)) = (self.held, tokio::runtime::Handle::try_current()) {
            runtime.spawn(unlock(
                self.ssh.clone(),
                self.node.clone(),
                self.path.clone(),
                self.call.grace(UNLOCK_TIMEOUT),
            ));
        }
    }
}

async fn unlock(ssh: Ssh, node: String, path: String, call: Call) {
    let removed = ssh.run(&node, &Command::new("rmdir").arg("--").arg(&path), &call).await.and_then(Output::success);
    if let Err(error) = removed {
        tracing::warn!(node, path, reason = error.message(), "the lock may be left; it expires after 120 s");
    }
}

/// What the refusal of a change below `/etc/pve` comes from. The modes don't say it: `/etc/pve` keeps its own without quorum,
/// and in the first seconds after the loss all below it do. votequorum says it.
async fn explained(ssh: &Ssh, node: &str, error: Error, call: &Call) -> Error {
    let Some(refusal) = refusal(error.message()) else { return error };
    match (votes(ssh, node, call).await, refusal) {
        (Ok(votes), _) if !votes.quorate => error.with_kind(ErrorKind::NoQuorum),
        // A lock, or quorum has just come back: the nodes agree within seconds on what /etc/pve holds.
        (Ok(_), Refusal::Busy) => error.with_kind(ErrorKind::Locked).with_note(
            "pmxcfs is busy although the cluster has quorum: another writer holds its lock, or the nodes are still \
             synchronising /etc/pve.",
        ),
        (_, Refusal::Busy) => error,
        (_, Refusal::Denied) => error.with_note(
            "Only root may write files below /etc/pve. Log in as root, or set `sudo = true` in the `ssh` block.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_a_lock_that_ends_in_time_names_who_holds_it() {
        let of = |kind| Error::new(kind, "pve1", "x");
        let held = || Some(of(ErrorKind::Locked));
        assert_eq!(wait_ended_by(of(ErrorKind::Expired), held()).kind(), ErrorKind::Locked);
        assert_eq!(wait_ended_by(of(ErrorKind::Unreachable), held()).kind(), ErrorKind::Unreachable);
        assert_eq!(wait_ended_by(of(ErrorKind::Expired), None).kind(), ErrorKind::Expired);
    }
}
