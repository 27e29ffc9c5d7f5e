//! Faults on demand: how a request fails, selected by method, path and how many came before.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::route::{LockFault, Method};
use crate::site::Door;

/// A fault as it is asked for.
#[derive(Clone, Debug, Deserialize)]
pub struct Fault {
    /// Matches requests of this method; all methods if unset.
    #[serde(default)]
    pub method: Option<String>,
    /// Only paths this regular expression matches.
    #[serde(default)]
    pub path: Option<String>,
    /// Only at the listener of this node, which is or was in no cluster.
    #[serde(default)]
    pub node: Option<String>,
    /// Only from the first request with this method on.
    #[serde(default)]
    pub after: Option<String>,
    /// How many matching requests go by before it.
    #[serde(default)]
    pub skip: u64,
    /// How many matching requests meet it; null = all.
    #[serde(default = "once")]
    pub count: Option<u64>,
    pub kind: FaultKind,
    /// For `latency` and `hang`: how long, in milliseconds.
    #[serde(default)]
    pub ms: u64,
    /// For `edit-before`: what is changed.
    #[serde(default)]
    pub edit: Option<Edit>,
}

/// A write of root@pam that the cluster carries out between the request and its own work on it.
#[derive(Clone, Debug, Deserialize)]
pub struct Edit {
    pub path: String,
    /// The parameters of its PUT.
    #[serde(default)]
    pub params: Map<String, Value>,
}

#[expect(clippy::unnecessary_wraps, reason = "serde requires the field's type")]
fn once() -> Option<u64> {
    Some(1)
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum FaultKind {
    /// The proxy can't connect to the node: not executed.
    #[serde(rename = "595")]
    NoConnection,
    /// The backend breaks off before it works.
    #[serde(rename = "596-before")]
    BrokenBefore,
    /// The backend breaks off after it has worked.
    #[serde(rename = "596-after")]
    BrokenAfter,
    /// The backend's answer is broken; executed.
    #[serde(rename = "597")]
    BadAnswer,
    /// The proxy's own error; executed.
    #[serde(rename = "599")]
    Internal,
    /// The connection is cut, not executed.
    #[serde(rename = "reset-before")]
    ResetBefore,
    /// The connection is cut, executed.
    #[serde(rename = "reset-after")]
    ResetAfter,
    /// No answer ever comes, executed.
    #[serde(rename = "hang", alias = "timeout")]
    Hang,
    /// The cluster lock isn't obtained.
    #[serde(rename = "lock-timeout")]
    LockTimeout,
    /// The locked code is interrupted after it has worked.
    #[serde(rename = "locked-command-timeout")]
    LockedCommandTimeout,
    /// The cluster has no quorum.
    #[serde(rename = "no-quorum")]
    NoQuorum,
    /// The credentials are refused.
    #[serde(rename = "401")]
    Unauthorized,
    /// It only takes longer.
    #[serde(rename = "latency")]
    Latency,
    /// Something is changed by another client right before it is carried out.
    #[serde(rename = "edit-before")]
    EditBefore,
}

/// What to do around one request.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) lock: Option<LockFault>,
    pub(crate) edit: Option<Edit>,
    pub(crate) before: Option<ApiError>,
    pub(crate) cut_before: bool,
    pub(crate) cut_after: bool,
    pub(crate) hang: bool,
    pub(crate) after: Option<ApiError>,
}

/// The faults in wait.
#[derive(Debug, Default)]
pub struct Faults {
    armed: Mutex<Vec<Armed>>,
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    path: Option<Regex>,
    is_awake: bool,
    seen: u64,
    met: u64,
}

impl Faults {
    /// Puts a fault in wait.
    ///
    /// # Errors
    /// When the path is no regular expression.
    pub fn add(&self, fault: Fault) -> Result<(), regex::Error> {
        let path = fault.path.as_deref().map(Regex::new).transpose()?;
        let is_awake = fault.after.is_none();
        self.lock().push(Armed { fault, path, is_awake, seen: 0, met: 0 });
        Ok(())
    }

