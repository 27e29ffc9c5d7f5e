//! The emulated cluster as the managers of one node see it.

use std::collections::HashMap;
use std::sync::Arc;

use pve_ha_manager::command::Command;
use pve_ha_manager::config::{Config, Name, Requested};
use pve_ha_manager::environment::{Action, Environment, FenceNotice, Level, Progress};
use pve_ha_manager::nodes::{Member, NodeState, Nodes};
use pve_ha_manager::service::Uid;
use pve_ha_manager::status::{LrmStatus, ServiceStatus, SharedLrmStatus, Status};
use pve_ha_manager::usage::{Bystander, Capacity, Size};

use super::{MANAGER_STATUS, Shared, document, lrm_status, migration};
use crate::api::ha::commands::CRM_COMMANDS;
use crate::api::ha::files;
use crate::api::nodes::figures;
use crate::api::notifications::event::{Event, Fence, Managed};
use crate::world::{Guest, GuestKind, Pve, World};

const MIB: u64 = 1024 * 1024;

/// The world, seen from one node.
pub(super) struct At<'a> {
    world: &'a mut World,
    shared: &'a mut Shared,
    node: Name,
}

impl<'a> At<'a> {
    pub(super) fn new(world: &'a mut World, shared: &'a mut Shared, node: &str) -> Self {
        Self { world, shared, node: node.into() }
    }
}

