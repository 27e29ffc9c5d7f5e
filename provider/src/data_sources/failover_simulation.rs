//! `pve_ha_failover_simulation`: reads the cluster, and lets the simulation say what a failure would do.

use pve_schemas::data::failover_simulation::FailoverSimulationArguments;
use pve_schemas::data::readiness::ReadinessArguments;
use pve_schemas::data::{HaFailoverSimulation, HaStatus};

use super::adapter::{Reader, Source};
use super::live;
use super::simulated::simulate;
use crate::framework::Failure;
use crate::readiness::{self, Demands};
use crate::simulation;
use crate::simulation::page::Subject;

impl Source for HaFailoverSimulation {
    type Arguments = FailoverSimulationArguments;

    async fn read(reader: &Reader<'_>, arguments: FailoverSimulationArguments) -> Result<Self, Failure> {
        let answers = live::read(reader, &arguments).await?;
        for (privilege, paths) in live::missing(&answers.live, answers.held.as_ref()) {
            let paths: Vec<String> = paths.into_iter().collect();
            reader.cx.warn(
                format!("The simulation is incomplete without {privilege} on {}", paths[0]),
                format!(
                    "The user or token does not have {privilege} on {}. Results that depend on it are unknown.\nGrant \
                     the privilege; the documentation of this data source has the commands.",
                    paths.join(", ")
                ),
            );
        }
        let simulated = simulate(reader, &answers.live, &arguments).await?;
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
        let version = reader.client.version(&reader.call).await.map_err(|error| reader.failed(&error))?;
        let newest = HaStatus::newest_timestamp(&answers.status, &answers.manager);
        let subject = Subject::new(&answers.live, version.version, newest);
        let checks = match &result.arguments.readiness {
            Some(checks) => checks.clone(),
            None => {
                let facts = super::readiness::gather(reader, answers).await?;
                readiness::checks(&facts, &Demands::new(ReadinessArguments::default()))
            }
        };
        result.report_html = simulation::page::render(&subject, &result, &checks);
        Ok(result)
    }
}
