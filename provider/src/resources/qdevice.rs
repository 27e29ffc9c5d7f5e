//! The QDevice: `pvecm` sets it up and removes it in many steps and can't continue an interrupted set-up. Its existing
//! parts are looked up first, so that an interrupted set-up is completed, and a daemon that doesn't run is started.

mod checks;
mod look;

use std::time::Duration;

use pve_ha_manager::config::Name;
use pve_schemas::Qdevice;
use pve_schemas::corosync::is_same_address;
use pve_schemas::qdevice::CONNECTED;

pub use self::checks::is_installed;
use self::look::Look;
use super::operations::OpContext;
use super::over_ssh::{any_node, demand_quorum, members, ssh_failure};
use super::ssh_resource::SshResource;
use crate::client::{DomainPermit, LockDomain};
use crate::framework::{CREATE_FIRST, Cause, Change, Diagnostics, Failure, Freshness, Path, Value};
use crate::ssh::{Command, Line};
use crate::words::counted;

const SUBJECT: &str = "the QDevice";

/// How often the connection is looked at.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long the daemons may take to connect after their start; they try every 8 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(45);

/// How long `pvecm` may take: a few seconds for each node.
const SETUP_TIMEOUT: Duration = Duration::from_mins(4);

impl SshResource for Qdevice {
    fn id(object: &Value) -> Option<String> {
        object.at("address").as_str().map(str::to_owned)
    }

    fn parse_id(id: &str) -> Result<Value, String> {
        pve_schemas::value::check("ip", id)?;
        Ok(Value::object([("address", Value::from(id))]))
    }

