//! Where the guests of a node go that the HA manager does not move: to the nodes that its scheduler would choose, as far as
//! their memory allows.

use std::collections::BTreeMap;

use pve_ha_manager::topsis::{self, Load};

use crate::simulation::live::{Guest, NodeFact, SimulatedCluster};
use crate::simulation::natural;

/// A guest to be placed, and the nodes that may have it.
pub(super) struct Wanting<'a> {
    pub(super) guest: &'a Guest,
    pub(super) candidates: Vec<String>,
}

/// The outcome.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spread {
    /// The node of each guest, by HA resource id.
    pub(super) nodes: BTreeMap<String, String>,
    /// Guests for which no candidate has the memory.
    pub(super) without_room: Vec<String>,
}

/// Whether the size of a node is known: without it no limit of its memory could be kept.
pub(super) fn is_known(fact: &NodeFact) -> bool {
    fact.cpus.is_some_and(|cpus| cpus > 0.0) && fact.memory.is_some_and(|memory| memory > 0)
}

/// Places guests one after the other, the largest first. `arriving` is where HA resources will be; `nodes` are those that
/// count, of which one whose size is unknown gets none.
pub(super) fn spread(
    live: &SimulatedCluster,
    nodes: &[&str],
    arriving: &BTreeMap<String, String>,
    mut wanting: Vec<Wanting<'_>>,
    max_memory_percent: i64,
) -> Spread {
    let known = nodes.iter().filter(|node| live.nodes.iter().any(|fact| fact.name == **node && is_known(fact)));
    let mut loads: BTreeMap<&str, Load> = known.map(|node| (*node, base(live, node, arriving))).collect();
    wanting.sort_by_key(|one| (std::cmp::Reverse(one.guest.memory), natural(&one.guest.sid)));
    let mut outcome = Spread::default();
    for Wanting { guest, candidates } in wanting {
        let sid = guest.sid.clone();
        match choose(&loads, guest, &candidates, max_memory_percent) {
            Some(node) => {
                if let Some(load) = loads.get_mut(node.as_str()) {
                    load.cpu += cpus(guest, load);
                    load.mem += guest.memory as f64;
                }
                outcome.nodes.insert(sid, node);
            }
            None => outcome.without_room.push(sid),
        }
    }
    outcome
}

/// What is promised on a node: the running guests that stay, and the HA resources that come.
fn base(live: &SimulatedCluster, node: &str, arriving: &BTreeMap<String, String>) -> Load {
    let fact = live.nodes.iter().find(|fact| fact.name == node);
    let mut load = Load {
        max_cpu: fact.and_then(|fact| fact.cpus).unwrap_or(0.0),
        max_mem: fact.and_then(|fact| fact.memory).unwrap_or(0) as f64,
        ..Load::default()
    };
    for guest in live.guests.values().filter(|guest| guest.running) {
        let is_there = arriving.get(&guest.sid).map_or(guest.node == node, |to| to == node);
        if is_there {
            load.cpu += cpus(guest, &load);
            load.mem += guest.memory as f64;
        }
    }
    load
}

/// A container without a limit counts as all of its node.
fn cpus(guest: &Guest, load: &Load) -> f64 {
    if guest.cpus == 0.0 { load.max_cpu } else { guest.cpus }
}

fn choose(loads: &BTreeMap<&str, Load>, guest: &Guest, candidates: &[String], percent: i64) -> Option<String> {
    if loads.is_empty() {
        return None;
    }
    let table: Vec<Load> = loads.values().copied().collect();
    let scores = topsis::scores(&table, guest.cpus, guest.memory as f64);
    let fits = |load: &Load| load.mem + guest.memory as f64 <= load.max_mem * percent as f64 / 100.0;
    let mut ranked: Vec<(f64, &str)> = loads
        .iter()
        .zip(scores)
        .filter(|((node, load), _)| candidates.iter().any(|candidate| candidate == *node) && fits(load))
        .map(|((node, _), score)| (-score, *node))
        .collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
    ranked.first().map(|(_, node)| (*node).to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::super::simulation::testing::Cluster;
    use super::*;

    const GIB: u64 = 1 << 30;

    fn placed(sizes: &[(u64, u64)], percent: i64, arriving: &[(&str, &str)]) -> Spread {
        placed_on(16 * GIB, sizes, percent, arriving)
    }

    /// pve2 has that much memory.
    fn placed_on(second: u64, sizes: &[(u64, u64)], percent: i64, arriving: &[(&str, &str)]) -> Spread {
        let mut cluster = Cluster::of(3);
        for (vmid, gib) in sizes {
            cluster.vm(*vmid, 1);
            cluster.guest(*vmid).memory = gib * GIB;
        }
        for node in &mut cluster.nodes {
            node.memory = Some(16 * GIB);
            node.cpus = Some(8.0);
        }
        cluster.nodes[1].memory = (second > 0).then_some(second);
        let live = cluster.live();
        let arriving = arriving.iter().map(|(sid, node)| ((*sid).to_owned(), (*node).to_owned())).collect();
        let wanting = sizes.iter().map(|(vmid, _)| Wanting {
            guest: &live.guests[&format!("vm:{vmid}")],
            candidates: vec!["pve2".to_owned(), "pve3".to_owned()],
        });
        spread(&live, &["pve2", "pve3"], &arriving, wanting.collect(), percent)
    }

    #[test]
    fn guests_are_spread_over_the_nodes() {
        let spread = placed(&[(200, 4), (201, 4), (202, 2)], 100, &[]);
        let on = |node: &str| spread.nodes.values().filter(|at| *at == node).count();
        assert!(on("pve2") >= 1 && on("pve3") >= 1 && spread.without_room.is_empty(), "{spread:?}");
    }

    #[test]
    fn no_node_promises_more_than_it_may() {
        let spread = placed(&[(200, 10), (201, 10), (202, 10)], 100, &[]);
        assert_eq!((spread.nodes.len(), spread.without_room.len()), (2, 1));
        assert_eq!(placed(&[(200, 10), (201, 10), (202, 10)], 150, &[]).nodes.len(), 3);
    }

    #[test]
    fn a_node_of_unknown_size_gets_no_guest_and_the_limit_of_the_others_counts() {
        let spread = placed_on(0, &[(200, 10), (201, 10)], 100, &[]);
        assert!(spread.nodes.values().all(|node| node == "pve3"), "{spread:?}");
        assert_eq!((spread.nodes.len(), spread.without_room.len()), (1, 1));
    }
}
