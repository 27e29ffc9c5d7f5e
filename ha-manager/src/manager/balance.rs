//! The load balancer: one look at the loads per round, and at most one move.

use crate::balance::{Balance, Balancing, Measured, Method, Move, Standstill};
use crate::config::{Name, Scheduler};
use crate::environment::{Environment, Level};
use crate::imbalance::imbalance;
use crate::nodes::NodeId;
use crate::select::Surroundings;
use crate::service::{Pending, State};
use crate::topsis::{self, Load};
use crate::usage::Size;

use super::Manager;

/// Services that move as one, and where they may go.
struct Bundle {
    /// By index; the first of them gives the bundle its name.
    members: Vec<usize>,
    source: NodeId,
    targets: Vec<NodeId>,
    cpu: f64,
    mem: f64,
}

/// One bundle and one target, with the figures that it would come to.
struct Candidate<'a> {
    bundle: &'a Bundle,
    target: NodeId,
    loads: Vec<Load>,
    imbalance: f64,
}

impl Manager {
    /// The balancer's part of a round: after the commands, before the services.
    pub(super) fn balance(&mut self, env: &mut impl Environment) {
        let Some(balancing) = self.config.as_ref().and_then(|config| config.balancing) else { return };
        if self.standstill().is_some() {
            return;
        }
        let measured = self.measures().then(|| Measured { nodes: env.measured(), services: env.measured_services() });
        let look = self.look(&balancing, measured.as_ref());
        if matches!(look.next, Err(Standstill::Balanced)) {
            self.uneven_rounds = 0;
            return;
        }
        self.uneven_rounds += 1;
        if self.uneven_rounds < balancing.rounds() {
            return;
        }
        self.uneven_rounds = 0;
        let Ok(next) = look.next else { return };
        let text = format!(
            "auto rebalance - {} {} to {} (expected change for imbalance from {:.2} to {:.2})",
            next.operation(),
            next.leader(),
            next.target,
            look.imbalance,
            next.imbalance
        );
        env.log(Level::Info, &text);
        self.command(env, next.command());
    }

    /// What the balancer would see and do now, whatever its counter is at. `measured` is what the dynamic scheduler weighs.
    pub fn look(&self, balancing: &Balancing, measured: Option<&Measured>) -> Balance {
        let measured = measured.filter(|_| self.measures());
        let loads = self.usage.loads(&self.nodes, measured.map(|measured| &measured.nodes));
        let found = imbalance(&loads);
        let next = match self.standstill() {
            Some(why) => Err(why),
            None if found <= balancing.threshold => Err(Standstill::Balanced),
            None => self.best(balancing, measured, &loads, found),
        };
        let names = self.nodes.online().iter().map(|&node| self.nodes.name(node).clone());
        Balance { imbalance: found, loads: names.zip(loads).collect(), next }
    }

    fn measures(&self) -> bool {
        self.config.as_ref().is_some_and(|config| config.scheduler == Scheduler::Dynamic)
    }

    /// Why the balancer does not even look.
    fn standstill(&self) -> Option<Standstill> {
        let moves = |pending: &Option<Pending>| matches!(pending, Some(Pending::Migrate(_) | Pending::Relocate(_)));
        if self.disarm.is_some() {
            Some(Standstill::Disarmed)
        } else if !self.config.as_ref().is_some_and(|config| config.scheduler.weighs()) {
            Some(Standstill::Counts)
        } else {
            let moving = self
                .services
                .iter()
                .find(|service| matches!(service.state, State::Migrate | State::Relocate) || moves(&service.pending));
            moving.map(|service| Standstill::Moving(service.sid.clone()))
        }
    }

