//! What a plan says of a join. The apply checks all of it again before it sends anything.

use std::time::Duration;

use super::checks::{self, Host};
use super::join::{has_qdevice, qdevice_in_the_way};
use super::joiner::{Joiner, Route, Unasked};
use super::stage::{Stage, Stuck, stage};
use super::{SUBJECT, cycle, ports, removal, send, set_once};
use crate::framework::{Change, Diagnostics, Path, Value};
use crate::resources::door::Door;
use crate::resources::membership::{Membership, Requested, membership};
use crate::resources::operations::OpContext;
use crate::session::SshAccess;

/// The summary of everything that keeps a node from joining.
const CANNOT_JOIN: &str = "The node can't join";

/// How long a plan asks the joining node.
const ASKING_LIMIT: Duration = Duration::from_secs(10);

/// The summary of a join that does not begin with this plan.
const ALREADY: &str = "The node has begun to join already";

pub(super) async fn of_change(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let planned = change.planned;
    let (Some(node), Some(address)) = (planned.at("node").as_str(), planned.at("address").as_str()) else {
        return diagnostics;
    };
    let prior = change.prior.filter(|prior| prior.at("node").as_str() == Some(node));
    if let Some(old) = change.prior.filter(|old| prior.is_none() && !old.at("node").is_null()) {
        // Its replacement removes it first.
        diagnostics.extend(removal::of_destroy(op, old).await);
        if diagnostics.has_error() {
            return diagnostics;
        }
    }
    let requested = Requested::of(prior, planned);
    // Without an answer the create itself finds out.
    let Ok(member) = membership(op, SUBJECT).await else { return diagnostics };
    if member.has_online(node) || prior.is_some() {
        if let Some(unlike) = member.entry(node).and_then(|entry| entry.unlike(&requested)) {
            diagnostics.push(
                set_once(node, &unlike).into_error("The links, votes and number of a member are set when it joins"),
            );
        } else if change.prior.is_none() && change.replaces.is_none() {
            diagnostics.warning_at(
                Path::attribute("node"),
                "The node is a member already",
                format!("{node}: it is a member of the cluster already. Apply sends no join: it takes the member over into the state."),
            );
        }
        return diagnostics;
    }
    let route = Route {
        node,
        address,
        ssh: match planned.at("ssh") {
            Value::Bool(ssh) => Some(*ssh),
            _ => None,
        },
        password: change.config.at("root_password_wo").as_str(),
        fingerprint: planned.at("fingerprint").as_str(),
    };
    if !route.is_ssh(op) && demand_passwords(node, change.config, &mut diagnostics) {
        return diagnostics;
    }
    let door = match route.door(op) {
        Ok(door) => door,
        Err(failure) => {
            if route.ssh == Some(true) && matches!(op.configured.ssh, SshAccess::Absent) {
                diagnostics.push(failure.into_error(CANNOT_JOIN));
            }
            // A value that is not known yet, else the configuration of SSH, which its own check reports.
            return diagnostics;
        }
    };
    if send::is_running(&door, &op.call()).await == Some(true) {
        diagnostics.warning_at(Path::attribute("node"), ALREADY, at_work(node));
        return diagnostics;
    }
    // A plan does not wait for a machine that may not be there yet.
    let joiner = Joiner::read(&door, node, &op.call().at_most(ASKING_LIMIT)).await;
    match joiner.map_err(|failure| route.unasked(failure)) {
        Ok(joiner) => judge(op, &member, &joiner, &door, (planned, &requested), &mut diagnostics).await,
        // A node that joins refuses everyone for some seconds.
        Err(Unasked::Wrong(failure)) if !member.lists(node) => diagnostics.push(failure.into_error(CANNOT_JOIN)),
        // The same apply may make it.
        Err(Unasked::Wrong(reason) | Unasked::Silent(reason)) => diagnostics.warning_at(
            Path::attribute("address"),
            "The joining node can't be checked",
            format!(
                "{node}: it can't be asked at {address} yet, so that the plan does not show what is in the way of its join. The apply \
                 checks it before it sends anything.\n{}",
                reason.detail
            ),
        ),
    }
    diagnostics
}

