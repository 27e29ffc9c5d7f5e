//! Every step of a roll simulated before the first one.

use std::collections::BTreeMap;

use pve_schemas::action::{ClusterRoll, NodeEvacuate};
use pve_schemas::data::failover_simulation::FailoverSimulationArguments;
use pve_schemas::value::{self, NodeName};

use super::super::evacuate::{self, Evacuation};
use super::super::record::{Left, Record};
use super::super::survey::Survey;
use super::super::{Outlook, Run};
use super::journal::{Journal, Phase};
use super::order::order;
use crate::framework::Failure;
use crate::simulation::live::SimulatedCluster;
use crate::simulation::{self, ReplicaState, Simulation};

/// What a roll does, step by step.
#[derive(Debug, Default)]
pub(super) struct Proof {
    pub(super) steps: Vec<Step>,
}

/// One node away.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) node: String,
    /// Where each HA resource moves.
    pub(super) services: BTreeMap<String, String>,
    /// HA resources that move again when the node is back.
    pub(super) returning: usize,
    /// Where each other guest moves; it comes back.
    pub(super) guests: BTreeMap<String, String>,
    /// Guests that do not run meanwhile.
    pub(super) stopped: Vec<String>,
    /// The votes that are left, and those that are needed.
    pub(super) votes: Option<(i64, i64)>,
    /// Why the failure of a further node would not be survived.
    pub(super) problems: Vec<String>,
    /// The node with the most memory promised, in percent.
    pub(super) memory: Option<(String, i64)>,
    /// The age of the oldest replica of an HA resource, in seconds.
    pub(super) oldest_replica: Option<i64>,
}

impl Step {
    /// How often guests move in this step.
    pub(super) fn moves(&self) -> usize {
        self.services.len() + self.returning + 2 * self.guests.len()
    }
}

/// The cluster between two steps.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) live: SimulatedCluster,
}

impl Model {
    pub(super) fn new(live: SimulatedCluster) -> Self {
        Self { live }
    }

    /// Empties a node and brings it back; how many moves of HA resources that takes.
    pub(super) fn visit(&mut self, node: &str) -> usize {
        let leaving = self.empty(node);
        leaving.len() + self.bring_back(node)
    }

    /// Puts a node into maintenance: where its HA resources are then.
    fn empty(&mut self, node: &str) -> BTreeMap<String, String> {
        let leaving = simulation::departures(&self.live, node).leaving;
        for (sid, to) in &leaving {
            self.place(sid, to);
            self.live.manager["service_status"][sid]["maintenance_node"] = node.into();
        }
        self.live.manager["node_status"][node] = "maintenance".into();
        leaving
    }

    /// Ends the maintenance of a node: how many HA resources move.
    fn bring_back(&mut self, node: &str) -> usize {
        self.live.manager["node_status"][node] = "online".into();
        let mut returning = 0;
        for (sid, at) in simulation::converged(&self.live) {
            if self.live.guests.get(&sid).is_some_and(|guest| guest.node != at) {
                self.place(&sid, &at);
                returning += 1;
            }
            if let Some(service) = self.live.manager["service_status"][&sid].as_object_mut() {
                service.remove("maintenance_node");
            }
        }
        returning
    }

    /// Makes a node that is off, or in maintenance, one of the others again.
    fn switch_on(&mut self, node: &str) {
        self.live.nodes.iter_mut().filter(|fact| fact.name == node).for_each(|fact| fact.online = true);
        if let Some(requests) = self.live.manager["node_request"].as_object_mut() {
            requests.remove(node);
        }
        let quorum = &mut self.live.quorum;
        if let Some(member) = quorum.nodes.iter_mut().find(|member| member.name == node && !member.online) {
            member.online = true;
            quorum.total_votes = quorum.total_votes.zip(member.votes).map(|(total, own)| total + own);
        }
    }

    fn place(&mut self, sid: &str, node: &str) {
        if let Some(guest) = self.live.guests.get_mut(sid) {
            guest.node = node.to_owned();
        }
        if self.live.manager["service_status"][sid].is_object() {
            self.live.manager["service_status"][sid]["node"] = node.into();
        }
    }

    /// The same cluster while `node` is off.
    fn without(&self, node: &str) -> SimulatedCluster {
        let mut live = self.live.clone();
        live.nodes.iter_mut().filter(|fact| fact.name == node).for_each(|fact| fact.online = false);
        let member = live.quorum.nodes.iter_mut().find(|member| member.name == node);
        if let Some(member) = member {
            member.online = false;
            live.quorum.total_votes = live.quorum.total_votes.zip(member.votes).map(|(total, own)| total - own);
        }
        live
    }
}

