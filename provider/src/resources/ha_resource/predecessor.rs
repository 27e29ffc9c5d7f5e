//! The record that the HA manager still has of a removed HA resource.
//!
//! A DELETE takes the resource out of resources.cfg; the record in manager_status stays until the CRM's next round, and the
//! LRM continues with the command it was given for it. A resource that is created in between inherits that record: the LRM has
//! answered `missing resource configuration` (exit code 7), from which the CRM makes the state `error`, although Proxmox has
//! accepted the create.

use std::collections::BTreeSet;
use std::time::Duration;

use pve_schemas::data::HaStatus;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::{POLL_INTERVAL, service};
use crate::call::Call;
use crate::client::{Client, Collection, Error};
use crate::explain::explain;
use crate::framework::Failure;
use crate::preflight;
use crate::resources::operations::OpContext;

/// How long one look may take: it must not hold up a create that would be possible without it.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Three rounds of the CRM; one is enough for an active one.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Waits until the HA manager has dropped its record of an HA resource `sid` that was removed. If that takes too long, or no
/// HA manager is active, the create continues, and [`follow`] checks its result.
pub(super) async fn await_removal(op: &OpContext<'_>, sid: &str) -> Result<(), Failure> {
    let (client, call) = (op.client(), op.call());
    // What was listed for the plan of this very create a few seconds ago will do: this process records its own removals.
    let leftovers = async {
        let rows = client.list(Collection::HaStatus, &one_look(&call)).await?;
        Ok::<_, Error>(removed(&Json::Array(rows.all()?)))
    };
    match op.configured.was_removed(sid, leftovers).await {
        Ok(true) => {}
        Ok(false) => return Ok(()),
        Err(error) => return unseen(sid, &error),
    }
    let end = Instant::now() + LONGEST_WAIT;
    let mut looks = call.looks("the HA manager to drop its record of a removed HA resource");
    let why = loop {
        let rows = match look(client, &call).await {
            Ok(rows) => rows,
            Err(error) => return unseen(sid, &error),
        };
        if !removed(&rows).contains(sid) {
            return Ok(());
        }
        if !has_active_manager(&rows) {
            break "no HA manager is active".to_owned();
        }
        if Instant::now() >= end {
            break format!("the HA manager has not removed it within {} s", LONGEST_WAIT.as_secs());
        }
        if looks.pause(POLL_INTERVAL).await {
            continue;
        }
        if op.cx.stop.is_cancelled() {
            return Err(Failure::refused(format!(
                "{sid}: interrupted while the HA manager still had its record of the HA resource that was removed before. \
                 Nothing was sent. Apply again."
            )));
        }
        break "the timeout of the create has expired".to_owned();
    };
    op.configured.remember_inherited(sid, why);
    Ok(())
}

/// Looks, after a create that may have inherited the record of a removed HA resource, whether its service ends in `error`.
/// The CRM acts in the rounds after the create; the refresh of the next plan reports a later failure.
pub(super) async fn follow(op: &OpContext<'_>, sid: &str) -> Result<(), Failure> {
    let Some(why) = op.configured.inherited(sid) else { return Ok(()) };
    let (client, call) = (op.client(), op.call());
    let end = Instant::now() + LONGEST_WAIT;
    let mut looks = call.looks("the HA manager to take up an HA resource that was removed before");
    let is_unseen = loop {
        let Ok(rows) = look(client, &call).await else { break true };
        if service(&rows, sid).is_some_and(|row| row["state"] == "error") {
            let inherited = "It has inherited the record of the HA resource that was removed before";
            return Err(super::in_error_state(sid, format!("{}\n{inherited}: {why}.", preflight::error_state(sid))));
        }
        if !has_active_manager(&rows) {
            break true;
        }
        if Instant::now() >= end {
            break false;
        }
        if !looks.pause(POLL_INTERVAL).await {
            break true;
        }
    };
    if is_unseen {
        warn(op, sid, &why);
    }
    Ok(())
}

/// The bounds of one look.
fn one_look(call: &Call) -> Call {
    Call::new(call.deadline.min(Instant::now() + LOOK_TIMEOUT), call.stop.clone())
}

/// The rows of the HA status, now.
async fn look(client: &Client, call: &Call) -> Result<Json, Error> {
    client.get(Collection::HaStatus.path(), &one_look(call)).await
}

/// The HA resources of which there is only a record.
fn removed(rows: &Json) -> BTreeSet<String> {
    let rows = rows.as_array().into_iter().flatten();
    let rows = rows.filter(|row| row["type"] == "service" && row["state"] == "deleting");
    rows.filter_map(|row| row["sid"].as_str().map(str::to_owned)).collect()
}

