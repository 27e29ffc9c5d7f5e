//! `pve_ha_failover_simulation`: reads the cluster, and lets the simulation say what a failure would do.

use pve_schemas::data::HaFailoverSimulation;
use pve_schemas::data::failover_simulation::FailoverSimulationArguments;

use super::adapter::{Reader, Source};
use super::live;
use crate::framework::Failure;
use crate::simulation;

impl Source for HaFailoverSimulation {
    type Arguments = FailoverSimulationArguments;

    async fn read(reader: &Reader<'_>, arguments: FailoverSimulationArguments) -> Result<Self, Failure> {
        let answers = live::read(reader, &arguments).await?;
        let simulated = simulation::simulate(&answers.live, &arguments).map_err(Failure::refused)?;
        let problems = simulation::problems(&simulated.scenarios);
        let mut result = Self {
            id: simulation::id(&arguments),
            survivable: problems.is_empty(),
            problems,
            notes: simulated.notes,
            worst: simulation::worst(&simulated.scenarios),
            scenarios: simulated.scenarios,
            placement: simulated.placement,
            summary_markdown: simulated.markdown,
            report_html: String::new(),
            arguments,
        };
        let checks = result.arguments.readiness.clone().unwrap_or_default();
        result.report_html = simulation::page::render(&result, &checks);
        Ok(result)
    }
}