/// Simulates what is left of a roll, in its order: the steps, and why it is refused.
pub(super) async fn prove(
    roll: &ClusterRoll,
    run: &Run<'_>,
    survey: &Survey,
    journal: &Journal,
) -> Result<(Proof, Vec<Failure>), Failure> {
    let returned = match journal.current() {
        // The node of an interrupted roll is back before the next one.
        Some(current) => Some(returned(survey, current, &Record::read(run, current).await?)),
        None => None,
    };
    let survey = returned.as_ref().unwrap_or(survey);
    let online = survey.live.nodes.iter().filter(|fact| fact.online).map(|fact| fact.name.clone());
    let is_selected =
        |name: &String| roll.nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|one| one.as_str() == name));
    let mut model = Model::new(survey.live.clone());
    // The order of a roll that has begun remains.
    let nodes: Vec<String> = match journal.order.as_slice() {
        [] => order(&model, online.filter(is_selected).collect()),
        begun => begun.iter().filter(|node| journal.phase(node) == Phase::Pending).cloned().collect(),
    };
    let (mut refusals, mut proof) = (Vec::new(), Proof::default());
    for node in &nodes {
        let Outlook { refusals: more, found, .. } = evacuate::look_at(&evacuation(roll, node)?, run, survey).await?;
        let step = step(roll, &mut model, node, &found);
        refusals.extend(more);
        refusals.extend(demands(roll, &step));
        proof.steps.push(step);
    }
    Ok((proof, refusals))
}

/// The same for the evacuation of one node that comes next: what it does, and why it is refused.
pub(super) async fn prove_next(
    roll: &ClusterRoll,
    run: &Run<'_>,
    survey: &Survey,
    node: &str,
) -> Result<(Evacuation, Vec<Failure>), Failure> {
    let Outlook { mut refusals, found, .. } = evacuate::look_at(&evacuation(roll, node)?, run, survey).await?;
    let step = step(roll, &mut Model::new(survey.live.clone()), node, &found);
    refusals.extend(demands(roll, &step));
    Ok((found, refusals))
}

/// The cluster once `node` is back in service with the guests that `record` has.
fn returned(survey: &Survey, node: &str, record: &Record) -> Survey {
    let mut model = Model::new(survey.live.clone());
    model.switch_on(node);
    model.bring_back(node);
    for (sid, left) in &record.guests {
        match (model.live.guests.get_mut(sid), left) {
            (Some(guest), Left::MovedTo(to)) if guest.node == *to => node.clone_into(&mut guest.node),
            (Some(guest), Left::ShutDown) if guest.node == node => guest.running = true,
            _ => {}
        }
    }
    Survey {
        live: model.live,
        options: survey.options.clone(),
        lrm: survey.lrm.clone(),
        sees_all_guests: survey.sees_all_guests,
    }
}

/// The evacuation of a node as the roll does it.
pub(super) fn evacuation(roll: &ClusterRoll, node: &str) -> Result<NodeEvacuate, Failure> {
    let node: NodeName = node.parse().map_err(|error| Failure::refused(format!("{node}: {error}.")))?;
    Ok(NodeEvacuate {
        node,
        leave: roll.leave.clone(),
        shutdown: roll.shutdown.clone(),
        with_local_disks: roll.with_local_disks,
        max_memory_percent: roll.max_memory_percent,
        max_workers: roll.max_workers,
        out_of_service: None,
        timeout: None,
    })
}

fn step(roll: &ClusterRoll, model: &mut Model, node: &str, evacuation: &Evacuation) -> Step {
    let oldest_replica = oldest_replica(&model.live, node);
    let services = model.empty(node);
    let mut away = model.without(node);
    let guests: BTreeMap<String, String> =
        evacuation.moves().map(|(sid, to)| (sid.to_owned(), to.to_owned())).collect();
    for (sid, to) in &guests {
        if let Some(guest) = away.guests.get_mut(sid) {
            guest.node.clone_from(to);
        }
    }
    let stopped: Vec<String> = evacuation.stopped().map(str::to_owned).collect();
    for sid in &stopped {
        if let Some(guest) = away.guests.get_mut(sid) {
            guest.running = false;
        }
    }
    let votes = away.quorum.total_votes.zip(away.quorum.needed_votes);
    let (problems, memory) = (further_failures(roll, &away), most_memory(&away));
    let returning = model.bring_back(node);
    Step { node: node.to_owned(), services, returning, guests, stopped, votes, problems, memory, oldest_replica }
}

