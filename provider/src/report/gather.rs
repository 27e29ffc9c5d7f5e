//! Reads one cluster, once, by the reads of the data sources.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pve_schemas::data::failover_simulation::FailoverSimulationArguments;
use pve_schemas::data::ha_balance::BalanceArguments;
use pve_schemas::data::readiness::{Profile, ReadinessArguments};
use pve_schemas::data::replication_jobs::ReplicationJobsArguments;
use pve_schemas::data::{HaBalance, HaFailoverSimulation, HaReadiness, HaStatus, NoArguments, Quorum, ReplicationJobs};

use super::clusters::Target;
use super::model::{Cluster, Facts, Message, Verdict};
use crate::config::Configuration;
use crate::data_sources::{Reader, Source, live, simulate};
use crate::framework::{Context, Diagnostics, Failure, Provider, Severity, Stop, Type, Value};
use crate::session::{Configured, Session, call};
use crate::simulation;
use crate::simulation::page::Subject;
use crate::terminal::{self, Node};

/// The summary of a cluster that could not be read.
const UNREAD: &str = "Cannot read the cluster";

/// Connects to a cluster.
///
/// # Errors
/// It can't be used; says why.
pub(super) async fn connect(target: &Target, nodes: &[Node]) -> Result<(Arc<Configured>, Vec<Message>), Message> {
    let session: Arc<Session> = Arc::default();
    let configuration = Configuration::with_environment(session.clone(), target.variables.clone());
    let provider = Provider::new(Box::new(configuration), Vec::new(), Vec::new(), Vec::new());
    let mut diagnostics = terminal::configure(&provider, nodes).await;
    diagnostics.extend(provider.unreachable().unwrap_or_default());
    if let Some(error) = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(error.into());
    }
    let configured = session.ready().map_err(unread)?;
    Ok((configured, diagnostics.iter().map(Message::from).collect()))
}

/// That a cluster could not be read.
pub(super) fn unread(failure: Failure) -> Message {
    (&failure.into_error(UNREAD)).into()
}

/// The reads of one cluster.
pub(super) struct Look {
    configured: Arc<Configured>,
    cx: Context,
}

impl Look {
    pub(super) fn new(configured: Arc<Configured>, timeout: Duration) -> Self {
        Self { configured, cx: Context::new(Instant::now() + timeout, Stop::new()) }
    }

    pub(super) fn reader<'a>(&'a self, title: &'static str, elements: &'a mut Vec<Value>) -> Reader<'a> {
        Reader {
            client: self.configured.client.clone(),
            ssh: self.configured.ssh.clone(),
            call: call(&self.cx),
            cx: &self.cx,
            title,
            needs: &[],
            unknown: self.configured.unknown.clone(),
            simulated: self.configured.simulated.clone(),
            elements: Mutex::new(elements),
            element: Type::Object(Vec::new()),
        }
    }

    /// What the reads have found incomplete.
    pub(super) fn warnings(self) -> Vec<Message> {
        let warnings: Diagnostics = self.cx.into_warnings();
        warnings.iter().map(Message::from).collect()
    }
}

/// Reads a cluster. One that can't be read is a section of the report, too.
pub(super) async fn gather(target: &Target, nodes: &[Node], profile: Profile, timeout: Duration) -> Cluster {
    let (configured, mut warnings) = match connect(target, nodes).await {
        Ok(connected) => connected,
        Err(error) => return failed(target, error, Vec::new()),
    };
    let look = Look::new(configured, timeout);
    let read = facts(&look, profile).await;
    for warning in look.warnings() {
        // The same list may be read for several parts of the report.
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    match read {
        Ok(facts) => Cluster {
            name: target.name.clone().or_else(|| facts.quorum.cluster_name.clone()).unwrap_or_else(|| host(target)),
            endpoint: target.endpoint.clone(),
            verdict: Verdict::of(&facts.readiness.checks),
            facts: Some(Box::new(facts)),
            error: None,
            warnings,
        },
        Err(failure) => failed(target, unread(failure), warnings),
    }
}

fn failed(target: &Target, error: Message, warnings: Vec<Message>) -> Cluster {
    Cluster {
        name: target.name.clone().unwrap_or_else(|| host(target)),
        endpoint: target.endpoint.clone(),
        verdict: Verdict::Unknown,
        facts: None,
        error: Some(error),
        warnings,
    }
}

/// What a cluster is called whose name is unknown: the host of its endpoint.
pub(super) fn host(target: &Target) -> String {
    let url = url::Url::parse(&target.endpoint).ok();
    url.as_ref().and_then(url::Url::host_str).unwrap_or("cluster").to_owned()
}

async fn facts(look: &Look, profile: Profile) -> Result<Facts, Failure> {
    let mut elements = Vec::new();
    let reader = look.reader("report", &mut elements);
    let arguments = FailoverSimulationArguments::default();
    let answers = live::read(&reader, &arguments.plans).await?;
    let simulated = simulate(&reader, &answers.live, &arguments).await?;
    let failover = HaFailoverSimulation {
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
    let version = reader.client.version(&reader.call).await.map_err(|error| reader.failed(&error))?.version;
    let newest = HaStatus::newest_timestamp(&answers.status, &answers.manager);
    let demands = ReadinessArguments { profile: Some(profile), ..ReadinessArguments::default() };
    Ok(Facts {
        subject: Subject::new(&answers.live, version.clone(), newest),
        version,
        readiness: HaReadiness::read(&reader, demands).await?,
        failover,
        quorum: <Quorum as Source>::read(&reader, NoArguments::default()).await?,
        status: <HaStatus as Source>::read(&reader, NoArguments::default()).await?,
        balance: HaBalance::read(&reader, BalanceArguments::default()).await?,
        replication: <ReplicationJobs as Source>::read(&reader, ReplicationJobsArguments::default()).await?.jobs,
    })
}
