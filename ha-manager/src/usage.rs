//! The load of every online node, and the score that a scheduler derives from it.

use std::collections::HashMap;
use std::sync::Arc;

use super::config::Name;
use super::nodes::{NodeId, Nodes};
use super::service::{Service, State};
use super::topsis::{self, Load};

/// The sizes the static scheduler weighs; as configured, not as measured.
#[derive(Clone, Debug, Default)]
pub struct Capacity {
    /// Node to what it offers.
    pub nodes: HashMap<Name, Size>,
    /// Service to what it may use.
    pub services: HashMap<Name, Size>,
}

/// CPUs and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Size {
    /// CPUs; a container without a limit has 0, which counts as all of its node.
    pub cpu: f64,
    /// Bytes of memory.
    pub mem: u64,
}

/// A running guest without HA; it loads its node (PVE 9 since ha-manager 5.1.2).
#[derive(Clone, Debug)]
pub struct Bystander {
    pub node: Name,
    /// What it may use.
    pub size: Size,
}

/// The current and the future node of a service, each only while it is online: where it counts, and where it attracts or
/// repels others.
pub fn used_nodes(service: &Service, nodes: &Nodes) -> (Option<NodeId>, Option<NodeId>) {
    let here = Some(service.node).filter(|&node| nodes.is_online(node));
    let there = service.target.filter(|&node| nodes.is_online(node));
    match service.state {
        State::Stopped | State::RequestStart => (None, None),
        State::Migrate | State::Relocate => (here, there),
        State::RequestStartBalance => (None, there),
        State::Started | State::RequestStop | State::Fence | State::Recovery | State::Freeze | State::Error => {
            (here, None)
        }
    }
}

/// The load of every node by id. CPU is kept in millionths, so that sums are exact whatever their order.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    counts: Vec<u32>,
    weights: Option<Weights>,
    sizes: Option<Sizes>,
}

#[derive(Clone, Debug)]
struct Weights {
    max: Vec<Size>,
    cpu: Vec<i64>,
    mem: Vec<i64>,
    /// Of every service by index.
    sizes: Arc<[Size]>,
}

/// The sizes of all services by index, kept for as long as they are those of the same [`Capacity`].
#[derive(Clone, Debug)]
struct Sizes {
    of: Arc<Capacity>,
    found: Result<Arc<[Size]>, String>,
}

const CPU_UNIT: f64 = 1e6;

impl Usage {
    /// Counts afresh. `capacity` selects the static scheduler; `Err` names what is missing for it, and then only services
    /// are counted, as Proxmox's manager falls back to `basic`. A change of the services, or of their order, needs a new
    /// [`Usage`].
    pub fn recount(
        &mut self,
        nodes: &Nodes,
        services: &[Service],
        bystanders: &[Bystander],
        capacity: Option<&Arc<Capacity>>,
    ) -> Result<(), String> {
        self.counts.clear();
        self.counts.resize(nodes.len(), 0);
        let weights = capacity.map(|capacity| self.weigh(nodes, services, capacity)).transpose();
        let result = weights.as_ref().map(|_| ()).map_err(Clone::clone);
        self.weights = weights.unwrap_or_default();
        for (index, service) in services.iter().enumerate() {
            self.add(index, used_nodes(service, nodes), 1);
        }
        for guest in bystanders {
            let node = nodes.id(&guest.node).filter(|&node| nodes.is_online(node));
            if let Some(node) = node {
                self.counts[node] += 1;
                if let Some(weights) = &mut self.weights {
                    weights.add(node, guest.size, 1);
                }
            }
        }
        result
    }

    /// A service no longer uses `before` but `after`.
    pub fn moved(
        &mut self,
        index: usize,
        before: (Option<NodeId>, Option<NodeId>),
        after: (Option<NodeId>, Option<NodeId>),
    ) {
        if before != after {
            self.add(index, before, -1);
            self.add(index, after, 1);
        }
    }

    /// The best of `candidates` (sorted by name) for a service: lowest score, then name. `after` skips to the entry that
    /// follows this node, if it is listed and not the last.
    pub fn best(&self, index: usize, candidates: &[NodeId], nodes: &Nodes, after: Option<NodeId>) -> Option<NodeId> {
        let ranked = self.ranking(index, candidates, nodes);
        let found = after.and_then(|node| ranked.iter().position(|&(_, candidate)| candidate == node));
        let pick = match found {
            Some(at) if at + 1 < ranked.len() => at + 1,
            _ => 0,
        };
        ranked.get(pick).map(|&(_, node)| node)
    }

