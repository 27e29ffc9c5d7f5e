//! Delivers notifications without holding the lock of the world.

use std::pin::pin;
use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::Shared;
use crate::api::notifications::delivery::{Delivery, Dialer, Failure};
use crate::api::notifications::outbox::{Lane, Ticket};

/// Starts delivering. Events are delivered one after the other, tests of targets at once.
pub(super) fn start(shared: &Arc<Shared>, tracker: &TaskTracker) {
    let dialer = Dialer::new(shared.options.hosts.clone());
    for lane in [Lane::Events, Lane::Tests] {
        tracker.spawn(run(shared.clone(), tracker.clone(), lane, dialer.clone()));
    }
}

async fn run(shared: Arc<Shared>, tracker: TaskTracker, lane: Lane, dialer: Dialer) {
    loop {
        let next = pin!(shared.cluster.notified(|world| world.notifications.take(lane)));
        let (ticket, delivery) = tokio::select! {
            () = shared.stop.cancelled() => return,
            next = next => next,
        };
        let delivered = deliver(shared.clone(), ticket, delivery, dialer.clone());
        match lane {
            Lane::Tests => drop(tracker.spawn(delivered)),
            Lane::Events => delivered.await,
        }
    }
}

async fn deliver(shared: Arc<Shared>, ticket: Ticket, delivery: Delivery, dialer: Dialer) {
    let sending = tokio::task::spawn_blocking(move || delivery.deliver(&dialer));
    let result = tokio::select! {
        () = shared.stop.cancelled() => return,
        result = sending => result,
    };
    let result = result.unwrap_or(Err(Failure::Aborted));
    shared.cluster.world().notifications.finish(ticket, result);
}
