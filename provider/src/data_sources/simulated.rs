//! Plays the failures of a simulation, and hears of a stop between them.

use pve_schemas::data::failover_simulation::FailoverSimulationArguments;

use super::adapter::Reader;
use crate::framework::{Failure, Path};
use crate::simulation::live::Live;
use crate::simulation::{InvalidArgument, Simulated, Simulation};

/// Plays every failure that is asked for. The plugin serves on one thread: only in the pause after each failure can it hear of
/// anything else.
///
/// # Errors
/// An argument doesn't fit the cluster, or the user wants out.
pub(super) async fn simulate(
    reader: &Reader<'_>,
    live: &Live,
    arguments: &FailoverSimulationArguments,
) -> Result<Simulated, Failure> {
    let mut simulation = Simulation::new(live, arguments).map_err(refused)?;
    while simulation.play_next() {
        tokio::task::yield_now().await;
        reader.go_on()?;
    }
    Ok(simulation.finish())
}

fn refused(misfit: InvalidArgument) -> Failure {
    Failure::refused(format!("{}: {}", misfit.argument, misfit.problem)).at(Path::attribute(misfit.argument))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use secrecy::SecretString;

    use super::*;
    use crate::client::{Call, Client, Credentials, DEFAULT_REQUEST_TIMEOUT, Endpoint, Settings, Trust};
    use crate::framework::{Context, Stop};
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

    #[tokio::test]
    async fn a_stop_in_the_middle_ends_it() {
        let stop = Stop::new();
        let cx = Context::new(std::time::Instant::now(), stop.clone());
        let call = Call::within(Duration::from_secs(60), stop.clone());
        let reader = Reader {
            client: client(),
            ssh: SshAccess::Absent,
            call,
            cx: &cx,
            title: "simulation",
            unknown: Arc::default(),
        };
        let (live, arguments) = (Cluster::of(3).live(), FailoverSimulationArguments::default());
        // The second is heard only if the first lets it.
        let (simulated, ()) = tokio::join!(simulate(&reader, &live, &arguments), async { stop.cancel() });
        assert_eq!(simulated.unwrap_err().detail, "simulation: interrupted. Nothing was changed.");
    }
}
