//! The member that a person takes out of the cluster, installs anew, and has join.

use pve_emulator::world::World;
use serde_json::json;

use super::catalogue::{NODES, ROOT_PASSWORD, SPARE};
use super::event::Event;
use super::observe;
use super::oracle::sid;
use super::stage::Stage;

impl Stage {
    /// Whether the spare is out of the cluster, and runs another release.
    pub fn is_spare_outdated(&self) -> bool {
        let cluster = self.world(|world| world.profile.pve);
        !self.lists_spare() && self.cluster.emulator().cluster().world_of(SPARE.0).profile.pve != cluster
    }

    /// Takes the spare out and installs it anew; nothing happens where a person would refrain from it.
    pub fn remove_spare(&self) -> Option<Event> {
        let others = self.world(|world| NODES.iter().filter(|node| world.is_up(node)).count());
        let may_leave = self.is_steady() && self.lists_spare() && 2 * others > NODES.len();
        let is_out = may_leave && self.empty_spare() && self.delete_spare();
        is_out.then(|| {
            self.reinstall_spare();
            Event::MemberRemoved
        })
    }

    /// The same, and it joins again; one that is out already is installed anew and joins. What has happened of that.
    pub fn replace_spare(&self) -> Option<Event> {
        let removed = match self.lists_spare() {
            true => Some(self.remove_spare()?),
            false if self.is_steady() => None,
            false => return None,
        };
        if removed.is_none() {
            self.reinstall_spare();
        }
        if self.join_spare() { Some(Event::MemberReplaced) } else { removed }
    }

    fn lists_spare(&self) -> bool {
        self.world(|world| world.nodes.contains_key(SPARE.0))
    }

    /// Moves its guests to other nodes, such that no replication job copies to it. Whether that is so then.
    fn empty_spare(&self) -> bool {
        // A job whose guest moves to its target is turned round.
        for guest in self.copied_to(SPARE.0) {
            self.moves(guest, SPARE.0);
        }
        for guest in self.guests_on(SPARE.0) {
            let others: Vec<&str> = NODES.into_iter().filter(|node| self.world(|world| world.is_up(node))).collect();
            let others: Vec<&str> = others.into_iter().filter(|node| !self.copied_to(node).contains(&guest)).collect();
            // A guest that was recovered here has no disk to copy: its configuration is moved to where its disk is.
            if !others.iter().any(|node| self.moves(guest, node))
                && let Some(node) = others.first()
            {
                self.moves_stopped(guest, node);
            }
        }
        self.guests_on(SPARE.0).is_empty() && self.copied_to(SPARE.0).is_empty()
    }

    fn guests_on(&self, node: &str) -> Vec<u32> {
        let here = |world: &mut World| {
            let guests = world.guests.values().filter(|guest| guest.node == node);
            guests.map(|guest| guest.vmid).collect()
        };
        self.world(here)
    }

    /// The guests that replication jobs copy to a node.
    fn copied_to(&self, node: &str) -> Vec<u32> {
        let copies = observe::copies(&self.cluster).into_iter().filter(|(_, target)| target == node);
        copies.filter_map(|(guest, _)| guest.parse().ok()).collect()
    }

    /// Whether a guest is on a node, to which it moves if that is possible.
    fn moves(&self, guest: u32, node: &str) -> bool {
        let is_there = || self.node_of(guest).as_deref() == Some(node);
        is_there() || self.migrate(guest, node) && self.until(is_there)
    }

    /// Moves the configuration of a guest while it is stopped; where it is an HA resource that is disabled, which clears errors, too.
    fn moves_stopped(&self, guest: u32, node: &str) {
        let (sid, runs) = (sid(guest), || self.world(|world| world.guests[&guest].is_running()));
        let path = format!("/cluster/ha/resources/{sid}");
        let move_it = || {
            self.control("guest", &json!({"action": "move", "vmid": guest, "node": node}));
        };
        let Some(entry) = self.cluster.api.find(&path) else { return move_it() };
        let service = || {
            let status = self.cluster.api.read("/cluster/ha/status/manager_status");
            status["manager_status"]["service_status"][&sid].clone()
        };
        if !self.call("PUT", &path, &[("state", "disabled")]) {
            return;
        }
        if self.until(|| service()["state"] == "stopped" && !runs()) {
            move_it();
            self.until(|| service()["node"] == node);
        }
        let state = entry["state"].as_str().unwrap_or("started");
        let _ = self.until(|| self.call("PUT", &path, &[("state", state)]));
    }

    /// Powered off and taken out. It gets its power back where the others have no quorum without it.
    fn delete_spare(&self) -> bool {
        // One that is listed since a join that did not come to its end is not there.
        let had_power = self.world(|world| {
            let had_power = world.is_up(SPARE.0);
            world.power(SPARE.0, false);
            had_power
        });
        let is_gone = self.until(|| !self.world(|world| world.is_member(SPARE.0)))
            && self.is_quorate()
            && self.run(&format!("pvecm delnode {}", SPARE.0))
            && self.until(|| !self.lists_spare());
        if had_power && !is_gone {
            self.world(|world| world.power(SPARE.0, true));
        }
        is_gone
    }

    fn reinstall_spare(&self) {
        self.control("reinstall", &json!({"node": SPARE.0}));
    }

    /// In the web interface of the spare; whether it has become a member.
    fn join_spare(&self) -> bool {
        let peer = self.world(|world| {
            let peer = NODES.into_iter().find(|node| world.is_up(node))?;
            let peer = world.nodes.get(peer)?;
            Some((peer.address.clone(), peer.fingerprint.clone()))
        });
        let Some((address, fingerprint)) = peer else { return false };
        let params = json!({"hostname": address, "fingerprint": fingerprint, "password": ROOT_PASSWORD});
        let call = json!({"method": "POST", "path": "/cluster/config/join", "params": params, "on": SPARE.0});
        self.control("edit", &call);
        let is_complete = || {
            self.world(|world| {
                let is_whole = world.nodes.get(SPARE.0).is_some_and(|node| !node.away && !node.uncertified);
                is_whole && world.is_member(SPARE.0) && world.is_quorate()
            })
        };
        self.until(is_complete)
    }
}