    /// Removes all faults and returns how many requests met one.
    pub fn clear(&self) -> u64 {
        self.lock().drain(..).map(|armed| armed.met).sum()
    }

    /// How many requests met a fault that is still in wait or used up.
    #[must_use]
    pub fn met(&self) -> u64 {
        self.lock().iter().map(|armed| armed.met).sum()
    }

    pub(crate) fn next(&self, door: &Door, method: Method, path: &str) -> Option<Plan> {
        let mut armed = self.lock();
        for armed in armed.iter_mut() {
            armed.is_awake |= armed.fault.after.as_deref().is_some_and(|m| m.eq_ignore_ascii_case(method.as_str()));
        }
        let hit = armed.iter_mut().find_map(|armed| armed.meets(door, method, path).then_some(&armed.fault))?;
        Some(plan(hit))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Armed {
    fn meets(&mut self, door: &Door, method: Method, path: &str) -> bool {
        let is_elsewhere = |node: &String| !matches!(door, Door::Node(here) if here == node);
        if self.fault.node.as_ref().is_some_and(is_elsewhere) {
            return false;
        }
        let has_method = self.fault.method.as_deref().is_none_or(|m| m.eq_ignore_ascii_case(method.as_str()));
        if !self.is_awake || !has_method || self.path.as_ref().is_some_and(|p| !p.is_match(path)) {
            return false;
        }
        self.seen += 1;
        let hit = self.seen > self.fault.skip && self.fault.count.is_none_or(|count| self.met < count);
        self.met += u64::from(hit);
        hit
    }
}

fn plan(fault: &Fault) -> Plan {
    let mut plan = Plan { delay: Duration::from_millis(fault.ms), ..Plan::default() };
    match fault.kind {
        FaultKind::NoConnection => plan.before = Some(ApiError::proxy(595, "Connection refused")),
        FaultKind::BrokenBefore => plan.before = Some(ApiError::proxy(596, "Broken pipe")),
        FaultKind::BrokenAfter => plan.after = Some(ApiError::proxy(596, "Connection timed out")),
        FaultKind::BadAnswer => plan.after = Some(ApiError::proxy(597, "Connection reset by peer")),
        FaultKind::Internal => plan.after = Some(ApiError::proxy(599, "Too many redirections")),
        FaultKind::ResetBefore => plan.cut_before = true,
        FaultKind::ResetAfter => plan.cut_after = true,
        FaultKind::Hang => plan.hang = true,
        FaultKind::LockTimeout => plan.lock = Some(LockFault::Timeout),
        FaultKind::LockedCommandTimeout => plan.lock = Some(LockFault::CommandTimeout),
        FaultKind::NoQuorum => plan.lock = Some(LockFault::NoQuorum),
        FaultKind::Unauthorized => plan.before = Some(ApiError::unauthorized("Authentication failed!")),
        FaultKind::EditBefore => plan.edit.clone_from(&fault.edit),
        FaultKind::Latency => {}
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_the_requests_it_was_made_for() {
        let faults = Faults::default();
        let fault = r#"{"method":"PUT","path":"^/cluster/ha/","skip":1,"count":2,"kind":"596-after"}"#;
        faults.add(serde_json::from_str(fault).unwrap()).unwrap();
        let meets = |method, path| faults.next(&Door::Main, method, path).is_some();
        assert!(!meets(Method::Get, "/cluster/ha/resources"));
        assert!(!meets(Method::Put, "/cluster/options"));
        let seen: Vec<bool> = (0..4).map(|_| meets(Method::Put, "/cluster/ha/resources/vm:1")).collect();
        assert_eq!(seen, [false, true, true, false]);
        assert_eq!(faults.clear(), 2);
        faults.add(serde_json::from_str(r#"{"node":"pvb","kind":"reset-after"}"#).unwrap()).unwrap();
        assert!(faults.next(&Door::Main, Method::Get, "/version").is_none());
        assert!(faults.next(&Door::Node("pvb".to_owned()), Method::Get, "/version").is_some());
    }
}