impl Environment for At<'_> {
    fn now(&self) -> i64 {
        self.world.now()
    }

    fn node(&self) -> Name {
        self.node.clone()
    }

    fn quorate(&self) -> bool {
        self.world.is_up(&self.node) && self.world.is_quorate()
    }

    fn members(&self) -> Vec<Member> {
        let member = |node: &String| Member { name: node.as_str().into(), online: self.world.is_member(node) };
        self.world.nodes.keys().map(member).collect()
    }

    fn config(&self) -> Arc<Config> {
        self.shared.config(self.world)
    }

    fn fresh_uid(&mut self) -> Uid {
        self.shared.orders += 1;
        Uid(self.shared.orders)
    }

    fn log(&mut self, level: Level, text: &str) {
        let line = format!("{} {}: {level:?}: {text}", self.world.now(), self.node);
        self.shared.note(line);
    }

    fn notify_fence(&mut self, notice: &FenceNotice<'_>) {
        let status = &self.shared.status;
        let state = |(node, state): (&Name, &NodeState)| {
            let state = if node == notice.node { notice.state } else { *state };
            (node.to_string(), state.as_str().to_owned())
        };
        let service = |(sid, service): (&Name, &ServiceStatus)| {
            let state = service.state.as_str().to_owned();
            (sid.to_string(), Managed { state, node: service.node.to_string(), running: service.running })
        };
        let fence = Fence {
            node: notice.node.to_string(),
            master: self.node.to_string(),
            prefix: notice.prefix,
            status: notice.status.to_owned(),
            nodes: status.node_status.iter().map(state).collect(),
            resources: status.services.iter().map(service).collect(),
        };
        let event = Event::fencing(&fence, self.world.now());
        self.world.notify(&event, &self.node);
    }

    fn manager_status(&self) -> Arc<Status> {
        self.shared.status.clone()
    }

    fn write_manager_status(&mut self, status: Status) {
        self.world.write_file(MANAGER_STATUS, document::manager_status(&status));
        self.shared.status = Arc::new(status);
    }

    fn lrm_status(&self, node: &str) -> Option<SharedLrmStatus> {
        self.shared.lrm_status.get(node).cloned()
    }

    fn write_lrm_status(&mut self, status: LrmStatus) {
        self.world.write_file(&lrm_status(&self.node), document::lrm_status(&status));
        self.shared.lrm_status.insert(self.node.clone(), Arc::new(status));
    }

    fn manager_lock(&mut self) -> bool {
        self.shared.locks.manager(&self.node, self.world.now())
    }

    fn release_manager_lock(&mut self) {
        self.shared.locks.release_manager(&self.node);
    }

    fn release_manager_watchdog(&mut self) {
        self.shared.locks.close_manager_watchdog(&self.node);
    }

    fn agent_lock(&mut self, node: &Name) -> bool {
        self.shared.locks.agent(node, &self.node, self.world.now())
    }

    fn release_agent_lock(&mut self) {
        self.shared.locks.release_agent(&self.node);
    }

    fn take_commands(&mut self) -> Vec<Command> {
        let text = self.world.file(CRM_COMMANDS).to_owned();
        if text.is_empty() {
            return Vec::new();
        }
        self.world.write_file(CRM_COMMANDS, "");
        let mut commands = Vec::new();
        for line in text.lines() {
            match line.parse() {
                Ok(command) => commands.push(command),
                Err(problem) => self.log(Level::Err, &format!("{problem}")),
            }
        }
        commands
    }

    fn has_commands(&self) -> bool {
        !self.world.file(CRM_COMMANDS).is_empty()
    }

    fn request_state(&mut self, sid: &str, state: Requested) {
        let word = match state {
            Requested::Started => "started",
            Requested::Stopped => "stopped",
            Requested::Disabled => "disabled",
            Requested::Ignored => "ignored",
        };
        let mut resources = (*files::resources(self.world)).clone();
        if let Some(section) = resources.list.iter_mut().find(|section| section.id == sid) {
            section.values.insert("state".to_owned(), word.into());
            if let Err(problem) = files::write_resources(self.world, &resources) {
                self.log(Level::Err, &problem);
            }
        }
        self.shared.read_config(self.world);
    }

    fn capacity(&self) -> Option<Arc<Capacity>> {
        let node = |node: &crate::world::Node| Size { cpu: f64::from(node.cpus), mem: node.memory };
        Some(Arc::new(Capacity {
            nodes: self.world.nodes.iter().map(|(name, n)| (name.as_str().into(), node(n))).collect(),
            services: self.world.guests.values().map(|guest| (guest.sid().as_str().into(), size(guest))).collect(),
        }))
    }

    fn measured(&self) -> HashMap<Name, Size> {
        let nodes = self.world.nodes.values();
        nodes.map(|node| (node.name.as_str().into(), figures::used(self.world, node))).collect()
    }

    fn measured_services(&self) -> HashMap<Name, Size> {
        let guests = self.world.guests.values();
        guests.map(|guest| (guest.sid().as_str().into(), figures::used_by(self.world, guest))).collect()
    }

    fn bystanders(&self) -> Vec<Bystander> {
        if self.world.profile.pve == Pve::V8 {
            return Vec::new();
        }
        let config = self.config();
        let managed = |guest: &Guest| {
            config.resources.get(guest.sid().as_str()).is_some_and(|resource| resource.state != Requested::Ignored)
        };
        let running = self.world.guests.values().filter(|guest| guest.is_running() && !managed(guest));
        running.map(|guest| Bystander { node: guest.node.as_str().into(), size: size(guest) }).collect()
    }

    fn migrate_groups(&mut self, nodes: &Nodes) {
        if self.world.profile.pve == Pve::V8 || files::groups_are_migrated(self.world) {
            return;
        }
        let outcome = migration::check(self.world, self.shared, nodes).and_then(|()| migration::migrate(self.world));
        match outcome {
            Ok(()) => self.log(Level::Notice, "ha groups migration: migration to rules was successful"),
            Err(why) => self.log(Level::Notice, &format!("abort ha groups migration: {why}")),
        }
        self.shared.read_config(self.world);
    }

    fn guest_node(&self, sid: &str) -> Option<Name> {
        // PVE::HA::Config takes the node out of the list of guests by their ids alone: that a guest is of the other type shows when
        // it is started.
        let (_, id) = sid.split_once(':')?;
        self.world.guests.get(&id.parse().ok()?).map(|guest| guest.node.as_str().into())
    }

    fn steal_guest(&mut self, sid: &str, _from: &str, to: &str) {
        if let Some(vmid) = self.world.guest_of_sid(sid).map(|guest| guest.vmid) {
            self.world.stop_guest(vmid);
            self.world.move_guest(vmid, to);
        }
    }

    fn guest_runs(&self, sid: &str) -> bool {
        self.world.guest_of_sid(sid).is_some_and(|guest| *guest.node == *self.node && guest.is_running())
    }

    fn act(&mut self, sid: &str, action: Action<'_>) -> Progress {
        self.shared.act(self.world, &self.node, sid, action)
    }

    fn shutting_down(&self) -> Option<bool> {
        self.world.nodes.get(&*self.node)?.shutdown
    }
}

/// What the static scheduler weighs of a guest: of a container its limit, else its cores; without both all of its node.
fn size(guest: &Guest) -> Size {
    let option =
        |name: &str| guest.config.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok());
    let cpu = match guest.kind {
        GuestKind::Qemu => option("vcpus").unwrap_or(f64::from(guest.cores) * option("sockets").unwrap_or(1.0)),
        GuestKind::Lxc => option("cpulimit").filter(|&limit: &f64| limit > 0.0).or(option("cores")).unwrap_or(0.0),
    };
    Size { cpu, mem: guest.memory * MIB }
}
