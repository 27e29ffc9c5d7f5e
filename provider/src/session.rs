//! The configured provider: shared by all resources and data sources, replaced by each `configure`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::OnceCell;

use crate::call::{Call, Waited};
use crate::client::Client;
use crate::framework::{Context, Diagnostic, Failure};
use crate::preflight::{self, Preflight};
use crate::simulation::Answered;
use crate::ssh::Ssh;
use crate::unknown::UnknownProperties;

/// How long an operation waits between two looks, unless the environment says otherwise.
pub const DEFAULT_PACE: Duration = Duration::from_secs(2);

/// The place where the configured client is found.
#[derive(Debug, Default)]
pub struct Session {
    state: ArcSwap<State>,
}

#[derive(Debug, Default)]
enum State {
    /// Core has not called `configure`, as for validation, upgrades and moves.
    #[default]
    Unconfigured,
    /// Arguments of the provider block are not known before apply.
    Deferred(Vec<String>),
    /// Configuring failed, and was reported.
    Failed,
    /// Nothing answers. The operations that need the cluster report it.
    Unreachable(Diagnostic),
    Ready(Arc<Configured>),
}

/// A client and the settings that aren't its own.
#[derive(Debug)]
pub struct Configured {
    /// Proxmox over HTTPS.
    pub client: Client,
    /// The nodes' shells.
    pub ssh: SshAccess,
    /// Whether a create takes over what exists already and is equal.
    pub adopt_existing: bool,
    /// The plan-time checks, and what they have seen of this plan.
    pub preflight: Preflight,
    /// The unsupported properties and types of the cluster that were already reported.
    pub unknown: Arc<UnknownProperties>,
    /// What each single failure would do to the cluster, as a read of this walk has computed it.
    pub simulated: SharedSimulation,
    /// How long an operation waits between two looks at what changes in its own time.
    pub pace: Duration,
    /// HA resources that this process removed, and whether that had Proxmox edit rules.
    removed: Mutex<BTreeMap<String, bool>>,
    /// Members of HA rules, by rule and HA resource, that this process has added or, where false, removed.
    memberships: Mutex<BTreeMap<(String, String), bool>>,
    /// HA resources that others removed, as far as the HA manager had not noticed it when this process looked.
    leftovers: OnceCell<BTreeSet<String>>,
    /// HA resources that were created while the HA manager had the record of a removed one, and why it had.
    inherited: Mutex<BTreeMap<String, String>>,
}

/// A simulation that one read computes, while others with the same question wait for it.
pub type SharedSimulation = Arc<tokio::sync::Mutex<Option<Answered>>>;

/// What is known of how nodes are logged in to.
#[derive(Debug, Clone, Default)]
pub enum SshAccess {
    /// Neither the provider block nor the environment says anything of SSH.
    #[default]
    Absent,
    /// Something in the `ssh` block is not known before apply.
    Deferred,
    Ready(Ssh),
}

impl Configured {
    /// A configured provider that has not written anything yet.
    pub fn new(client: Client, ssh: SshAccess, adopt_existing: bool, ignore_preflight: BTreeSet<String>) -> Self {
        let mut ignored = ignore_preflight;
        if adopt_existing {
            ignored.insert(preflight::EXISTS_ALREADY.to_owned());
        }
        Self {
            client,
            ssh,
            adopt_existing,
            preflight: Preflight::new(ignored),
            unknown: Arc::default(),
            simulated: Arc::default(),
            pace: DEFAULT_PACE,
            removed: Mutex::default(),
            memberships: Mutex::default(),
            leftovers: OnceCell::new(),
            inherited: Mutex::default(),
        }
    }

    /// The nodes' shells.
    ///
    /// # Errors
    /// SSH is not configured; the failure says what to write.
    pub fn ssh(&self) -> Result<Ssh, Failure> {
        match &self.ssh {
            SshAccess::Ready(ssh) => Ok(ssh.clone()),
            SshAccess::Absent => Err(Failure::refused(
                "Proxmox VE has no HTTP API for this, so the provider uses SSH, and no way to log in to the nodes is \
                 configured. Add an `ssh` block to the provider block, such as `ssh { private_key_file = \
                 \"~/.ssh/id_ed25519\" }` or `ssh { agent = true }`, or set \
                 PROXMOX_VE_SSH_PRIVATE_KEY_FILE. Nothing was sent.",
            )),
            SshAccess::Deferred => Err(Failure::refused(
                "A value in the `ssh` block of the provider block is unknown until apply. Apply its source first, such \
                 as with -target, or write the value itself. Nothing was sent.",
            )),
        }
    }