/// Why the failure of a further node would not be survived, a line for each problem.
fn further_failures(roll: &ClusterRoll, away: &SimulatedCluster) -> Vec<String> {
    let arguments = FailoverSimulationArguments {
        max_memory_percent: roll.max_memory_percent,
        ..FailoverSimulationArguments::default()
    };
    match Simulation::new(away, &arguments) {
        Ok(mut simulation) => {
            while simulation.play_next().is_some() {}
            simulation.finish().problems
        }
        Err(invalid) => vec![format!("{}: {}", invalid.argument, invalid.problem)],
    }
}

/// The node on which the most memory is promised to running guests.
fn most_memory(away: &SimulatedCluster) -> Option<(String, i64)> {
    let share = |node: &str, memory: u64| {
        let promised: u64 =
            away.guests.values().filter(|guest| guest.running && guest.node == node).map(|guest| guest.memory).sum();
        i64::try_from(promised.saturating_mul(100) / memory.max(1)).unwrap_or(i64::MAX)
    };
    let online = away.nodes.iter().filter(|fact| fact.online);
    let shares = online.filter_map(|fact| Some((fact.name.clone(), share(&fact.name, fact.memory?))));
    shares.max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))
}

/// The oldest replica of the HA resources on a node.
fn oldest_replica(live: &SimulatedCluster, node: &str) -> Option<i64> {
    let here = |vmid: u64| {
        live.guests
            .values()
            .any(|guest| guest.vmid == vmid && guest.node == node && live.config.resources.contains_key(&guest.sid))
    };
    let ages =
        live.replicas.iter().flatten().filter(|replica| here(replica.guest)).map(|replica| match &replica.state {
            ReplicaState::Copied { seconds, .. } => *seconds,
            ReplicaState::None | ReplicaState::Unknown => i64::MAX,
        });
    ages.max()
}

/// What of a step is less than is demanded.
fn demands(roll: &ClusterRoll, step: &Step) -> Vec<Failure> {
    let node = &step.node;
    let mut refusals = Vec::new();
    let mut refuse = |text: String| refusals.push(Failure::refused(format!("{node}: {text} Nothing was changed.")));
    if let Some((left, needed)) = step.votes.filter(|(left, needed)| left < needed) {
        refuse(format!("without it the cluster has {left} of the {needed} votes that it needs."));
    }
    if roll.tolerated_failures.unwrap_or(0) > 0 && !step.problems.is_empty() {
        refuse(format!(
            "while it is away, a further failure is not survived: {}. Accept that with `tolerated_failures` 0.",
            step.problems.join("; ")
        ));
    }
    let most = roll.max_replica_age.as_deref().and_then(value::timeout).map(|age| age.as_secs());
    if let (Some(most), Some(oldest)) = (most, step.oldest_replica)
        && u64::try_from(oldest).unwrap_or(u64::MAX) > most
    {
        let age =
            if oldest == i64::MAX { "no complete replica".to_owned() } else { format!("a replica of {oldest} s") };
        refuse(format!(
            "an HA resource on it has {age}, and {most} s are allowed. Run its replication job with `do replicate`."
        ));
    }
    refusals
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::super::super::simulation::testing::Cluster;
    use super::*;

    #[test]
    fn the_node_of_an_interrupted_roll_is_back_with_its_guests() {
        let mut cluster = Cluster::of(2);
        for vmid in [100, 101, 102, 103] {
            cluster.service(vmid, 2);
        }
        let mut live = cluster.live();
        // Two of them are no HA resources; one was moved, one was shut down.
        for sid in ["vm:102", "vm:103"] {
            live.config.resources.remove(sid);
        }
        live.guests.get_mut("vm:103").unwrap().running = false;
        live.guests.get_mut("vm:103").unwrap().node = "pve1".to_owned();
        live.nodes[0].online = false;
        live.manager["node_status"]["pve1"] = "maintenance".into();
        live.manager["node_request"] = json!({"pve1": {"maintenance": 1}});
        let guests = [("vm:102".to_owned(), Left::MovedTo("pve2".to_owned())), ("vm:103".to_owned(), Left::ShutDown)];
        let survey = Survey { live, options: Json::Null, lrm: Json::Null, sees_all_guests: true };
        let back = returned(&survey, "pve1", &Record { guests: guests.into() }).live;
        assert!(back.nodes.iter().all(|fact| fact.online));
        assert_eq!(back.manager["node_request"], json!({}));
        assert_eq!(back.guests["vm:102"].node, "pve1");
        assert!(back.guests["vm:103"].running);
        let departures = simulation::departures(&back, "pve2");
        assert!(departures.staying.is_empty());
        assert_eq!(departures.leaving.len(), 2, "{departures:?}");
    }
}
