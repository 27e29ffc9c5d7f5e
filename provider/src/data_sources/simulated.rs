//! Plays the failures of a simulation, and ends between two of them where it is stopped.

use pve_schemas::data::failover_simulation::{FailoverSimulationArguments, Scenario};

use super::adapter::Reader;
use crate::framework::{Failure, Path};
use crate::simulation::live::SimulatedCluster;
use crate::simulation::{Answered, InvalidArgument, Question, Simulated, Simulation};

/// Plays every requested failure, and keeps them all. The failure of each node alone is computed once per walk for the same
/// cluster: the simulation without arguments and the readiness check `failover` need the same result.
///
/// # Errors
/// An argument doesn't fit the cluster, or the run is interrupted.
pub(crate) async fn simulate(
    reader: &Reader<'_>,
    live: &SimulatedCluster,
    arguments: &FailoverSimulationArguments,
) -> Result<Simulated, Failure> {
    let Some(question) = Question::of(live, arguments).map_err(refused)? else {
        return keep(reader, live, arguments).await;
    };
    // Held while it is computed, so that a read at the same time waits for the answer.
    let mut last = reader.simulated.lock().await;
    if let Some(answered) = last.as_ref().filter(|answered| answered.question == question) {
        return Ok(answered.simulated.clone());
    }
    let simulated = keep(reader, live, arguments).await?;
    *last = Some(Answered { question, simulated: simulated.clone() });
    Ok(simulated)
}

/// Plays every failure that is asked for, and gives each away as soon as it is played: pairs of many nodes would take hundreds
/// of megabytes.
///
/// # Errors
/// An argument doesn't fit the cluster, or the run is interrupted.
pub(super) async fn give_away(
    reader: &Reader<'_>,
    live: &SimulatedCluster,
    arguments: &FailoverSimulationArguments,
) -> Result<Simulated, Failure> {
    play(reader, live, arguments, |scenario| reader.push(&scenario)).await
}

async fn keep(
    reader: &Reader<'_>,
    live: &SimulatedCluster,
    arguments: &FailoverSimulationArguments,
) -> Result<Simulated, Failure> {
    let mut scenarios = Vec::new();
    let keep = |scenario| {
        scenarios.push(scenario);
        Ok(())
    };
    let simulated = play(reader, live, arguments, keep).await?;
    Ok(Simulated { scenarios, ..simulated })
}

/// The plugin serves on one thread: only in the pause after each failure can it take another request, such as a stop.
async fn play(
    reader: &Reader<'_>,
    live: &SimulatedCluster,
    arguments: &FailoverSimulationArguments,
    mut take: impl FnMut(Scenario) -> Result<(), Failure>,
) -> Result<Simulated, Failure> {
    let mut simulation = Simulation::new(live, arguments).map_err(refused)?;
    while let Some(scenario) = simulation.play_next() {
        take(scenario)?;
        tokio::task::yield_now().await;
        reader.go_on()?;
    }
    Ok(simulation.finish())
}

pub(super) fn refused(invalid: InvalidArgument) -> Failure {
    Failure::refused(format!("{}: {}", invalid.argument, invalid.problem)).at(Path::attribute(invalid.argument))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use secrecy::SecretString;

    use super::*;
    use crate::client::{Call, Client, Credentials, DEFAULT_REQUEST_TIMEOUT, Endpoint, Settings, Trust};
    use crate::framework::{Context, Stop, Type, Value};
    use crate::session::SshAccess;
    use crate::simulation::testing::Cluster;

    fn client() -> Client {
        let token = SecretString::from("root@pam!tf=12345678-0000-0000-0000-000000000000");
        let settings = Settings {
            endpoint: Endpoint::parse("https://pve1:8006").unwrap(),
            fallback_endpoints: Vec::new(),
            credentials: Credentials::token(token).unwrap(),
            trust: Trust::system(),
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
        };
        Client::new(settings).unwrap()
    }

    fn reader<'a>(cx: &'a Context, stop: &Stop, elements: &'a mut Vec<Value>) -> Reader<'a> {
        let call = Call::within(Duration::from_secs(60), stop.clone());
        Reader {
            client: client(),
            ssh: SshAccess::Absent,
            call,
            cx,
            needs: &[],
            title: "simulation",
            unknown: Arc::default(),
            simulated: Arc::default(),
            elements: Mutex::new(elements),
            element: Type::Object(vec![("name".to_owned(), Type::String)]),
        }
    }

    #[tokio::test]
    async fn a_stop_in_the_middle_ends_it() {
        let stop = Stop::new();
        let cx = Context::new(std::time::Instant::now(), stop.clone());
        let mut elements = Vec::new();
        let reader = reader(&cx, &stop, &mut elements);
        let (live, arguments) = (Cluster::of(3).live(), FailoverSimulationArguments::default());
        // The second is heard only if the first lets it.
        let (simulated, ()) = tokio::join!(simulate(&reader, &live, &arguments), async { stop.cancel() });
        assert_eq!(simulated.unwrap_err().detail, "simulation: interrupted. Nothing was changed.");
    }

    #[tokio::test]
    async fn the_same_question_is_computed_once_and_another_one_anew() {
        let stop = Stop::new();
        let cx = Context::new(std::time::Instant::now(), stop.clone());
        let mut elements = Vec::new();
        let reader = reader(&cx, &stop, &mut elements);
        let (live, arguments) = (Cluster::of(3).live(), FailoverSimulationArguments::default());
        let first = simulate(&reader, &live, &arguments).await.unwrap();
        // An answer is only taken from the first where it is not computed again.
        reader.simulated.lock().await.as_mut().unwrap().simulated.notes.push("computed once".to_owned());
        let (second, third) = tokio::join!(simulate(&reader, &live, &arguments), simulate(&reader, &live, &arguments));
        for answer in [second, third] {
            assert_eq!(answer.unwrap().notes, ["computed once"]);
        }
        let pairs = FailoverSimulationArguments { depth: Some(2), ..arguments.clone() };
        assert_eq!(simulate(&reader, &live, &pairs).await.unwrap().notes, [""; 0]);
        let other = Cluster::of(4).live();
        assert_eq!(simulate(&reader, &other, &arguments).await.unwrap().scenarios.len(), first.scenarios.len() + 1);
    }

    #[tokio::test]
    async fn pairs_are_given_away_and_summed_up_as_if_they_were_kept() {
        let stop = Stop::new();
        let cx = Context::new(std::time::Instant::now(), stop.clone());
        let mut elements = Vec::new();
        let mut cluster = Cluster::of(4);
        cluster.service(100, 1).service(101, 2).disk(101, "scsi0", "zfs");
        let live = cluster.live();
        let arguments = FailoverSimulationArguments { depth: Some(2), ..FailoverSimulationArguments::default() };
        let (kept, given) = {
            let reader = reader(&cx, &stop, &mut elements);
            let kept = simulate(&reader, &live, &arguments).await.unwrap();
            (kept, give_away(&reader, &live, &arguments).await.unwrap())
        };
        let names: Vec<_> = elements.iter().map(|element| element.at("name").as_str().unwrap()).collect();
        assert_eq!(names, kept.scenarios.iter().map(|scenario| scenario.name.as_str()).collect::<Vec<_>>());
        assert_eq!(given, Simulated { scenarios: Vec::new(), ..kept });
    }
}
