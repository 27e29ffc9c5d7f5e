//! The inputs of a simulation, so that the same simulation is computed once.

use pve_schemas::data::failover_simulation::FailoverSimulationArguments;
use serde_json::Value as Json;

use super::live::SimulatedCluster;
use super::replicas::ReplicaState;
use super::{HaConfig, InvalidArgument, Simulated};

/// The question what the failure of each node alone would do. Two that are equal have the same answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    live: SimulatedCluster,
    ha_config: HaConfig,
    most_memory: i64,
}

/// A question with its answer.
#[derive(Debug)]
pub struct Answered {
    pub question: Question,
    pub simulated: Simulated,
}

impl Question {
    /// The question of these arguments; none where they ask for other failures than that of each node alone.
    ///
    /// # Errors
    /// Says which argument does not fit this cluster.
    pub fn of(
        live: &SimulatedCluster,
        arguments: &FailoverSimulationArguments,
    ) -> Result<Option<Self>, InvalidArgument> {
        if arguments.failed_nodes.is_some() || arguments.depth == Some(2) {
            return Ok(None);
        }
        let ha_config = live.config.clone().with(&arguments.plans, live.mode)?;
        Ok(Some(Self { live: timeless(live.clone()), ha_config, most_memory: super::most_memory(arguments) }))
    }
}

/// Without what grows older from read to read, and means nothing to a simulation.
fn timeless(mut live: SimulatedCluster) -> SimulatedCluster {
    if let Json::Object(manager) = &mut live.manager {
        manager.remove("timestamp");
    }
    for replica in live.replicas.iter_mut().flatten() {
        if let ReplicaState::Copied { seconds, .. } = &mut replica.state {
            *seconds = 0;
        }
    }
    live
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{Cluster, replica};
    use super::*;

    fn arguments(json: Json) -> FailoverSimulationArguments {
        serde_json::from_value(json).unwrap()
    }

    fn ask(cluster: &Cluster, with: Json) -> Option<Question> {
        Question::of(&cluster.live(), &arguments(with)).unwrap()
    }

    fn cluster() -> Cluster {
        let mut cluster = Cluster::of(3);
        cluster.service(100, 1);
        cluster
    }

    #[test]
    fn plans_that_change_nothing_and_times_ask_the_same() {
        let (mut now, mut later) = (cluster(), cluster());
        now.replicas.push(replica(100, "pve2", Some(60)));
        later.replicas.push(replica(100, "pve2", Some(70)));
        (now.manager["timestamp"], later.manager["timestamp"]) = (json!(1), json!(11));
        let planned = json!({"resources": [{"sid": "vm:100", "state": "started"}], "max_memory_percent": 100});
        assert!(ask(&now, json!({})).is_some());
        assert_eq!(ask(&now, json!({})), ask(&later, planned));
    }

    #[test]
    fn other_plans_limits_and_clusters_ask_something_else() {
        let plain = ask(&cluster(), json!({}));
        for other in [json!({"max_memory_percent": 90}), json!({"resources": [{"sid": "vm:100", "state": "stopped"}]})]
        {
            assert_ne!(ask(&cluster(), other), plain);
        }
        let mut moved = cluster();
        moved.guest(100).node = "pve2".into();
        assert_ne!(ask(&moved, json!({})), plain);
        for special in [json!({"depth": 2}), json!({"failed_nodes": ["pve1"]})] {
            assert_eq!(ask(&cluster(), special), None);
        }
    }
}
