//! Corosync's links and timeouts.

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::corosync::{
    DEFAULT_COEFFICIENT, LinkState, MAX_LINK, PROXMOX_COEFFICIENT, formation_ms, link_states, token_ms,
};
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use super::shell::{Shell, needs_ssh, unasked};
use super::verdict::{Verdict, fail, named, pass, unknown};
use super::{Demands, Facts};
use crate::words::counted;

/// A link that went down more often than this since Corosync started is not stable.
const MAX_DOWNS: u64 = 5;

/// Up to so many nodes the coefficient makes no difference that a person would notice.
const SMALL_CLUSTER: usize = 8;

/// A membership that takes longer to form may meet the watchdogs, which reset a node after 60 s without quorum.
const MAX_FORMATION_MS: i64 = 50_000;

/// Corosync's configuration, as the API shows it.
#[derive(Debug, Clone, Default)]
pub struct Corosync {
    /// The nodes by name.
    pub nodes: BTreeMap<String, CorosyncNode>,
    /// `totem`; null if it could not be read, or the node is in no cluster.
    pub totem: Json,
}

/// A node in Corosync's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorosyncNode {
    /// Its id, as Corosync's tools print it.
    pub id: Option<String>,
    /// The links on which it has an address.
    pub links: BTreeSet<u8>,
}

impl Corosync {
    /// From the answers of `/cluster/config/nodes` and `/cluster/config/totem`.
    pub fn from_answers(voters: &Json, totem: Json) -> Self {
        let rows = voters.as_array().into_iter().flatten().map(Entry);
        let nodes = rows.filter_map(|row| {
            let links = (0..=MAX_LINK).filter(|link| row.text(&format!("ring{link}_addr")).is_some());
            Some((row.text("node")?, CorosyncNode { id: row.text("nodeid"), links: links.collect() }))
        });
        Self { nodes: nodes.collect(), totem }
    }

    /// The numbers of all links.
    fn links(&self) -> BTreeSet<u8> {
        self.nodes.values().flat_map(|node| node.links.iter().copied()).collect()
    }

    /// A state in words, with the name of the other node where it is known.
    fn words(&self, state: &LinkState) -> String {
        let peer = self.nodes.iter().find(|(_, node)| node.id.as_deref() == Some(&state.peer));
        match peer {
            Some((name, _)) => format!("link {} to {name} is {}", state.link, state.state),
            None => state.to_string(),
        }
    }
}

