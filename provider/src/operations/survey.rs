//! One look at the whole cluster, before an operation and between its steps.

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use pve_ha_manager::config::{Config, Engine};
use pve_ha_manager::motion::{Foreseen, foresee};
use pve_schemas::data::planned::Plans;
use pve_schemas::value::{HaState, Sid};
use serde_json::Value as Json;

use super::{Run, at_home};
use crate::data_sources::{Reader, live};
use crate::explain::explain;
use crate::framework::{Cause, Failure, Path, Type};
use crate::simulation::live::{Guest, SimulatedCluster};
use crate::simulation::manager_status;

/// The cluster at one moment, without the disks of guests.
pub(super) struct Survey {
    pub(super) live: SimulatedCluster,
    /// `/cluster/options`.
    pub(super) options: Json,
    /// The status of the local resource managers, by node.
    pub(super) lrm: Json,
    /// Whether the lists have every guest: the user has VM.Audit on all of them.
    pub(super) sees_all_guests: bool,
}

impl Survey {
    /// Reads it.
    ///
    /// # Errors
    /// What the requests meet that nothing can be said without.
    pub(super) async fn read(run: &Run<'_>, title: &'static str) -> Result<Self, Failure> {
        Self::of(run, title, false).await
    }

    /// The same with the disks of the HA resources, each of which costs a request.
    ///
    /// # Errors
    /// As [`Survey::read`].
    pub(super) async fn with_disks(run: &Run<'_>, title: &'static str) -> Result<Self, Failure> {
        Self::of(run, title, true).await
    }

    fn of<'a>(run: &'a Run<'_>, title: &'static str, disks: bool) -> BoxFuture<'a, Result<Self, Failure>> {
        // On the heap: it reads nearly everything, and operations within operations would hold it several times on the stack.
        Box::pin(Self::gather(run, title, disks))
    }

    async fn gather(run: &Run<'_>, title: &'static str, disks: bool) -> Result<Self, Failure> {
        // What another read of this process has seen is too old: guests move, and nodes go down.
        run.client().forget_lists();
        let mut elements = Vec::new();
        let configured = &run.configured;
        let reader = Reader {
            client: configured.client.clone(),
            ssh: configured.ssh.clone(),
            call: run.call(),
            cx: run.cx,
            title,
            needs: &[],
            unknown: configured.unknown.clone(),
            simulated: configured.simulated.clone(),
            elements: Mutex::new(&mut elements),
            element: Type::Object(Vec::new()),
        };
        let plans = Plans::default();
        let answers =
            if disks { live::read(&reader, &plans).await? } else { live::without_disks(&reader, &plans).await? };
        let sees_all_guests = answers.held.is_some_and(|held| held.holds("/vms", "VM.Audit"));
        Ok(Self {
            lrm: answers.manager["lrm_status"].clone(),
            live: answers.live,
            options: answers.options,
            sees_all_guests,
        })
    }

    /// Replaces the guests of `node` by those that it lists itself.
    ///
    /// # Errors
    /// What the requests meet.
    pub(super) async fn look_at_home(&mut self, run: &Run<'_>, node: &str) -> Result<(), Failure> {
        let listed = at_home::guests_of(run, node).await.map_err(|error| explain(node, &error))?;
        self.live.guests.retain(|sid, guest| guest.node != node && !listed.contains_key(sid));
        self.live.guests.extend(listed);
        Ok(())
    }

    /// A guest by `vm:100`.
    ///
    /// # Errors
    /// It does not exist; the failure is on `attribute`.
    pub(super) fn guest(&self, sid: &Sid, attribute: &'static str) -> Result<&Guest, Failure> {
        self.live.guests.get(sid.as_str()).ok_or_else(|| {
            let other = self.live.guests.values().find(|guest| guest.vmid.to_string() == sid.vmid());
            let hint = other.map_or_else(
                || "The list has only guests on which the user has VM.Audit.".to_owned(),
                |other| format!("{} has that number.", other.sid),
            );
            Failure::new(Cause::Absent, format!("{sid}: there is no such guest. {hint} Nothing was changed."))
                .at(Path::attribute(attribute))
        })
    }

    /// Whether the HA manager manages the guest: it is an HA resource, and not in the state `ignored`.
    pub(super) fn is_managed(&self, sid: &str) -> bool {
        self.live.config.resources.get(sid).is_some_and(|resource| resource.state != Some(HaState::Ignored))
    }

    /// The member `node`, which has to be online.
    ///
    /// # Errors
    /// The cluster has no such node, or it is not online; the failure is on `attribute`.
    pub(super) fn online_node(&self, node: &str, attribute: &'static str) -> Result<(), Failure> {
        let nodes = &self.live.nodes;
        let problem = match nodes.iter().find(|fact| fact.name == node) {
            Some(fact) if fact.online => return Ok(()),
            Some(_) => "it is not online".to_owned(),
            None => {
                let names: Vec<&str> = nodes.iter().map(|fact| fact.name.as_str()).collect();
                format!("the cluster has no such node. Its nodes are {}", names.join(", "))
            }
        };
        Err(Failure::refused(format!("{node}: {problem}. Nothing was changed.")).at(Path::attribute(attribute)))
    }

    /// Whether the cluster has quorum; unknown counts as such.
    pub(super) fn is_quorate(&self) -> bool {
        self.live.quorum.quorate != Some(false)
    }

    /// Whether HA is disarmed or being disarmed.
    pub(super) fn is_disarmed(&self) -> bool {
        self.live.manager["disarm"].is_object()
    }

    /// What a move of the HA resource `sid` to `node` would meet, as the newest HA manager judges it: an older one does the
    /// move and undoes it in the next round.
    pub(super) fn motion(&self, sid: &str, node: &str) -> Foreseen {
        let config = Config { engine: Engine::V5_2_5, ..self.live.config.config(self.live.mode, &self.live.crs) };
        let members = self.live.nodes.iter().map(|fact| (fact.name.as_str(), fact.online));
        foresee(&manager_status(&self.live.manager, members), &config, sid, &node.into())
    }
}
