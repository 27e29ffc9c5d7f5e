//! `pve_ha_failover_simulation`: reads the cluster, and lets the simulation say what a failure would do. Makes no readiness check:
//! those for the page are an argument.

use pve_schemas::data::failover_simulation::FailoverSimulationArguments;
use pve_schemas::data::{HaFailoverSimulation, HaStatus};

use super::adapter::{Reader, Source};
use super::live::{self, Answers};
use super::simulated::{give_away, simulate};
use crate::framework::Failure;
use crate::simulation;
use crate::simulation::page::Subject;

impl Source for HaFailoverSimulation {
    type Arguments = FailoverSimulationArguments;

    const LONG_LIST: Option<&'static str> = Some("scenarios");

    async fn read(reader: &Reader<'_>, arguments: FailoverSimulationArguments) -> Result<Self, Failure> {
        let Answers { live, held, status, manager, .. } = live::read(reader, &arguments.plans).await?;
        for (privilege, paths) in live::missing(&live, held.as_ref()) {
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
        let simulated = if arguments.depth == Some(2) && !arguments.wants_report() {
            give_away(reader, &live, &arguments).await?
        } else {
            simulate(reader, &live, &arguments).await?
        };
        let mut result = Self {
            id: simulation::id(&arguments),
            survivable: simulated.problems.is_empty(),
            problems: simulated.problems,
            notes: simulated.notes,
            worst: simulated.worst,
            scenarios: simulated.scenarios,
            placement: simulated.placement,
            summary_markdown: simulated.markdown,
            report_html: None,
            arguments,
        };
        if result.arguments.wants_report() {
            let version = reader.client.version(&reader.call).await.map_err(|error| reader.failed(&error))?;
            let newest = HaStatus::newest_timestamp(&status, &manager);
            let subject = Subject::new(&live, version.version, newest);
            let checks = result.arguments.readiness.as_deref().unwrap_or_default();
            result.report_html = Some(simulation::page::render(&subject, &result, checks));
        }
        for scenario in std::mem::take(&mut result.scenarios) {
            reader.push(&scenario)?;
        }
        Ok(result)
    }
}
