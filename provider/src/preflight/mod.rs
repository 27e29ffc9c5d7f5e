//! Plan-time checks: what Proxmox would refuse, and warnings of what a configuration does to availability.
//!
//! This layer only ever adds diagnostics: it changes no planned value and writes nothing. It looks at the cluster through a
//! few lists, taken once per process, and at the other objects that were planned in the same process; what is not known of
//! either is never guessed: the check that needs it says nothing.

mod checks;
mod collisions;
mod conflicts;
mod finding;
mod joining;
mod key;
mod live;
mod maintenance;
mod members;
mod needs;
mod object_index;
mod objects;
mod planned_objects;
mod references;
mod rest_of_plan;
mod safeguards;
mod table;
mod view;

use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pve_ha_manager::config::Name;

use crate::call::Call;
use crate::client::Client;
use crate::framework::{Activity, Diagnostic, Diagnostics, GivenUp, Path, Severity, Value};
use crate::privileges::{of_resource, unnamed};
use checks::guests;
use finding::Finding;
use key::Key;
use live::{Cluster, ClusterLists};
use needs::Needs;
use objects::{CheckedResource, Object};
use planned_objects::PlannedObjects;
use rest_of_plan::{Rest, RestOfPlan};
use table::Run;
use view::{CheckCase, View};

pub use maintenance::Stay;
pub use table::{BUILT_IN_NOTIFICATION, CHECKS, Check, EXISTS_ALREADY, Level, MIGRATION_UNSECURE, OPTION_ALREADY_SET};

/// How long the lists may take: a plan doesn't wait for what only serves to warn.
const LISTS_TIMEOUT: Duration = Duration::from_secs(20);

/// A recorded object of a plan, parsed once for the conflicts with other objects and for its checks.
#[derive(Debug)]
pub struct CheckedPlan {
    kind: &'static str,
    prior: Option<Parsed>,
    planned: Option<Parsed>,
}

/// An object, and what it is about.
#[derive(Debug, Default)]
struct Parsed {
    /// None for types without checks.
    object: Option<Object>,
    keys: Vec<Key>,
}

impl Parsed {
    fn of(kind: &str, value: &Value) -> Self {
        Self { object: Object::of(kind, value), keys: Key::of(kind, value) }
    }
}

impl CheckedPlan {
    /// The object that is to be; that of the state if it is to be destroyed.
    fn object(&self) -> &Parsed {
        static NOTHING: Parsed = Parsed { object: None, keys: Vec::new() };
        self.planned.as_ref().or(self.prior.as_ref()).unwrap_or(&NOTHING)
    }
}

/// The checks of one process. Core starts one process for each walk, so that what is planned in a process is one plan; a
/// process that serves several walks is configured anew for each, and that begins with a new one of these.
#[derive(Debug, Default)]
pub struct Preflight {
    ignored: BTreeSet<String>,
    planned: Mutex<PlannedObjects>,
    live: ClusterLists,
    /// What is to be said once, whichever object comes to it.
    reported: Mutex<HashSet<String>>,
    rest: RestOfPlan,
    is_writing: AtomicBool,
}

impl Preflight {
    /// Nothing planned yet; the checks named in `ignored` are silent.
    pub fn new(ignored: BTreeSet<String>) -> Self {
        Self { ignored, ..Self::default() }
    }

    /// Takes note of a planned object, changed or not; without `planned` it is to be destroyed. What can't be together with what
    /// was planned before is an error.
    pub fn record(
        &self,
        kind: &'static str,
        prior: Option<&Value>,
        planned: Option<&Value>,
    ) -> (CheckedPlan, Diagnostics) {
        let plan = CheckedPlan {
            kind,
            prior: prior.map(|prior| Parsed::of(kind, prior)),
            planned: planned.map(|planned| Parsed::of(kind, planned)),
        };
        let mut conflicts = self.conflicts_of(&plan);
        if let (None, Some(planned)) = (prior, planned) {
            conflicts.extend(self.planned().joining.record(kind, planned));
        }
        (plan, conflicts)
    }

    /// The nodes that this plan has join the cluster.
    pub fn joining(&self) -> BTreeSet<Name> {
        self.planned().joining.names()
    }