    fn needs_repair(object: &Value) -> Option<&'static str> {
        object.at("state").as_str().is_some_and(|state| state != CONNECTED).then_some("state")
    }

    async fn preflight(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let Ok(members) = members(op).await else { return diagnostics };
        let force = change.planned.at("force");
        // Those that join in the same plan are there when the QDevice is set up.
        let joining = op.configured.preflight.joining();
        let is_new = |name: &&Name| !members.iter().any(|member| member.name == name.as_ref());
        let count = members.len() + joining.iter().filter(is_new).count();
        if count % 2 == 1 && !force.is_unknown() && force != &Value::Bool(true) {
            diagnostics.error_at(Path::attribute("force"), "An odd number of nodes", odd(count));
        }
        if let Some(missing) = replaced_too_early(op, change).await {
            diagnostics.warning_at(
                Path::attribute("address"),
                "The new QNetd host is not ready",
                format!(
                    "The current QDevice would be removed before the new one is set up, and the new one can't be set \
                     up yet. The cluster would have no QDevice. Missing:\n{missing}"
                ),
            );
        }
        diagnostics
    }

    /// Two applies of one process would get in each other's way: `pvecm` changes what all nodes share.
    async fn permit(op: &OpContext<'_>) -> Result<Option<DomainPermit>, Failure> {
        let permit =
            op.client().permit(LockDomain::Other, &op.call()).await.map_err(|e| super::explain(SUBJECT, &e))?;
        Ok(Some(permit))
    }

    async fn find(op: &OpContext<'_>, object: &Value, _: Freshness) -> Result<Option<(Self, Option<String>)>, Failure> {
        let Some(found) = Look::new(op).await?.found(op).await? else { return Ok(None) };
        // IPv6 has several spellings of one address.
        let known = object.at("address").as_str().filter(|known| is_same_address(known, &found.address));
        let address = known.map_or_else(|| found.address.clone(), str::to_owned);
        Ok(Some((Self { address, ..found }, None)))
    }

    /// A set-up that stopped half-way is no QDevice yet: create completes it.
    async fn find_existing(op: &OpContext<'_>, object: &Value) -> Result<Option<(Self, Option<String>)>, Failure> {
        let look = Look::new(op).await?;
        let Some(device) = &look.device else { return Ok(None) };
        let (host, configured) = (device.host.as_deref().unwrap_or_default(), object.at("address").as_str());
        if !configured.is_some_and(|configured| is_same_address(configured, host)) {
            return Err(Failure::refused(format!(
                "The cluster already has a QDevice at {host}, and can have only one. Nothing was changed.\nIf this \
                 plan replaces that one: {CREATE_FIRST} Remove it there and apply again.\nIf it is not in the state, \
                 import it with the id {host:?}, or remove it first: `pvecm qdevice remove`."
            ))
            .at(Path::attribute("address")));
        }
        if look.idle(op).await?.is_empty() { Self::find(op, object, Freshness::Fresh).await } else { Ok(None) }
    }

    async fn create(op: &OpContext<'_>, planned: &Self) -> Result<(), Failure> {
        let look = Look::new(op).await?;
        if look.device.is_some() {
            tracing::info!("the QDevice is in the configuration of the cluster: the set-up is completed");
            return start(op, &look, false).await.map_err(ambiguous);
        }
        let leftover = checks::run(op, &look, planned).await?;
        if leftover {
            tracing::info!("there are certificates of an interrupted set-up: it is repeated");
        }
        let mut command = Command::new("pvecm").args(["qdevice", "setup", &planned.address]);
        if leftover || look.members.len() % 2 == 1 {
            command = command.arg("--force");
        }
        let done = pvecm(op, &look, command).await;
        match done {
            // It failed after the QDevice was in the configuration: from there on it can be completed.
            Err(failure) if failure.cause != Cause::Ambiguous => {
                let look = Look::new(op).await.map_err(ambiguous)?;
                if look.device.is_none() {
                    return Err(failure);
                }
                tracing::warn!(reason = failure.detail, "pvecm failed half-way; the set-up is completed");
                start(op, &look, false).await.map_err(ambiguous)
            }
            done => done,
        }
    }

    /// What is to be mended: daemons that don't run, or don't find the QNetd host.
    async fn update(op: &OpContext<'_>, _: &Self, _: Option<&str>, _: &Self) -> Result<(), Failure> {
        start(op, &Look::new(op).await?, true).await
    }

    async fn delete(op: &OpContext<'_>, state: &Self) -> Result<(), Failure> {
        demand_quorum(op, SUBJECT).await?;
        let look = Look::new(op).await?;
        let Some(device) = &look.device else {
            return Err(Failure::new(Cause::Absent, "The cluster has no QDevice."));
        };
        // The cluster has one at most, and `pvecm` removes whichever it is.
        if let Some(host) = device.host.as_deref().filter(|host| !is_same_address(host, &state.address)) {
            return Err(Failure::new(
                Cause::Absent,
                format!("The cluster's QDevice is at {host}, not at {}.", state.address),
            ));
        }
        look.demand_all_online()?;
        look.wait_for_others(op).await?;
        let command = Command::new("pvecm").args(["qdevice", "remove"]);
        let done = pvecm(op, &look, command).await;
        match done {
            // It failed after it had taken the QDevice out of the configuration: the rest is done by hand.
            Err(failure) if failure.cause != Cause::Ambiguous && Look::new(op).await?.device.is_none() => {
                tracing::warn!(reason = failure.detail, "pvecm failed half-way; the rest is removed");
                Ok(())
            }
            done => done,
        }
    }

    async fn list(op: &OpContext<'_>) -> Result<Vec<Self>, Failure> {
        Ok(Look::new(op).await?.found(op).await?.into_iter().collect())
    }

    /// An interrupted removal leaves daemons and certificates behind; what is left is removed as `pvecm` would have done.
    async fn wait_deleted(op: &OpContext<'_>, _: &Self) -> Result<(), Failure> {
        let look = Look::new(op).await?;
        if look.device.is_none() {
            look.wait_for_others(op).await?;
            clean_up(op, &look).await?;
        }
        Ok(())
    }

    async fn wait_ready(op: &OpContext<'_>, object: &Self) -> Result<(), Failure> {
        let end = tokio::time::Instant::now() + CONNECT_TIMEOUT;
        let mut state = object.state.clone().unwrap_or_default();
        loop {
            let look = Look::new(op).await?;
            if let Some(found) = look.found(op).await? {
                state = found.state.unwrap_or_default();
                if state == CONNECTED && look.votes(op).await?.has_qdevice() {
                    return Ok(());
                }
                // A set-up whose exit status is unknown may have stopped before all daemons were started.
                if !look.idle(op).await?.is_empty() {
                    look.wait_for_others(op).await?;
                    start(op, &look, false).await?;
                }
            }
            tracing::info!(state, "waiting for the QDevice to connect");
            if tokio::time::Instant::now() >= end || !op.call().pause(POLL_INTERVAL).await {
                return Err(unconnected(&object.address, &state));
            }
        }
    }
}

/// What the host lacks that is to take the place of another one. The apply checks the rest.
async fn replaced_too_early(op: &OpContext<'_>, change: Change<'_>) -> Option<String> {
    let address = |object: &Value| object.at("address").as_str().map(str::to_owned);
    let (old, new) = (address(change.prior?)?, address(change.planned)?);
    if is_same_address(&old, &new) {
        return None;
    }
    let look = Look::new(op).await.ok().filter(|look| look.demand_all_online().is_ok())?;
    checks::missing(op, &look, &new).await.ok()?
}