pub(super) fn links(facts: &Facts, _: &Demands) -> Verdict {
    let corosync = &facts.corosync;
    let links = corosync.links();
    let remedy = "Give each node a second address with `pve_corosync_options`, on a network of its own.";
    if links.is_empty() {
        return unknown("the API reports no links", "Form a cluster first.");
    }
    let lacks = corosync.nodes.iter().flat_map(|(name, node)| {
        links.difference(&node.links).map(move |link| format!("{name} has no address on link {link}"))
    });
    let lacks: Vec<String> = lacks.collect();
    if !lacks.is_empty() {
        return fail(named(lacks), remedy);
    }
    let list = links.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    if links.len() < 2 {
        return fail(format!("link {list} is the only one"), remedy);
    }
    let Shell::Asked { nodes, .. } = &facts.shell else {
        return needs_ssh(&format!("links {list} are configured; whether they are up"));
    };
    let (mut troubles, mut silent) = (Vec::new(), Vec::new());
    for (node, shell) in nodes {
        match &shell.links {
            Some(Ok(text)) => {
                let states: Vec<LinkState> = link_states(text).collect();
                let down = states.iter().filter(|state| !state.is_up());
                troubles.extend(down.map(|state| format!("{node}: {}", corosync.words(state))));
                // A daemon that has not loaded the file yet does not print the link at all.
                let unused = links.iter().filter(|link| !states.iter().any(|state| state.link == **link));
                troubles.extend(unused.map(|link| format!("{node}: link {link} is configured and not in use")));
            }
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
    pass(format!("links {list}, all connected; none went down more than {MAX_DOWNS} times since Corosync started"))
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

pub(super) fn token(facts: &Facts, _: &Demands) -> Verdict {
    let (nodes, totem) = (facts.corosync.nodes.len(), Entry(&facts.corosync.totem));
    if !totem.0.is_object() {
        return unknown("Corosync's timeouts can't be read", "Form a cluster first, or give the user Sys.Audit on /.");
    }
    let (token, coefficient) = (totem.integer("token"), totem.integer("token_coefficient"));
    let now = token_ms(token, coefficient, nodes);
    let effective = coefficient.unwrap_or(DEFAULT_COEFFICIENT);
    let words = format!(
        "{} with token_coefficient {effective}: a lost node is noticed after {}, a new membership forms within {}",
        counted(nodes, "node"),
        seconds(now),
        seconds(formation_ms(now))
    );
    let is_old = nodes > SMALL_CLUSTER && effective >= DEFAULT_COEFFICIENT;
    if !is_old && formation_ms(now) <= MAX_FORMATION_MS {
        return pass(words);
    }
    let better = token_ms(token, Some(PROXMOX_COEFFICIENT), nodes);
    let remedy = if effective > PROXMOX_COEFFICIENT {
        format!(
            "Set `token_coefficient = {PROXMOX_COEFFICIENT}` with `pve_corosync_options`, as clusters have it that are \
             made since pve-cluster 9.1.0: {} and {}.",
            seconds(better),
            seconds(formation_ms(better))
        )
    } else {
        "Set a smaller `token` with `pve_corosync_options`.".to_owned()
    };
    fail(words, remedy)
}

/// Milliseconds in seconds, with one digit.
fn seconds(ms: i64) -> String {
    let tenths = (ms.max(0) + 50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Good, shell_of, status};
    use super::*;

    #[test]
    fn two_links_that_are_up_and_stay_up() {
        assert_eq!(status(links, |_| ()), "pass");
        let single = |facts: &mut Facts| {
            facts.corosync.nodes.values_mut().for_each(|node| node.links = [0].into());
        };
        assert_eq!(status(links, single), "fail");
        assert_eq!(status(links, |facts| facts.shell = Shell::Absent), "unknown");
        assert_eq!(status(links, |facts| facts.corosync.nodes.clear()), "unknown");
        let flaps = "stats.knet.node2.link0.down_count (u32) = 6\n";
        assert_eq!(flapping(flaps).collect::<Vec<_>>(), ["node2 link0 went down more than 5 times"]);
        assert_eq!(status(links, |facts| shell_of(facts, "pve1").counters = Some(Ok(flaps.into()))), "fail");
        let silent = |facts: &mut Facts| shell_of(facts, "pve1").links = Some(Err("no route".into()));
        assert_eq!(status(links, silent), "unknown");
    }

    #[test]
    fn a_link_is_named_by_number_and_state() {
        let detail = |spoil: &dyn Fn(&mut Facts)| {
            let mut facts = Good::facts();
            spoil(&mut facts);
            links(&facts, &Good::demands()).detail
        };
        let printed = "LINK ID 0 udp\n\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tconnected\nLINK ID 1 \
                       udp\n\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tdisconnected\n";
        let down = |facts: &mut Facts| shell_of(facts, "pve1").links = Some(Ok(printed.into()));
        assert_eq!(detail(&down), "pve1: link 1 to pve2 is disconnected");
        let first = printed.split("LINK ID 1").next().unwrap().to_owned();
        let not_loaded = |facts: &mut Facts| shell_of(facts, "pve1").links = Some(Ok(first.clone()));
        assert_eq!(detail(&not_loaded), "pve1: link 1 is configured and not in use");
        let lacks = |facts: &mut Facts| {
            facts.corosync.nodes.get_mut("pve2").unwrap().links.remove(&1);
        };
        assert_eq!(detail(&lacks), "pve2 has no address on link 1");
        assert!(detail(&|_| ()).starts_with("links 0, 1, all connected"));
    }

    fn of(nodes: usize, totem: Json) -> Verdict {
        let mut facts = Good::facts();
        let node = |n| (format!("pve{n}"), CorosyncNode::default());
        facts.corosync = Corosync { nodes: (0..nodes).map(node).collect(), totem };
        token(&facts, &Good::demands())
    }

    #[test]
    fn the_old_coefficient_is_for_small_clusters() {
        let verdict = of(9, json!({}));
        assert_eq!(verdict.status.as_str(), "fail");
        assert_eq!(
            verdict.detail,
            "9 nodes with token_coefficient 650: a lost node is noticed after 7.6 s, a new membership forms within 16.6 s"
        );
        let remedy = verdict.remedy.unwrap();
        assert!(remedy.contains("`token_coefficient = 125`") && remedy.contains("3.9 s and 8.5 s"), "{remedy}");
        for (nodes, totem, expected) in [
            (8, json!({}), "pass"),
            (9, json!({"token_coefficient": "650"}), "fail"),
            (9, json!({"token_coefficient": "125"}), "pass"),
            (32, json!({"token_coefficient": "125"}), "pass"),
            (3, json!({"token": "30000"}), "fail"),
            (3, json!({"token": "30000", "token_coefficient": "125"}), "fail"),
            (3, Json::Null, "unknown"),
        ] {
            assert_eq!(of(nodes, totem.clone()).status.as_str(), expected, "{nodes} {totem}");
        }
        assert!(of(3, json!({"token": "30000", "token_coefficient": "0"})).remedy.unwrap().contains("smaller `token`"));
    }

    #[test]
    fn links_are_those_with_an_address() {
        let voters = json!([{"node": "pve1", "ring0_addr": "10.0.0.1", "ring1_addr": "10.1.0.1", "nodeid": "1"},
            {"node": "pve2", "ring0_addr": "x", "ring_addr": "y", "ring9_addr": "z"}]);
        let corosync = Corosync::from_answers(&voters, Json::Null);
        assert_eq!(corosync.nodes["pve1"], CorosyncNode { id: Some("1".into()), links: [0, 1].into() });
        assert_eq!(corosync.nodes["pve2"].links, [0].into());
    }
}
