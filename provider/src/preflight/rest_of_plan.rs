//! The rest of the plan: core plans a backup job and the HA resource whose guest is in it in any order, so that a check of what
//! another object may add waits for it.
//!
//! An apply plans each object once more before it writes it, and no request shows that it is an apply. With all objects
//! waiting, the first write would come late. So the first object goes on once a second one waits, and leaves its
//! warnings to that one: in an apply a write follows, which ends the waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::checks::{AWAITED, AWAITED_BY_MEMBERS, Lacks};
use super::key::Key;
use super::objects::Object;
use super::view::{CheckCase, View};
use super::{Preflight, Subject, Task};
use crate::call::Call;
use crate::framework::Activity;

/// The waits for the rest of the plan.
#[derive(Debug, Default)]
pub(super) struct RestOfPlan {
    /// Whether one of them had no result.
    was_in_vain: AtomicBool,
    first: Mutex<First>,
}

/// The first object that waits.
#[derive(Debug, Default)]
enum First {
    /// No object waits.
    #[default]
    Free,
    /// It waits, alone.
    Waits(Box<CheckedObject>),
    /// It has gone on, and its warnings are left to another object that waits.
    GoneOn(Box<CheckedObject>),
    /// It has gone on, and another object has its warnings.
    Over,
}

/// What is checked of an object.
#[derive(Debug)]
pub(super) struct CheckedObject {
    kind: String,
    object: Object,
    keys: Vec<Key>,
    prior: Option<Object>,
    replaces: Option<String>,
    task: Task,
}

impl CheckedObject {
    fn of(object: &Object, subject: Subject<'_>) -> Self {
        Self {
            kind: subject.kind.to_owned(),
            object: object.clone(),
            keys: subject.keys.to_vec(),
            prior: subject.prior.cloned(),
            replaces: subject.replaces.map(str::to_owned),
            task: subject.task,
        }
    }

    pub(super) fn case(&self) -> (&Object, Subject<'_>) {
        let subject = Subject {
            kind: &self.kind,
            keys: &self.keys,
            prior: self.prior.as_ref(),
            replaces: self.replaces.as_deref(),
            task: self.task,
        };
        (&self.object, subject)
    }
}

/// How a wait has ended.
#[derive(Debug)]
pub(super) enum Rest {
    /// All checks of the object are to be made.
    Here,
    /// So are the awaited warnings of the object that has gone on.
    HereFor(Box<CheckedObject>),
    /// Its awaited warnings are left to another object.
    LeftToAnother,
}

impl Preflight {
    /// Waits for the rest of the plan where the object lacks something that it may add. Once nothing more has come, no other
    /// object waits.
    pub(super) async fn await_rest(
        &self,
        call: &Call,
        activity: &Activity,
        object: &Object,
        subject: Subject<'_>,
    ) -> Rest {
        let lacks = |object: &Object, subject: Subject<'_>, awaited: &[(&str, Lacks)]| {
            let cluster = self.cluster();
            let mut recorded = self.planned();
            recorded.join(self.live.placed());
            let view = View { live: &self.live, cluster: cluster.as_deref(), planned: &recorded };
            let case = CheckCase::new(object, subject, view, &self.reported);
            awaited.iter().any(|(name, lacks)| !self.ignored.contains(*name) && lacks(&case))
        };
        let lacks_members = || lacks(object, subject, &AWAITED_BY_MEMBERS);
        let lacks_itself = || lacks_members() || lacks(object, subject, &AWAITED);
        let lacks_something = || lacks_itself() || self.rest.is_another(|o, s| lacks(o, s, &AWAITED));
        // An object that lacks nothing goes on: it may be what the others wait for.
        if self.is_writing() || self.rest.was_in_vain.load(Ordering::Relaxed) || !lacks_itself() {
            return Rest::Here;
        }
        // What a plan without its members is refused for is an error, and no other object has it.
        let is_first = !lacks_members() && self.rest.begin(object, subject);
        let is_over = || {
            let may_go_on = is_first && self.rest.has_gone_on();
            may_go_on || call.stop.is_cancelled() || self.is_writing() && !lacks_members() || !lacks_something()
        };
        activity.until(Instant::now() + call.left(), is_over).await;
        if is_first && self.rest.end() {
            return Rest::LeftToAnother;
        }
        if lacks_something() {
            self.rest.was_in_vain.store(true, Ordering::Relaxed);
        }
        self.rest.take().map_or(Rest::Here, Rest::HereFor)
    }
}

impl RestOfPlan {
    /// An object begins to wait; returns whether it is the first one. If there is one already, that one goes on.
    fn begin(&self, object: &Object, subject: Subject<'_>) -> bool {
        let mut first = self.first();
        let (now, is_first) = match std::mem::take(&mut *first) {
            First::Free => (First::Waits(Box::new(CheckedObject::of(object, subject))), true),
            First::Waits(other) => (First::GoneOn(other), false),
            gone => (gone, false),
        };
        *first = now;
        is_first
    }

    fn has_gone_on(&self) -> bool {
        matches!(*self.first(), First::GoneOn(_) | First::Over)
    }

    /// The wait of the first object ends; returns whether its warnings are left to another one.
    fn end(&self) -> bool {
        let mut first = self.first();
        if matches!(*first, First::Waits(_)) {
            *first = First::Free;
        }
        !matches!(*first, First::Free)
    }

    /// The object whose warnings are left to others, for the one that makes them.
    fn take(&self) -> Option<Box<CheckedObject>> {
        let mut first = self.first();
        match std::mem::take(&mut *first) {
            First::GoneOn(object) => {
                *first = First::Over;
                Some(object)
            }
            other => {
                *first = other;
                None
            }
        }
    }

    /// Whether there is an object whose warnings are left to others, and `lacks` says so of it.
    fn is_another(&self, lacks: impl FnOnce(&Object, Subject<'_>) -> bool) -> bool {
        match &*self.first() {
            First::GoneOn(left) => {
                let (object, subject) = left.case();
                lacks(object, subject)
            }
            _ => false,
        }
    }

    fn first(&self) -> MutexGuard<'_, First> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