/// A failure after something was changed.
fn ambiguous(failure: Failure) -> Failure {
    Failure { cause: Cause::Ambiguous, ..failure }
}

/// Runs `pvecm`, its progress in the log. If it fails, what it did before is left to the next look.
async fn pvecm(op: &OpContext<'_>, look: &Look, command: Command) -> Result<(), Failure> {
    let node = look.node()?.to_owned();
    let mut steps = Vec::new();
    let mut on_line = |line: Line<'_>| {
        tracing::info!(node, "pvecm: {}", line.text());
        if let Line::Out(text) = line {
            steps.push(text.to_owned());
        }
    };
    let command = command.may_take(SETUP_TIMEOUT);
    let output = op.ssh()?.run_with(&node, &command, &op.call(), &mut on_line).await.map_err(ssh_failure(SUBJECT))?;
    let Err(error) = output.success() else { return Ok(()) };
    let mut failure = ssh_failure(SUBJECT)(error);
    if let Some(last) = steps.last() {
        failure.detail = format!(
            "The last step that `pvecm` began is: {last}\nThe earlier steps are done; the next apply continues from \
             there.\n{}",
            failure.detail
        );
    }
    Err(failure)
}

/// Starts the daemon on the nodes where it doesn't run, and anew on those that aren't connected.
async fn start(op: &OpContext<'_>, look: &Look, mend: bool) -> Result<(), Failure> {
    let ssh = op.ssh()?;
    let idle = look.idle(op).await?;
    for node in &idle {
        tracing::info!(node, "corosync-qdevice is started");
        let command = Command::new("systemctl").args(["enable", "--now", "corosync-qdevice"]);
        ssh.run(node, &command, &op.call()).await.and_then(crate::ssh::Output::success).map_err(ssh_failure(node))?;
    }
    if !mend {
        // All nodes have to read the configuration with the QDevice in it.
        let node = look.node()?;
        let command = Command::new("corosync-cfgtool").arg("-R");
        ssh.run(node, &command, &op.call()).await.and_then(crate::ssh::Output::success).map_err(ssh_failure(node))?;
    }
    if idle.is_empty() && mend {
        let node = look.node()?;
        tracing::info!(node, "corosync-qdevice is restarted");
        let command = Command::new("systemctl").args(["restart", "corosync-qdevice"]);
        ssh.run(node, &command, &op.call()).await.and_then(crate::ssh::Output::success).map_err(ssh_failure(node))?;
    }
    Ok(())
}

/// Stops daemons and removes certificates where there are any.
async fn clean_up(op: &OpContext<'_>, look: &Look) -> Result<(), Failure> {
    let ssh = op.ssh()?;
    let idle = look.idle(op).await?;
    for node in look.members.iter().filter(|member| member.online).map(|member| member.name.as_str()) {
        let run = async |command: Command| {
            let output = ssh.run(node, &command, &op.call()).await;
            output.and_then(crate::ssh::Output::success).map_err(ssh_failure(node))
        };
        if !idle.contains(&node) {
            run(Command::new("systemctl").args(["disable", "--now", "corosync-qdevice"])).await?;
        }
        let store = Command::new("test").args(["-e", checks::CERTIFICATES]).reading();
        if ssh.run(node, &store, &op.call()).await.map_err(ssh_failure(node))?.is_success() {
            run(Command::new("rm").args(["-rf", "--", checks::FOLDER])).await?;
        }
    }
    Ok(())
}

fn unconnected(address: &str, state: &str) -> Failure {
    Failure::refused(format!(
        "The QDevice is set up, but not connected to {address}: its state is {state:?}, and its vote is missing. The next plan shows \
         it.\nCheck that the QNetd host is up, that `corosync-qnetd` runs there (`systemctl status corosync-qnetd`), and that its \
         port {} can be reached from every node.",
        pve_schemas::qdevice::PORT
    ))
}

fn odd(nodes: usize) -> String {
    format!(
        "The cluster has {}. With an odd number a QDevice has {}, more than any node. While it is up, all nodes but \
         one may fail; while it is down, no more than without it. Proxmox advises against that. Remove the QDevice, \
         which an odd number of nodes does not need, or set `force = true`.",
        counted(nodes, "node"),
        counted(nodes.saturating_sub(1), "vote")
    )
}

/// The node to work on: the one that answers the API.
impl Look {
    fn node(&self) -> Result<&str, Failure> {
        any_node(&self.members, None)
    }
}