    /// Remembers that the HA resource `sid` was removed, and whether `purged` had Proxmox take it from all rules.
    pub fn remember_removal(&self, sid: &str, purged: bool) {
        *self.removed().entry(sid.to_owned()).or_default() |= purged;
    }

    /// Whether this process had Proxmox remove the HA resource `sid` from all rules.
    pub fn has_purged(&self, sid: &str) -> bool {
        self.removed().get(sid) == Some(&true)
    }

    /// Remembers that this process has added `sid` to the HA rule `rule`, or has removed it.
    pub fn remember_membership(&self, rule: &str, sid: &str, is_member: bool) {
        lock(&self.memberships).insert((rule.to_owned(), sid.to_owned()), is_member);
    }

    /// The members that this process has added to the HA rule `rule` or, where false, removed from it.
    pub fn memberships(&self, rule: &str) -> Vec<(String, bool)> {
        let known = lock(&self.memberships);
        let of_rule = known.iter().filter(|((name, _), _)| name == rule);
        of_rule.map(|((_, sid), is_member)| (sid.clone(), *is_member)).collect()
    }

    /// Whether the HA resource `sid` was removed by this process, or by others so recently that the HA manager had not noticed
    /// it at the first time of asking; `look` lists those.
    ///
    /// # Errors
    /// `look` failed.
    pub async fn was_removed<E>(
        &self,
        sid: &str,
        look: impl Future<Output = Result<BTreeSet<String>, E>>,
    ) -> Result<bool, E> {
        let leftovers = self.leftovers.get_or_try_init(|| look).await?;
        Ok(leftovers.contains(sid) || self.removed().contains_key(sid))
    }

    /// Remembers that the HA resource `sid` is created although the HA manager has the record of a removed one still: `why`.
    pub fn remember_inherited(&self, sid: &str, why: String) {
        lock(&self.inherited).insert(sid.to_owned(), why);
    }

    /// Why the HA resource `sid` may have inherited the record of a removed one, if it may.
    pub fn inherited(&self, sid: &str) -> Option<String> {
        lock(&self.inherited).get(sid).cloned()
    }

    fn removed(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        lock(&self.removed)
    }
}

impl Session {
    /// Makes the provider ready with what it was configured with.
    pub fn ready_with(&self, configured: Configured) {
        self.state.store(Arc::new(State::Ready(Arc::new(configured))));
    }

    /// Notes that the named arguments of the provider block are not known yet.
    pub fn defer(&self, arguments: Vec<String>) {
        self.state.store(Arc::new(State::Deferred(arguments)));
    }

    /// Notes that configuring failed.
    pub fn fail(&self) {
        self.state.store(Arc::new(State::Failed));
    }

    /// Notes that nothing answers.
    pub fn hold_back(&self, unreachable: Diagnostic) {
        self.state.store(Arc::new(State::Unreachable(unreachable)));
    }

    /// Why the cluster can't be reached, where that has not been an error so far.
    pub fn unreachable(&self) -> Option<Diagnostic> {
        match &**self.state.load() {
            State::Unreachable(unreachable) => Some(unreachable.clone()),
            _ => None,
        }
    }

    /// Whether the provider block has values that are unknown until apply.
    pub fn is_deferred(&self) -> bool {
        matches!(&**self.state.load(), State::Deferred(_))
    }

    /// The configured provider, if it is ready: for checks that are silent otherwise.
    pub fn if_ready(&self) -> Option<Arc<Configured>> {
        match &**self.state.load() {
            State::Ready(configured) => Some(configured.clone()),
            _ => None,
        }
    }

    /// The configured provider.
    ///
    /// # Errors
    /// It is not ready; the failure says why and what to do.
    pub fn ready(&self) -> Result<Arc<Configured>, Failure> {
        match &**self.state.load() {
            State::Ready(configured) => Ok(configured.clone()),
            State::Deferred(arguments) => Err(Failure::refused(format!(
                "The provider can't connect to the cluster yet: {} in the provider block is unknown until apply. Apply \
                 its source first, such as with -target, or write the value itself.",
                arguments.join(", ")
            ))),
            State::Failed => {
                Err(Failure::refused("The provider could not be configured; see the error on the provider block."))
            }
            State::Unreachable(unreachable) => Err(Failure::refused(unreachable.detail.clone())),
            State::Unconfigured => Err(Failure::refused("The provider has not been configured.")),
        }
    }
}

fn lock<T>(guarded: &Mutex<T>) -> MutexGuard<'_, T> {
    guarded.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bounds of an operation, in the client's terms.
pub fn call(cx: &Context) -> Call {
    let waits = cx.waits();
    let call = Call::new(tokio::time::Instant::from_std(cx.deadline), cx.stop.clone());
    call.noting(Waited::new(move |what, length| waits.add(what, length)))
}
