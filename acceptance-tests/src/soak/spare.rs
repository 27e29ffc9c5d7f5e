//! The member that a person takes out of the cluster, installs anew, and has join.

use serde_json::json;

use super::catalogue::{NODES, ROOT_PASSWORD, SPARE};
use super::event::Event;
use super::observe;
use super::stage::Stage;

impl Stage {
    /// Whether the spare is out of the cluster, and runs another release.
    pub fn is_spare_outdated(&self) -> bool {
        let cluster = self.world(|world| world.profile.pve);
        !self.lists_spare() && self.cluster.emulator().cluster().world_of(SPARE.0).profile.pve != cluster
    }

    /// Takes the spare out and installs it anew; nothing happens where a person would refrain from it.
    pub fn remove_spare(&self) -> Option<Event> {
        let is_out = self.is_steady() && self.lists_spare() && self.empty_spare() && self.delete_spare();
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

    /// Moves its guests to other nodes. Whether it is empty: replication jobs that copy to it are in the way, too.
    fn empty_spare(&self) -> bool {
        let guests = || {
            self.world(|world| {
                let here = world.guests.values().filter(|guest| guest.node == SPARE.0);
                here.map(|guest| guest.vmid).collect::<Vec<_>>()
            })
        };
        let up = NODES.into_iter().filter(|node| self.world(|world| world.is_up(node)));
        let up: Vec<&str> = up.collect();
        for guest in guests() {
            let moves = |node: &&str| self.migrate(guest, node) && self.until(|| !guests().contains(&guest));
            let _ = up.iter().find(|node| moves(node));
        }
        guests().is_empty() && observe::copies(&self.cluster).iter().all(|(_, target)| target != SPARE.0)
    }

    /// Powered off and taken out. It gets its power back where the others have no quorum without it.
    fn delete_spare(&self) -> bool {
        self.world(|world| world.power(SPARE.0, false));
        let is_gone = self.until(|| !self.world(|world| world.is_member(SPARE.0)))
            && self.is_quorate()
            && self.run(&format!("pvecm delnode {}", SPARE.0))
            && self.until(|| !self.lists_spare());
        if !is_gone {
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
