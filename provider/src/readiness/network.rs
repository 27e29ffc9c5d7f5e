//! Corosync's links and the migration network.

use pve_schemas::value::Entry;

use super::shell::{Shell, needs_ssh, unasked};
use super::verdict::{Verdict, fail, named, pass, unknown};
use super::{Demands, Facts};
use crate::words::counted;

/// A link that went down more often than this since Corosync started is not stable.
const MAX_DOWNS: u64 = 5;

pub(super) fn corosync_links(facts: &Facts, _: &Demands) -> Verdict {
    let few: Vec<&str> = facts.links.iter().filter(|(_, links)| **links < 2).map(|(node, _)| node.as_str()).collect();
    let remedy = "Give each node a second address in corosync.conf (ring1_addr), on a network of its own.";
    if facts.links.is_empty() {
        return unknown("the API reports no links", "Form a cluster first.");
    }
    if !few.is_empty() {
        return fail(format!("only one link on {}", few.join(", ")), remedy);
    }
    let least = facts.links.values().min().copied().unwrap_or(0);
    let Shell::Asked { nodes, .. } = &facts.shell else {
        return needs_ssh(&format!("{least} links are configured; whether they are up"));
    };
    let (mut troubles, mut silent) = (Vec::new(), Vec::new());
    for (node, shell) in nodes {
        match &shell.links {
            Some(Ok(text)) => troubles.extend(disconnected(text).map(|peer| format!("{node}: {peer}"))),
            Some(Err(why)) => silent.push(format!("{node}: {why}")),
            None => silent.push(format!("{node} was not checked")),
        }
        match &shell.counters {
            Some(Ok(text)) => troubles.extend(flapping(text).map(|link| format!("{node}: {link}"))),
            Some(Err(why)) => silent.push(format!("{node}: {why}")),
            None => silent.push(format!("{node} was not checked")),
        }
    }
    if !troubles.is_empty() {
        return fail(named(troubles), "See `corosync-cfgtool -s` and the cables, switches and MTU of that network.");
    }
    if !silent.is_empty() {
        return unasked(named(silent));
    }
    pass(format!("{least} links, all connected; none went down more than {MAX_DOWNS} times since Corosync started"))
}

/// Links that `corosync-cfgtool -s` shows as not connected.
pub(super) fn disconnected(text: &str) -> impl Iterator<Item = String> {
    let mut link = String::new();
    text.lines().filter_map(move |line| {
        if let Some(id) = line.trim().strip_prefix("LINK ID ") {
            link = id.split_whitespace().next().unwrap_or_default().to_owned();
        }
        let (peer, state) = line.trim().strip_prefix("nodeid:")?.trim().split_once(':')?;
        let state = state.trim();
        let up = matches!(state, "connected" | "localhost");
        (!up).then(|| format!("link {link} to node id {} is {state}", peer.trim()))
    })
}

/// Links that `corosync-cmapctl -m stats` has often seen going down.
pub(super) fn flapping(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter_map(|line| {
        let (key, value) = line.split_once(" = ")?;
        let name = key.strip_prefix("stats.knet.")?.split_whitespace().next()?.strip_suffix(".down_count")?;
        let downs: u64 = value.trim().parse().ok()?;
        (downs > MAX_DOWNS).then(|| format!("{} went down more than {MAX_DOWNS} times", name.replace('.', " ")))
    })
}

pub(super) fn migration_network(facts: &Facts, _: &Demands) -> Verdict {
    let migration = Entry(&facts.options["migration"]);
    let Some(network) = migration.text("network").filter(|network| !network.is_empty()) else {
        return fail(
            "none is set: guests migrate over the network of the cluster's addresses",
            "Set `migration.network` with `pve_datacenter_options`, to a network other than Corosync's.",
        );
    };
    let Shell::Asked { nodes, .. } = &facts.shell else {
        return needs_ssh(&format!("{network} is set; whether every node reaches every other there"));
    };
    let (mut troubles, mut silent) = (Vec::new(), Vec::new());
    for (node, shell) in nodes {
        match &shell.address {
            Some(Ok(Some(_))) => {}
            Some(Ok(None)) => troubles.push(format!("{node} has no address in {network}")),
            Some(Err(why)) => silent.push(format!("{node}: {why}")),
            None => silent.push(format!("{node} was not checked")),
        }
        for (peer, answer) in &shell.pings {
            match answer {
                Ok(true) => {}
                Ok(false) => troubles.push(format!("{node} does not reach {peer}")),
                Err(why) => silent.push(format!("{node}: {why}")),
            }
        }
    }
    if !troubles.is_empty() {
        return fail(named(troubles), "Give each node an address in that network, and let them reach each other.");
    }
    if !silent.is_empty() {
        return unasked(named(silent));
    }
    pass(format!("each of {} reaches the others in {network}", counted(nodes.len(), "node")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shell_of, status};
    use super::*;

    #[test]
    fn two_links_that_are_up_and_stay_up() {
        assert_eq!(status(corosync_links, |_| ()), "pass");
        assert_eq!(status(corosync_links, |facts| facts.links = [("pve2".to_owned(), 1)].into()), "fail");
        assert_eq!(status(corosync_links, |facts| facts.shell = Shell::Absent), "unknown");
        let down = "LINK ID 1 udp\n\taddr\t= 10.1.0.1\n\tstatus:\n\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tdisconnected\n";
        assert_eq!(disconnected(down).collect::<Vec<_>>(), ["link 1 to node id 2 is disconnected"]);
        assert_eq!(status(corosync_links, |facts| shell_of(facts, "pve1").links = Some(Ok(down.into()))), "fail");
        let flaps = "stats.knet.node2.link0.down_count (u32) = 6\n";
        assert_eq!(flapping(flaps).collect::<Vec<_>>(), ["node2 link0 went down more than 5 times"]);
        assert_eq!(status(corosync_links, |facts| shell_of(facts, "pve1").counters = Some(Ok(flaps.into()))), "fail");
        let silent = |facts: &mut Facts| shell_of(facts, "pve1").links = Some(Err("no route".into()));
        assert_eq!(status(corosync_links, silent), "unknown");
    }

    #[test]
    fn a_migration_network_that_carries() {
        assert_eq!(status(migration_network, |_| ()), "pass");
        assert_eq!(status(migration_network, |facts| facts.options = serde_json::json!({})), "fail");
        assert_eq!(status(migration_network, |facts| facts.shell = Shell::Absent), "unknown");
        assert_eq!(status(migration_network, |facts| shell_of(facts, "pve1").address = Some(Ok(None))), "fail");
        let deaf = |facts: &mut Facts| drop(shell_of(facts, "pve1").pings.insert("pve2".into(), Ok(false)));
        assert_eq!(status(migration_network, deaf), "fail");
    }
}
