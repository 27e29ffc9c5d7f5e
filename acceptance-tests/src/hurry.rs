//! Time that runs fast while the CLI is at work, for what Proxmox's daemons do in their own time.

use std::sync::Arc;
use std::time::Duration;

use pve_emulator::world::World;

use crate::cluster::Cluster;
use crate::runtime;

/// Ends the hurry when dropped.
pub struct Hurry(Option<tokio::task::JoinHandle<()>>);

impl Drop for Hurry {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Cluster {
    /// Lets the time of our own cluster run a hundred times as fast until the answer is dropped, for what Proxmox's daemons
    /// do in their own time.
    pub fn hurry(self: &Arc<Self>) -> Hurry {
        self.hurry_until(f64::INFINITY, |_| ())
    }

    /// As [`Cluster::hurry`]; after so many seconds of the cluster `then` happens to it.
    pub fn hurry_until(self: &Arc<Self>, seconds: f64, then: impl FnOnce(&mut World) + Send + 'static) -> Hurry {
        let cluster = self.clone();
        let task = self.is_own().then(|| {
            runtime::spawn(async move {
                let mut every = tokio::time::interval(Duration::from_millis(20));
                let (mut gone_by, mut then) = (0.0, Some(then));
                loop {
                    every.tick().await;
                    let mut world = cluster.emulator().cluster().world();
                    world.advance(2.0);
                    gone_by += 2.0;
                    if let Some(then) = then.take_if(|_| gone_by >= seconds) {
                        then(&mut world);
                    }
                }
            })
        });
        Hurry(task)
    }

    /// As [`Cluster::hurry`] for an emulator in another process, ten times as fast: there tests of all kinds are at work.
    pub fn hurry_along(&self) -> Hurry {
        let api = self.api.clone();
        Hurry(Some(runtime::spawn(async move {
            let mut every = tokio::time::interval(Duration::from_millis(100));
            loop {
                every.tick().await;
                let _ = api.advance(1.0).await;
            }
        })))
    }
}