fn has_active_manager(rows: &Json) -> bool {
    let status = HaStatus::from_answers(rows, &Json::Null);
    status.is_ok_and(|status| status.master.is_some_and(|master| master.state == "active"))
}

/// A failed read is no reason against the create, which reports errors of the cluster itself.
fn unseen(sid: &str, error: &Error) -> Result<(), Failure> {
    tracing::warn!(sid, reason = %explain(sid, error).detail, "it is unknown whether the HA manager still has its \
                                                               record");
    Ok(())
}

fn warn(op: &OpContext<'_>, sid: &str, why: &str) {
    op.cx.warn(
        format!("HA resource {sid} may end in the error state"),
        format!(
            "{sid}: the HA manager still has its record of the HA resource that was removed before: {why}. The new HA \
             resource inherits it, and the HA manager may put it into the state `error`.\nCheck it with \
             `pve_ha_status`. If it is in `error`, set `state = \"disabled\"`, apply, and set the state back."
        ),
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;
    use crate::client::tests::fake::Fake;
    use crate::client::tests::server::{ok, status};
    use crate::framework::{Context, Stop};
    use crate::session::{Configured, SshAccess};

    const STATUS: &str = "GET /cluster/ha/status/current";

    fn configured(server: &Fake) -> Arc<Configured> {
        Arc::new(Configured::new(server.client(), SshAccess::Absent, false, BTreeSet::new()))
    }

    /// Waits as a create of `sid` does that has `seconds` left; why its service may end in `error`.
    async fn wait(configured: &Arc<Configured>, sid: &str, seconds: u64) -> Result<String, Failure> {
        let cx = Context::new((Instant::now() + Duration::from_secs(seconds)).into_std(), Stop::new());
        let op = OpContext { configured: configured.clone(), cx: &cx, permit: None };
        await_removal(&op, sid).await?;
        Ok(configured.inherited(sid).unwrap_or_default())
    }

    /// Follows a create of vm:100 that has inherited a record; the failure, and else the warnings.
    async fn followed(server: &Fake) -> String {
        let configured = configured(server);
        configured.remember_inherited("vm:100", "it was still there".to_owned());
        let cx = Context::new((Instant::now() + Duration::from_secs(600)).into_std(), Stop::new());
        let op = OpContext { configured, cx: &cx, permit: None };
        let failure = follow(&op, "vm:100").await.err();
        drop(op);
        let warnings = cx.into_warnings();
        let warnings = warnings.iter().map(|warning| format!("{}: {}", warning.summary, warning.detail));
        failure.map_or_else(|| warnings.collect(), |failure| failure.detail)
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_waits_until_the_record_is_gone() {
        let looks = AtomicUsize::new(0);
        let server = Fake::start(move |_| {
            let state = if looks.fetch_add(1, Ordering::Relaxed) < 4 { "deleting" } else { "started" };
            ok(&rows(state, "active").to_string())
        });
        let before = Instant::now();
        assert_eq!(wait(&configured(&server), "vm:100", 600).await.unwrap(), "");
        assert_eq!((server.count(STATUS), before.elapsed()), (5, 3 * POLL_INTERVAL));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_is_bounded_and_reported() {
        let server = Fake::start(|_| ok(&rows("deleting", "active").to_string()));
        let before = Instant::now();
        let warning = wait(&configured(&server), "vm:100", 600).await.unwrap();
        assert!(warning.contains("has not removed it within 30 s"), "{warning}");
        assert!((LONGEST_WAIT..LONGEST_WAIT + POLL_INTERVAL).contains(&before.elapsed()), "{:?}", before.elapsed());
        // What is left of the create's own time is for the create.
        let before = Instant::now();
        let warning = wait(&configured(&server), "vm:100", 10).await.unwrap();
        assert!(warning.contains("the timeout of the create has expired"), "{warning}");
        assert!(
            before.elapsed() <= Duration::from_secs(10) - 2 * POLL_INTERVAL + POLL_INTERVAL,
            "{:?}",
            before.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_that_inherits_a_record_is_followed_for_some_rounds() {
        let looks = AtomicUsize::new(0);
        let server = Fake::start(move |_| {
            let state = if looks.fetch_add(1, Ordering::Relaxed) < 6 { "started" } else { "error" };
            ok(&rows(state, "active").to_string())
        });
        let warning = followed(&server).await;
        assert!(
            warning.starts_with("vm:100: it is in the error state") && warning.contains("it was still there"),
            "{warning}"
        );
        let server = Fake::start(|_| ok(&rows("started", "active").to_string()));
        let before = Instant::now();
        assert_eq!(followed(&server).await, "");
        assert!((LONGEST_WAIT..LONGEST_WAIT + POLL_INTERVAL).contains(&before.elapsed()), "{:?}", before.elapsed());
        // What can't be followed is a warning.
        for reply in [ok(&rows("started", "idle").to_string()), status(403, "Permission check failed (/, Sys.Audit)")] {
            let reply = std::sync::Mutex::new(Some(reply));
            let server = Fake::start(move |_| reply.lock().unwrap().take().unwrap());
            let warning = followed(&server).await;
            assert!(warning.starts_with("HA resource vm:100 may end in the error state"), "{warning}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_of_what_never_was_is_not_followed() {
        let server = Fake::start(|_| ok(&rows("error", "active").to_string()));
        let configured = configured(&server);
        let cx = Context::new((Instant::now() + Duration::from_secs(600)).into_std(), Stop::new());
        follow(&OpContext { configured, cx: &cx, permit: None }, "vm:100").await.unwrap();
        assert!(server.seen().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_for_the_record_is_noted() {
        let server = Fake::start(|_| ok(&rows("deleting", "active").to_string()));
        let cx = Context::new((Instant::now() + Duration::from_secs(600)).into_std(), Stop::new());
        await_removal(&OpContext { configured: configured(&server), cx: &cx, permit: None }, "vm:100").await.unwrap();
        let noted = cx.waits().warnings("vm:100");
        assert_eq!(
            noted.iter().map(|warning| warning.summary.as_str()).collect::<Vec<_>>(),
            ["Waited for the HA manager to drop its record of a removed HA resource"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_interrupt_ends_the_wait_before_anything_is_sent() {
        let server = Fake::start(|_| ok(&rows("deleting", "active").to_string()));
        let (configured, stop) = (configured(&server), Stop::new());
        let cx = Context::new((Instant::now() + Duration::from_secs(600)).into_std(), stop.clone());
        let op = OpContext { configured, cx: &cx, permit: None };
        let interrupt = async {
            tokio::time::sleep(3 * POLL_INTERVAL).await;
            stop.cancel();
        };
        let (waited, ()) = futures_util::join!(await_removal(&op, "vm:100"), interrupt);
        let failure = waited.unwrap_err();
        assert!(
            failure.detail.contains("interrupted") && failure.detail.contains("Nothing was sent"),
            "{}",
            failure.detail
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_manager_that_does_not_work_is_not_waited_for() {
        let server = Fake::start(|_| ok(&rows("deleting", "old timestamp - dead?").to_string()));
        let before = Instant::now();
        let warning = wait(&configured(&server), "vm:100", 600).await.unwrap();
        assert!(warning.contains("no HA manager is active"), "{warning}");
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn creates_of_what_was_never_removed_share_one_look() {
        let server = Fake::start(|_| ok(&rows("started", "active").to_string()));
        let configured = configured(&server);
        for sid in ["vm:100", "vm:101", "vm:102"] {
            assert_eq!(wait(&configured, sid, 600).await.unwrap(), "");
        }
        assert_eq!(server.count(STATUS), 1);
        // What this process itself has removed is looked at again.
        configured.remember_removal("vm:102", false);
        assert_eq!(wait(&configured, "vm:102", 600).await.unwrap(), "");
        assert_eq!(server.count(STATUS), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_status_that_can_not_be_read_holds_up_no_create() {
        let server = Fake::start(|_| status(403, "Permission check failed (/, Sys.Audit)"));
        assert_eq!(wait(&configured(&server), "vm:100", 600).await.unwrap(), "");
        let server = Fake::start(|_| status(596, "Connection timed out"));
        let before = Instant::now();
        assert_eq!(wait(&configured(&server), "vm:100", 600).await.unwrap(), "");
        assert!(before.elapsed() <= LOOK_TIMEOUT, "{:?}", before.elapsed());
    }

    fn rows(state: &str, master: &str) -> Json {
        json!([
            {"type": "quorum", "id": "quorum", "node": "pve1", "status": "OK", "quorate": 1},
            {"type": "master", "id": "master", "node": "pve1", "timestamp": 9, "status": format!("pve1 ({master}, x)")},
            {"type": "service", "id": "service:vm:100", "sid": "vm:100", "node": "pve1", "state": state},
        ])
    }

    #[test]
    fn a_record_without_a_configuration_is_what_is_left() {
        assert_eq!(removed(&rows("deleting", "active")), ["vm:100".to_owned()].into());
        assert!(removed(&rows("started", "active")).is_empty());
        assert!(removed(&Json::Null).is_empty());
    }

    #[test]
    fn a_manager_that_is_dead_idle_or_missing_drops_nothing() {
        assert!(has_active_manager(&rows("deleting", "active")));
        for master in ["idle", "old timestamp - dead?"] {
            assert!(!has_active_manager(&rows("deleting", master)), "{master}");
        }
        assert!(!has_active_manager(&json!([])));
    }
}