    /// Nodes and guests, with those nodes.
    fn cluster(&self) -> Option<Arc<Cluster>> {
        let joining = self.joining();
        self.live.cluster().map(|cluster| if joining.is_empty() { cluster } else { Arc::new(cluster.with(joining)) })
    }

    fn conflicts_of(&self, plan: &CheckedPlan) -> Diagnostics {
        let CheckedPlan { kind, prior, planned } = plan;
        let mut recorded = self.planned();
        let object = |parsed: &'_ Option<Parsed>| parsed.as_ref().and_then(|parsed| parsed.object.clone());
        recorded.record(object(prior), object(planned));
        let keys = |parsed: &'_ Option<Parsed>| parsed.as_ref().map(|parsed| parsed.keys.clone());
        let (old, new) = (keys(prior), keys(planned));
        recorded.record_keys(old.as_deref(), new.as_deref());
        let mut diagnostics = Diagnostics::new();
        // An apply meets what it has replaced itself, and a delete leaves alone what this process has made.
        if self.ignored.contains(collisions::NAME) || self.is_writing() {
            return diagnostics;
        }
        let Some(object) = &plan.object().object else { return diagnostics };
        let subject = new.as_ref().or(old.as_ref()).and_then(|keys| keys.last()).filter(|key| !key.is_part());
        let subject = subject.map(|key| key.name().to_owned());
        let concerned: Vec<Key> = old.into_iter().chain(new).flatten().collect();
        let found = collisions::found(kind, object, &concerned, planned.is_none(), &recorded);
        // Of the objects concerned the one that completes the picture says so, once.
        let finding = found.filter(|finding| self.is_news(format!("{} {}", collisions::NAME, finding.detail)));
        if let Some((finding, check)) = finding.zip(CHECKS.iter().find(|check| check.name == collisions::NAME)) {
            diagnostics.push(finding.into_diagnostic(check, subject.as_deref()));
        }
        diagnostics.extend(self.members_twice(plan, &recorded));
        diagnostics
    }

    /// Takes note that the state has `object`: it was refreshed.
    pub fn refreshed(&self, kind: &str, object: &Value) {
        if let Some(key) = Key::of(kind, object).into_iter().next() {
            self.planned().record_state(key);
        }
    }

    /// Warns of the HA resource `sid`, which a refresh has found in the error state.
    pub fn in_error(&self, sid: &str) -> Option<Diagnostic> {
        const NAME: &str = "service-in-error";
        let check = CHECKS.iter().find(|check| check.name == NAME);
        let check = check.filter(|_| !self.ignored.contains(NAME) && !self.is_writing())?;
        self.is_news(guests::error_news(sid)).then(|| guests::in_error(sid).into_diagnostic(check, Some(sid)))
    }

    /// Takes note that this process has made what `object` is about.
    pub fn made(&self, kind: &str, object: &Value) {
        self.planned().record_made(Key::of(kind, object));
    }

    /// Takes note that this process has made the parts called `names` of an object of type `kind`.
    pub fn made_parts(&self, kind: &str, names: &[String]) {
        self.planned().record_made(names.iter().map(|name| Key::named(kind, name)).collect());
    }

    /// Whether this process has made the object that `state` names.
    pub fn has_made(&self, kind: &str, state: &Value) -> bool {
        Key::of(kind, state).first().is_some_and(|key| self.planned().has_made(key))
    }

    /// Whether this process has made the object of type `kind` with the natural id `id`.
    pub fn has_made_named(&self, kind: &str, id: &str) -> bool {
        self.planned().has_made(&Key::named(kind, id))
    }

    /// Whether the state has the object of type `kind` with the natural id `id`, as far as this process has met it.
    pub fn has_in_state(&self, kind: &str, id: &str) -> bool {
        self.planned().has_in_state(&Key::named(kind, id))
    }

    /// The names of what `object` is about and this process has made.
    pub fn made_of(&self, kind: &str, object: &Value) -> BTreeSet<String> {
        let recorded = self.planned();
        Key::of(kind, object).iter().filter(|key| recorded.has_made(key)).map(|key| key.name().to_owned()).collect()
    }

    /// Whether this process is past its plan.
    pub fn is_writing(&self) -> bool {
        self.is_writing.load(Ordering::Relaxed)
    }