    /// The candidates with their scores, best first; a lower score is better.
    pub fn ranking(&self, index: usize, candidates: &[NodeId], nodes: &Nodes) -> Vec<(f64, NodeId)> {
        let mut ranked: Vec<(f64, usize)> = match &self.weights {
            None => candidates.iter().enumerate().map(|(i, &node)| (f64::from(self.counts[node]), i)).collect(),
            Some(weights) => {
                let online = nodes.online();
                let loads: Vec<Load> = online.iter().map(|&node| weights.load(node)).collect();
                let size = weights.sizes[index];
                let scores = topsis::scores(&loads, size.cpu, size.mem as f64);
                let score = |node| online.iter().position(|&n| n == node).map_or(f64::NEG_INFINITY, |i| scores[i]);
                candidates.iter().enumerate().map(|(i, &node)| (-score(node), i)).collect()
            }
        };
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        ranked.into_iter().map(|(score, i)| (score, candidates[i])).collect()
    }

    /// The load of every online node, by name, where sizes are weighed: as counted, or as `measured`.
    pub fn loads(&self, nodes: &Nodes, measured: Option<&HashMap<Name, Size>>) -> Vec<Load> {
        let Some(weights) = &self.weights else { return Vec::new() };
        let load = |&node: &NodeId| {
            let counted = weights.load(node);
            match measured.and_then(|measured| measured.get(nodes.name(node))) {
                Some(used) => Load { cpu: used.cpu, mem: used.mem as f64, ..counted },
                None => counted,
            }
        };
        nodes.online().iter().map(load).collect()
    }

    /// What a service may use, where sizes are weighed.
    pub fn size(&self, index: usize) -> Size {
        self.weights.as_ref().map(|weights| weights.sizes[index]).unwrap_or_default()
    }

    /// Whether sizes are weighed; else services are counted.
    pub fn weighs(&self) -> bool {
        self.weights.is_some()
    }

    /// Services counted on a node.
    pub fn count(&self, node: NodeId) -> u32 {
        self.counts[node]
    }

    fn weigh(&mut self, nodes: &Nodes, services: &[Service], capacity: &Arc<Capacity>) -> Result<Weights, String> {
        let max = maxima(nodes, capacity)?;
        let known = self.sizes.take().filter(|sizes| Arc::ptr_eq(&sizes.of, capacity));
        let sizes = self.sizes.insert(known.unwrap_or_else(|| Sizes::new(services, capacity)));
        Ok(Weights { cpu: vec![0; max.len()], mem: vec![0; max.len()], max, sizes: sizes.found.clone()? })
    }

    fn add(&mut self, index: usize, (here, there): (Option<NodeId>, Option<NodeId>), sign: i64) {
        for node in [here, there.filter(|_| there != here)].into_iter().flatten() {
            self.counts[node] = self.counts[node].saturating_add_signed(sign as i32);
            if let Some(weights) = &mut self.weights {
                let size = weights.sizes[index];
                weights.add(node, size, sign);
            }
        }
    }
}

/// What every online node offers.
fn maxima(nodes: &Nodes, capacity: &Capacity) -> Result<Vec<Size>, String> {
    let mut max = vec![Size::default(); nodes.len()];
    for &node in nodes.online() {
        let name = nodes.name(node);
        let known = capacity.nodes.get(name).filter(|size| size.cpu > 0.0 && size.mem > 0);
        max[node] = *known.ok_or_else(|| format!("did not get static node usage information for '{name}'"))?;
    }
    Ok(max)
}

impl Sizes {
    fn new(services: &[Service], capacity: &Arc<Capacity>) -> Self {
        let size = |service: &Service| {
            let known = capacity.services.get(&service.sid).copied();
            known.ok_or_else(|| format!("did not get static service usage information for '{}'", service.sid))
        };
        Self { of: capacity.clone(), found: services.iter().map(size).collect() }
    }
}

impl Weights {
    fn add(&mut self, node: NodeId, size: Size, sign: i64) {
        let cpu = if size.cpu == 0.0 { self.max[node].cpu } else { size.cpu };
        self.cpu[node] += sign * (cpu * CPU_UNIT).round() as i64;
        self.mem[node] += sign * size.mem as i64;
    }

    fn load(&self, node: NodeId) -> Load {
        Load {
            cpu: self.cpu[node] as f64 / CPU_UNIT,
            max_cpu: self.max[node].cpu,
            mem: self.mem[node] as f64,
            max_mem: self.max[node].mem as f64,
        }
    }
}
