//! Counters: requests by method and path template, connections, writes in flight.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::route::{Method, Router};

#[derive(Debug, Default)]
pub struct Counters {
    connections: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    requests: BTreeMap<String, u64>,
    in_flight: BTreeMap<&'static str, u64>,
    most_in_flight: BTreeMap<&'static str, u64>,
}

/// Counts its request as in flight until it is dropped.
pub(crate) struct InFlight<'a> {
    counters: &'a Counters,
    domain: Option<&'static str>,
}

impl Counters {
    pub(crate) fn connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn request(&self, router: &Router, method: Method, path: &str) -> InFlight<'_> {
        let found = router.find(method, path);
        let template = found.as_ref().map_or(path, |(route, _)| route.path);
        let domain = found.as_ref().and_then(|(route, _)| route.lock_domain());
        let mut inner = self.lock();
        *inner.requests.entry(format!("{} {template}", method.as_str())).or_default() += 1;
        if let Some(domain) = domain {
            let now = inner.in_flight.entry(domain).or_default();
            *now += 1;
            let now = *now;
            let most = inner.most_in_flight.entry(domain).or_default();
            *most = now.max(*most);
        }
        InFlight { counters: self, domain }
    }

    /// All counts as JSON.
    #[must_use]
    pub fn report(&self) -> Value {
        let inner = self.lock();
        json!({
            "connections": self.connections.load(Ordering::Relaxed),
            "total": inner.requests.values().sum::<u64>(),
            "requests": inner.requests,
            "most_writes_in_flight": inner.most_in_flight,
        })
    }

    /// Sets all counts to 0.
    pub fn reset(&self) {
        self.connections.store(0, Ordering::Relaxed);
        let mut inner = self.lock();
        inner.requests.clear();
        inner.most_in_flight.clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(domain) = self.domain
            && let Some(now) = self.counters.lock().in_flight.get_mut(domain)
        {
            *now = now.saturating_sub(1);
        }
    }
}