/// Reports the passwords that the API needs and that are not set; whether one is missing.
fn demand_passwords(node: &str, config: &Value, diagnostics: &mut Diagnostics) -> bool {
    let missing: Vec<&str> =
        ["root_password_wo", "peer_password_wo"].into_iter().filter(|name| config.at(name).is_null()).collect();
    for name in &missing {
        diagnostics.error_at(
            Path::attribute(*name),
            CANNOT_JOIN,
            format!(
                "{node}: {name} is not set. A join by the API needs the passwords of root@pam on both nodes. Set it with \
                 {name}_version, or join over SSH: add an `ssh` block to the provider block."
            ),
        );
    }
    !missing.is_empty()
}

async fn judge(
    op: &OpContext<'_>,
    member: &Membership,
    joiner: &Joiner,
    door: &Door,
    (planned, requested): (&Value, &Requested),
    diagnostics: &mut Diagnostics,
) {
    let node = planned.at("node").as_str().unwrap_or_default();
    match stage(member, node, Some(joiner)) {
        Stage::Stuck(stuck) => {
            let address = planned.at("address").as_str().unwrap_or_default();
            // A cluster of the same plan has no name yet that could be compared.
            if member.name.is_some() || matches!(stuck, Stuck::OtherMachine(_)) {
                diagnostics.push(stuck.failure(node, address, member).into_error(CANNOT_JOIN));
            }
        }
        Stage::NotBegun => {
            let release = op.client().version(&op.call()).await.ok().map(|version| version.release);
            let host = Host { release, time: None };
            for failure in checks::obstacles(member, &host, joiner, node, requested) {
                diagnostics.push(failure.into_error(CANNOT_JOIN));
            }
            if has_qdevice(op).await {
                let address = planned.at("address").as_str().unwrap_or_default();
                let done = match planned.at("qdevice_handling").as_str() {
                    Some("cycle") => cycle::demand(op, node, address).await,
                    _ => Err(qdevice_in_the_way(node)),
                };
                done.err().into_iter().for_each(|failure| diagnostics.push(failure.into_error(CANNOT_JOIN)));
            }
            if let Err(failure) = ports::reach(door, member, joiner, &op.call()).await {
                diagnostics.push(failure.into_error(CANNOT_JOIN));
            }
            if !diagnostics.has_error() {
                losses(op, door, node, diagnostics).await;
            }
        }
        // The apply completes it.
        Stage::Running(_) => diagnostics.warning_at(Path::attribute("node"), ALREADY, at_work(node)),
        Stage::TakingOver | Stage::Unclaimed | Stage::Complete => {}
    }
}

/// The node is at work on a join.
fn at_work(node: &str) -> String {
    format!(
        "{node}: it is at work on a join already. Apply sends no second one: it waits for the end of this one, and completes it."
    )
}

/// Warns of what of the joining node is replaced, as far as it can be read.
async fn losses(op: &OpContext<'_>, door: &Door, node: &str, diagnostics: &mut Diagnostics) {
    let call = op.call();
    let of = |what: &'static str, at: &'static str, key: &'static str, always: &'static [&'static str]| {
        let call = &call;
        async move {
            let rows = door.get(node, at, &[], call).await.ok()?;
            let names = rows.as_array()?.iter().filter_map(|row| row[key].as_str());
            let names: Vec<&str> = names.filter(|name| !always.contains(name)).collect();
            (!names.is_empty()).then(|| format!("- {what}: {}", names.join(", ")))
        }
    };
    let (users, storages, jobs) = tokio::join!(
        of("users", "/access/users", "userid", &["root@pam"]),
        of("storages", "/storage", "storage", &["local", "local-lvm", "local-zfs"]),
        of("backup jobs", "/cluster/backup", "id", &[]),
    );
    let found: Vec<String> = [users, storages, jobs].into_iter().flatten().collect();
    let found = if found.is_empty() { String::new() } else { format!("\nIt has now:\n{}", found.join("\n")) };
    diagnostics.warning(
        "The joining node loses its own configuration",
        format!(
            "{node}: when it joins, /etc/pve of the cluster takes the place of its own. Its users, API tokens, storages, jobs, firewall rules \
             and certificates are gone. Proxmox keeps a copy in /var/lib/pve-cluster/backup on the node.{found}"
        ),
    );
}