    /// Waits until all objects that refer to this one, which is to be destroyed, are planned. Returns the references that they give
    /// up.
    pub async fn given_up(
        &self,
        client: &Client,
        call: &Call,
        activity: &Activity,
        plan: &CheckedPlan,
    ) -> Vec<GivenUp> {
        let Some(object) = plan.object().object.as_ref().filter(|object| references::can_be_to(object)) else {
            return Vec::new();
        };
        let limit = call.left().min(LISTS_TIMEOUT);
        self.live.read(client, &Call::within(limit, call.stop.clone()), Needs::of(object, Task::Destroy)).await;
        let cluster = self.cluster();
        let look = |recorded: &PlannedObjects| -> bool {
            references::are_decided(object, &View { live: &self.live, cluster: cluster.as_deref(), planned: recorded })
        };
        activity.until(Instant::now() + limit, || call.stop.is_cancelled() || look(&self.planned())).await;
        let mut recorded = self.planned();
        recorded.join(self.live.placed());
        references::given_up(object, &View { live: &self.live, cluster: cluster.as_deref(), planned: &recorded })
    }

    /// Takes note that a write is about to be sent. From then on this is no plan but an apply, whose plan had all
    /// warnings, and what the lists say has been overtaken by own writes.
    pub fn writing(&self) {
        self.is_writing.store(true, Ordering::Relaxed);
    }

    /// Checks an object that is to be created, changed or replaced. `replaces` is the natural id of the object in whose place it is
    /// created.
    pub async fn change(
        &self,
        client: &Client,
        call: &Call,
        activity: &Activity,
        plan: &CheckedPlan,
        replaces: Option<&str>,
    ) -> Diagnostics {
        let prior = plan.prior.as_ref().and_then(|prior| prior.object.as_ref());
        let task = if plan.prior.is_none() { Task::Create } else { Task::Change };
        let Parsed { object, keys } = plan.object();
        let subject = Subject { kind: plan.kind, keys, prior, replaces, task };
        self.run(client, call, activity, object.as_ref(), subject).await
    }