    fn best(
        &self,
        balancing: &Balancing,
        measured: Option<&Measured>,
        loads: &[Load],
        before: f64,
    ) -> Result<Move, Standstill> {
        let bundles = self.bundles(measured);
        let mut candidates: Vec<Candidate<'_>> = bundles
            .iter()
            .flat_map(|bundle| bundle.targets.iter().map(move |&target| (bundle, target)))
            .map(|(bundle, target)| self.candidate(bundle, target, loads, measured.is_some()))
            .collect();
        let first = match balancing.method {
            Method::BruteForce => {
                // Proxmox compares so many digits, so that noise decides nothing.
                let digits = |candidate: &Candidate<'_>| (candidate.imbalance * 1e15).trunc();
                candidates
                    .sort_by(|a, b| digits(a).total_cmp(&digits(b)).then_with(|| self.names(a).cmp(&self.names(b))));
                candidates.first()
            }
            Method::Topsis => {
                let tables: Vec<&[Load]> = candidates.iter().map(|candidate| candidate.loads.as_slice()).collect();
                let scores = topsis::rank(&tables);
                let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                scores.iter().position(|&score| score >= best).and_then(|at| candidates.get(at))
            }
        };
        let Some(first) = first else { return Err(Standstill::NoCandidate) };
        let found = self.as_move(first);
        if (before - first.imbalance) / before < balancing.margin {
            return Err(Standstill::Margin(found));
        }
        Ok(found)
    }

    /// Every bundle that may move, in the order of the services' ids.
    fn bundles(&self, measured: Option<&Measured>) -> Vec<Bundle> {
        (0..self.services.len()).filter_map(|index| self.bundle(index, measured)).collect()
    }

    /// The bundle that has this service as its first one.
    fn bundle(&self, index: usize, measured: Option<&Measured>) -> Option<Bundle> {
        let leader = &self.services[index];
        if leader.state != State::Started {
            return None;
        }
        let companions = || leader.affinity.positive.iter().copied();
        let mut members: Vec<usize> =
            companions().filter(|&companion| self.services[companion].state == State::Started).chain([index]).collect();
        members.sort_unstable();
        let moves = |companion: usize| matches!(self.services[companion].state, State::Migrate | State::Relocate);
        let is_elsewhere = |companion: &usize| self.services[*companion].node != leader.node;
        let is_pinned = |companion: usize| !self.services[companion].config.auto_rebalance;
        if members.first() != Some(&index)
            || companions().any(moves)
            || members.iter().any(is_elsewhere)
            || companions().chain([index]).any(is_pinned)
        {
            return None;
        }
        let separate = Surroundings::of(leader, &self.services, &self.nodes).separate;
        let class = self.classes.of(leader);
        let targets = class.preferred().iter().copied();
        let targets = targets.filter(|&node| node != leader.node && !separate[node]).collect();
        let sizes = members.iter().map(|&member| self.size(member, measured));
        let (cpu, mem) = sizes.fold((0.0, 0.0), |sum, size| (sum.0 + size.cpu, sum.1 + size.mem as f64));
        Some(Bundle { source: leader.node, members, targets, cpu, mem })
    }

    fn size(&self, index: usize, measured: Option<&Measured>) -> Size {
        match measured {
            Some(measured) => measured.services.get(&self.services[index].sid).copied().unwrap_or_default(),
            None => self.usage.size(index),
        }
    }

    fn candidate<'a>(&self, bundle: &'a Bundle, target: NodeId, loads: &[Load], is_measured: bool) -> Candidate<'a> {
        let mut loads = loads.to_vec();
        let at = |node: NodeId| self.nodes.online().iter().position(|&online| online == node);
        // A container without a limit counts as all of its node; what is measured is what it is.
        let cpu = |load: &Load| if bundle.cpu == 0.0 && !is_measured { load.max_cpu } else { bundle.cpu };
        if let Some(source) = at(bundle.source).and_then(|at| loads.get_mut(at)) {
            source.cpu = (source.cpu - cpu(source)).max(0.0);
            source.mem = (source.mem - bundle.mem).max(0.0);
        }
        if let Some(target) = at(target).and_then(|at| loads.get_mut(at)) {
            target.cpu += cpu(target);
            target.mem += bundle.mem;
        }
        Candidate { bundle, target, imbalance: imbalance(&loads), loads }
    }

    fn names(&self, candidate: &Candidate<'_>) -> [&Name; 3] {
        let Bundle { members, source, .. } = candidate.bundle;
        [&self.services[members[0]].sid, self.nodes.name(*source), self.nodes.name(candidate.target)]
    }

    fn as_move(&self, candidate: &Candidate<'_>) -> Move {
        let services = candidate.bundle.members.iter().map(|&member| self.services[member].sid.clone());
        Move {
            services: services.collect(),
            source: self.nodes.name(candidate.bundle.source).clone(),
            target: self.nodes.name(candidate.target).clone(),
            imbalance: candidate.imbalance,
        }
    }
}
