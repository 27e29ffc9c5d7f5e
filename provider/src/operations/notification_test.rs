//! `pve_notification_test`.

use std::time::Duration;

use pve_schemas::action::NotificationTest;
use serde_json::Value as Json;

use super::{Operation, Outlook, Run};
use crate::client::{Collection, Error, ErrorKind, LockDomain, Params, path};
use crate::explain::explain;
use crate::framework::{Cause, Failure, Path};

impl Operation for NotificationTest {
    type Found = ();
    const TIMEOUT: Duration = Duration::from_mins(2);

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<()>, Failure> {
        let name = self.target.as_str();
        let targets: Vec<Json> = run
            .client()
            .get(Collection::NotificationTargets.path(), &run.call())
            .await
            .map_err(|error| explain("the list of notification targets", &error))?;
        let names: Vec<&str> = targets.iter().filter_map(|target| target["name"].as_str()).collect();
        let refusals = if names.contains(&name) {
            Vec::new()
        } else {
            let text =
                format!("{name}: there is no such target. The targets are {}. Nothing was sent.", names.join(", "));
            vec![Failure::new(Cause::Absent, text).at(Path::attribute("target"))]
        };
        Ok(Outlook { steps: vec![format!("Send a test message through the target {name}.")], refusals, found: () })
    }

    async fn act(&self, run: &Run<'_>, (): ()) -> Result<(), Failure> {
        let (name, call) = (self.target.as_str(), run.call());
        let permit = run.client().permit(LockDomain::Other, &call).await.map_err(|error| explain(name, &error))?;
        let test = path(["cluster", "notifications", "targets", name, "test"]);
        run.client().post(&test, &Params::new(), &permit, &call).await.map_err(|error| undelivered(name, &error))?;
        run.say(format!("The target {name} accepted the test message."));
        Ok(())
    }
}

/// What Proxmox refuses for no reason of its own is a delivery that failed, for the reason that it quotes.
fn undelivered(name: &str, error: &Error) -> Failure {
    let failure = explain(name, error);
    match error.kind() {
        ErrorKind::Refused => Failure {
            cause: Cause::Stale,
            detail: format!("{name}: the target did not accept the test message.\n{}", error.quote()),
            ..failure
        },
        _ => failure,
    }
}