    /// Checks an object that stays as it is: whether an HA resource still has its guest. That costs the list of nodes
    /// and guests, which refreshes and other checks share, and the user's privileges where a guest is missing in it. A plan that
    /// refreshes nothing asks nothing.
    pub async fn keep(&self, client: &Client, call: &Call, plan: &CheckedPlan) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let Some(Object::Resource(CheckedResource { sid: Some(sid), .. })) = &plan.object().object else {
            return diagnostics;
        };
        let check = CHECKS.iter().find(|check| check.name == guests::MISSING);
        let is_enabled = |check: &&Check| !self.ignored.contains(check.name) && !self.is_writing();
        let was_refreshed = self.planned().was_refreshed(&Key::named(plan.kind, sid));
        let Some(check) = check.filter(is_enabled).filter(|_| was_refreshed) else { return diagnostics };
        let call = &Call::within(call.left().min(LISTS_TIMEOUT), call.stop.clone());
        self.live.read_guests(client, call).await;
        let cluster = self.cluster();
        if !guests::is_missing(cluster.as_deref(), sid) {
            return diagnostics;
        }
        self.live.read_permissions(client, call).await;
        let recorded = self.planned();
        let view = View { live: &self.live, cluster: cluster.as_deref(), planned: &recorded };
        if let Some(finding) = guests::gone(&view, sid) {
            diagnostics.push(finding.into_diagnostic(check, None));
        }
        diagnostics
    }

    /// Checks an object that is to be destroyed.
    pub async fn destroy(&self, client: &Client, call: &Call, activity: &Activity, plan: &CheckedPlan) -> Diagnostics {
        let Parsed { object, keys } = plan.object();
        let subject = Subject { kind: plan.kind, keys, prior: None, replaces: None, task: Task::Destroy };
        self.run(client, call, activity, object.as_ref(), subject).await
    }

    /// The warning of the check called `name` of what is called `subject`, unless it is ignored, or this is no plan any more.
    pub fn warning(&self, name: &str, subject: &str, path: Option<Path>, detail: String) -> Option<Diagnostic> {
        let is_enabled = !self.ignored.contains(name) && !self.is_writing();
        let check = CHECKS.iter().find(|check| check.name == name).filter(|_| is_enabled)?;
        Some(finding::warning(path, detail).into_diagnostic(check, Some(subject)))
    }

    async fn run(
        &self,
        client: &Client,
        call: &Call,
        activity: &Activity,
        object: Option<&Object>,
        subject: Subject<'_>,
    ) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let Some(object) = object else { return diagnostics };
        let call = &Call::within(call.left().min(LISTS_TIMEOUT), call.stop.clone());
        let needs = Needs { quorum: object.needs_quorum(), ..Needs::of(object, subject.task) };
        self.live.read(client, call, needs).await;
        self.live.refresh(client, call, object.guest()).await;
        let rest = self.await_rest(call, activity, object, subject).await;
        let cluster = self.cluster();
        let mut recorded = self.planned();
        recorded.join(self.live.placed());
        let view = View { live: &self.live, cluster: cluster.as_deref(), planned: &recorded };
        let case = CheckCase::new(object, subject, view, &self.reported);
        let is_awaited = |check: &Check| checks::AWAITED.iter().any(|(name, _)| *name == check.name);
        let is_left = matches!(rest, Rest::LeftToAnother);
        self.found(&case, |check| !(is_left && is_awaited(check)), &mut diagnostics);
        if let Rest::HereFor(other) = &rest {
            let (object, subject) = other.case();
            let case = CheckCase::new(object, subject, view, &self.reported);
            self.found(&case, is_awaited, &mut diagnostics);
        }
        diagnostics
    }

    /// Adds what those of the checks find that `is_due` selects.
    fn found(&self, case: &CheckCase<'_>, is_due: impl Fn(&Check) -> bool, diagnostics: &mut Diagnostics) {
        let is_writing = self.is_writing();
        for check in CHECKS.iter().filter(|check| !self.ignored.contains(check.name) && is_due(check)) {
            let found = match check.run {
                Run::Object(run) => run(case),
                Run::Elsewhere => Vec::new(),
            };
            for finding in found.into_iter().filter(|finding| finding.severity == Severity::Error || !is_writing) {
                diagnostics.push(finding.into_diagnostic(check, case.subject()));
            }
        }
    }

    /// Whether this is said for the first time in this process.
    fn is_news(&self, what: String) -> bool {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(what)
    }

    fn planned(&self) -> MutexGuard<'_, PlannedObjects> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to happen to the object that is checked.
#[derive(Debug, Clone, Copy)]
struct Subject<'a> {
    kind: &'a str,
    /// What it is about.
    keys: &'a [Key],
    /// What it was, where it is changed or replaced.
    prior: Option<&'a Object>,
    /// The natural id of the object in whose place it is created.
    replaces: Option<&'a str>,
    task: Task,
}

/// What is to happen to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Create,
    Change,
    Destroy,
}

/// The services that stay active on `node` in maintenance, as the cluster is now; none where that is unknown.
pub async fn stays_on(client: &Client, call: &Call, node: &str) -> Option<Vec<Stay>> {
    let live = ClusterLists::default();
    let call = &Call::within(call.left().min(LISTS_TIMEOUT), call.stop.clone());
    let needs = Needs { cluster: true, resources: true, placed: true, manager: true, ..Needs::default() };
    live.read(client, call, needs).await;
    let (cluster, planned) = (live.cluster(), PlannedObjects::default());
    maintenance::stays_on(&View { live: &live, cluster: cluster.as_deref(), planned: &planned }, &node.into())
}

/// What to do about the HA resource `sid`, which is in the error state.
pub fn error_state(sid: &str) -> String {
    guests::error_state(sid)
}

/// The privileges that the resource type `kind` needs, where `text` names none of them.
pub fn privileges_of(kind: &str, text: &str) -> Option<String> {
    unnamed(of_resource(kind), text).map(|needs| format!("{kind} needs {needs}."))
}

/// The names of all checks, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|check| check.name)
}

/// Why `name` can't be ignored, if it is the name of no check.
pub fn unknown(name: &str) -> Option<String> {
    if names().any(|known| known == name) {
        return None;
    }
    let known = names().collect::<Vec<_>>().join(", ");
    Some(format!("There is no plan-time check {name:?}. The checks are: {known}."))
}
