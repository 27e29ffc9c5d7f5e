//! What a change of the links and timeouts may not do: rules that Corosync, Proxmox or the network would punish later.

use std::collections::BTreeMap;
use std::net::IpAddr;

use futures_util::future::join_all;
use pve_schemas::CorosyncOptions;
use pve_schemas::corosync::{CorosyncConf, Fault, Link, formation_ms, is_same_address, token_ms};

use super::{Look, SUBJECT, nodes};
use crate::framework::{Diagnostics, Failure, Number, Path, Value};
use crate::preflight::OPTION_ALREADY_SET;
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::ssh_failure;
use crate::ssh::Command;

const SUMMARY: &str = "Invalid Corosync configuration";

/// The HA manager resets a node that has had no quorum for 60 s.
const MAX_FORMATION_MS: i64 = 50_000;

/// A rule that a change breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    path: Option<Path>,
    detail: String,
}

impl Problem {
    pub(super) fn into_failure(self) -> Failure {
        let failure = Failure::refused(format!("{SUBJECT}: {} Nothing was changed.", self.detail)).summarised(SUMMARY);
        match self.path {
            Some(path) => failure.at(path),
            None => failure,
        }
    }
}

/// The nodes that are members by the time of the apply, and are not now, or the other way round. An apply has none.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// They join by this plan.
    joining: Vec<String>,
    /// They are offline and have no address any more: whether they leave, only the apply shows.
    leaving: Vec<String>,
}

impl Moves {
    fn of(op: &OpContext<'_>, look: &Look, after: &CorosyncOptions) -> Self {
        let named: Vec<&String> =
            after.link.iter().flat_map(|link| link.addresses.iter().flatten()).map(|(node, _)| node).collect();
        let down = look.members.iter().filter(|member| !member.online && !named.contains(&&member.name));
        Self {
            joining: op.configured.preflight.joining().iter().map(ToString::to_string).collect(),
            leaving: down.map(|member| member.name.clone()).collect(),
        }
    }

    fn joins(&self, node: &str) -> bool {
        self.joining.iter().any(|joining| joining == node)
    }

    fn leaves(&self, node: &str) -> bool {
        self.leaving.iter().any(|leaving| leaving == node)
    }

    /// What is to be said of the nodes that have to leave before the apply of this.
    fn warning(&self, next: &CorosyncConf) -> Option<String> {
        let faults = next.faults();
        let lacking =
            self.leaving.iter().map(String::as_str).filter(|name| {
                faults.iter().any(|fault| matches!(fault, Fault::NoAddress { node, .. } if node == name))
            });
        let names: Vec<&str> = lacking.collect();
        (!names.is_empty()).then(|| {
            format!(
                "{} is offline, and has no address in `addresses`. The apply is refused unless the node has left the cluster before: \
                 remove its `pve_cluster_member` in the same plan, on which this resource depends (`depends_on`).",
                names.join(", ")
            )
        })
    }
}

/// What the configuration alone shows.
pub(super) fn validate(config: &Value, diagnostics: &mut Diagnostics) {
    let (mut numbers, mut known): (Vec<i64>, Vec<(IpAddr, String)>) = (Vec::new(), Vec::new());
    for (at, link) in config.at("link").elements().unwrap_or_default().iter().enumerate() {
        let path = Path::attribute("link").index(at);
        let Some(number) = link.at("number").as_number().and_then(Number::as_i64) else { continue };
        if numbers.contains(&number) {
            let detail = format!("Two `link` blocks have the number {number}. Write one block for each link.");
            diagnostics.error_at(path.field("number"), SUMMARY, detail);
        }
        numbers.push(number);
        for (node, address) in link.at("addresses").as_map().into_iter().flatten() {
            let Some(address) = address.as_str().and_then(|text| text.parse::<IpAddr>().ok()) else { continue };
            let owner = format!("{node} on link {number}");
            if let Some((_, other)) = known.iter().find(|(known, _)| *known == address) {
                let detail =
                    format!("{address} is the address of {other} and of {owner}. Each address can be used once.");
                diagnostics.error_at(path.field("addresses").key(node), SUMMARY, detail);
            }
            known.push((address, owner));
        }
    }
}

/// What a plan has to say of the change from `before` to `after`.
pub(super) async fn of_plan(
    op: &OpContext<'_>,
    look: &Look,
    before: &CorosyncOptions,
    after: &CorosyncOptions,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let mut next = look.conf.clone();
    after.write(before, &mut next);
    // A node that can't be asked now is asked by the apply.
    let moves = Moves::of(op, look, after);
    let found = match problems(op, look, &next, (before, after), &moves).await {
        Ok(found) => found,
        Err(_) => rules(&look.conf, &next, after, &moves),
    };
    if let Some(detail) = moves.warning(&next) {
        diagnostics.warning_at(Path::attribute("link"), "A node has to leave the cluster first", detail);
    }
    for Problem { path, detail } in found {
        match path {
            Some(path) => diagnostics.error_at(path, SUMMARY, detail),
            None => diagnostics.error(SUMMARY, detail),
        }
    }
    for (subject, path, detail) in set_already(&look.conf, before, after) {
        let warning = op.configured.preflight.warning(OPTION_ALREADY_SET, &subject, Some(path), detail);
        warning.into_iter().for_each(|warning| diagnostics.push(warning));
    }
    if let Some(detail) = slow(&next).filter(|_| next != look.conf) {
        let path = Path::attribute(if after.token.is_some() { "token" } else { "token_coefficient" });
        diagnostics.warning_at(path, "Corosync takes long to form a membership", detail);
    }
    diagnostics
}

/// The rules that `next` breaks, those included for which the nodes are asked.
pub(super) async fn problems(
    op: &OpContext<'_>,
    look: &Look,
    next: &CorosyncConf,
    (before, after): (&CorosyncOptions, &CorosyncOptions),
    moves: &Moves,
) -> Result<Vec<Problem>, Failure> {
    let mut found = rules(&look.conf, next, after, moves);
    if !found.is_empty() || before == after {
        return Ok(found);
    }
    let new = new_addresses(&look.conf, after);
    let asked = join_all(new.iter().filter(|new| nodes::is_online(look, &new.node)).map(|new| async move {
        let whole = if new.address.contains(':') { 128 } else { 32 };
        let prefix = format!("{}/{whole}", new.address);
        let command = Command::new("ip").args(["-o", "address", "show", "to", &prefix, "up"]).reading();
        let output = op.ssh()?.run(&new.node, &command, &op.call()).await.map_err(ssh_failure(&new.node))?;
        Ok::<_, Failure>((new, !output.text().trim().is_empty()))
    }));
    for answer in asked.await {
        let (NewAddress { node, address, path }, is_there) = answer?;
        if !is_there {
            found.push(Problem {
                path: Some(path.clone()),
                detail: format!(
                    "{node} has no interface with the address {address} that is up. Configure it there first, or correct the \
                     address."
                ),
            });
        }
    }
    Ok(found)
}

struct NewAddress {
    node: String,
    address: String,
    path: Path,
}

/// The addresses of `after` that the file does not have on that link.
fn new_addresses(conf: &CorosyncConf, after: &CorosyncOptions) -> Vec<NewAddress> {
    let nodes = conf.nodes();
    let mut new = Vec::new();
    for (at, link) in after.link.iter().enumerate() {
        for (name, address) in link.addresses.iter().flatten() {
            let node = nodes.iter().find(|node| node.name == *name);
            let now = u8::try_from(link.number).ok().and_then(|number| node?.addresses.get(&number));
            if !now.is_some_and(|now| is_same_address(now, address)) {
                let path = Path::attribute("link").index(at).field("addresses").key(name);
                new.push(NewAddress { node: name.clone(), address: address.clone(), path });
            }
        }
    }
    new
}

/// The rules that `next`, which is to take the place of `now`, breaks.
fn rules(now: &CorosyncConf, next: &CorosyncConf, after: &CorosyncOptions, moves: &Moves) -> Vec<Problem> {
    let mut problems = Vec::new();
    let names: Vec<String> = now.nodes().into_iter().map(|node| node.name).collect();
    for (at, link) in after.link.iter().enumerate() {
        let path = Path::attribute("link").index(at).field("addresses");
        let is_other = |name: &&String| !names.contains(name) && !moves.joins(name);
        for name in link.addresses.iter().flat_map(BTreeMap::keys).filter(is_other) {
            let detail = format!("{name} is not a node of the cluster. Its nodes are {}.", names.join(", "));
            problems.push(Problem { path: Some(path.key(name)), detail });
        }
        if link.addresses.is_none() && !exists(next, link) {
            let detail = format!(
                "The cluster has no link {}. Set `addresses`, with the address of every node on it, to add it.",
                link.number
            );
            problems.push(Problem { path: Some(path), detail });
        }
    }
    let is_due = |fault: &Fault| !matches!(fault, Fault::NoAddress { node, .. } if moves.leaves(node));
    problems.extend(next.faults().into_iter().filter(is_due).map(|fault| of_fault(&fault, after)));
    if problems.is_empty() && leaves_no_link_alone(now, next, moves) {
        let detail = "The addresses of every link would change at once, and the nodes would lose each other. Leave one link \
                      as it is: add a second link first, and change the first one in another apply.";
        let path = after.link.iter().position(|link| link.addresses.is_some());
        problems.push(Problem {
            path: path.map(|at| Path::attribute("link").index(at).field("addresses")),
            detail: detail.to_owned(),
        });
    }
    problems
}

fn exists(conf: &CorosyncConf, link: &Link) -> bool {
    u8::try_from(link.number).is_ok_and(|number| conf.links().contains(&number))
}

fn of_fault(fault: &Fault, after: &CorosyncOptions) -> Problem {
    let at = fault.link().and_then(|link| {
        after.link.iter().position(|managed| managed.number == i64::from(link) && managed.addresses.is_some())
    });
    let advice = match (fault, at) {
        (Fault::NoAddress { .. }, Some(_)) => "Every node needs an address on each link.",
        (Fault::SameAddress { .. }, Some(_)) => "Each address can be used once.",
        _ => "Correct the file by hand: see `pvecm` in Proxmox's documentation, \"Edit corosync.conf\".",
    };
    Problem {
        path: at.map(|at| Path::attribute("link").index(at).field("addresses")),
        detail: format!("corosync.conf would be invalid: {fault}. {advice}"),
    }
}

/// Whether addresses change, and no link of now keeps its own.
fn leaves_no_link_alone(now: &CorosyncConf, next: &CorosyncConf, moves: &Moves) -> bool {
    let addresses = |conf: &CorosyncConf, link: u8| -> Vec<(String, Option<String>)> {
        let nodes = conf.nodes().into_iter().filter(|node| !moves.leaves(&node.name));
        nodes.map(|node| (node.name, node.addresses.get(&link).cloned())).collect()
    };
    let links = now.links();
    !links.is_empty() && links.iter().all(|link| addresses(now, *link) != addresses(next, *link))
}

/// The options that `after` begins to manage, and that the file sets to something else: subject, attribute, text.
fn set_already(conf: &CorosyncConf, before: &CorosyncOptions, after: &CorosyncOptions) -> Vec<(String, Path, String)> {
    let mut found = Vec::new();
    let mut note = |name: String, path: Path, now: String, new: String| {
        let detail = format!(
            "Option {name}: it is {now} in corosync.conf, and not in the state. Apply sets it to {new}.\nTo start from the \
             current values, import them first: id {}.",
            super::ID
        );
        found.push((format!("option {name}"), path, detail));
    };
    for (name, was, new) in
        [("token", before.token, after.token), ("token_coefficient", before.token_coefficient, after.token_coefficient)]
    {
        if let (None, Some(new), Some(now)) = (was, new, conf.totem_number(name))
            && now != new
        {
            note(name.to_owned(), Path::attribute(name), now.to_string(), new.to_string());
        }
    }
    if let (None, Some(new), Some(now)) = (&before.link_mode, &after.link_mode, conf.totem("link_mode"))
        && now != new
    {
        note("link_mode".to_owned(), Path::attribute("link_mode"), format!("{now:?}"), format!("{new:?}"));
    }
    for (at, link) in after.link.iter().enumerate() {
        let was = before.link_of(link.number);
        let path = Path::attribute("link").index(at);
        let interface = conf.interfaces().into_iter().find(|interface| i64::from(interface.number) == link.number);
        if let (None, Some(new), Some(now)) =
            (was.and_then(|was| was.priority), link.priority, interface.and_then(|interface| interface.priority))
            && now != new
        {
            let name = format!("priority of link {}", link.number);
            note(name, path.field("priority"), now.to_string(), new.to_string());
        }
        if was.is_none_or(|was| was.addresses.is_none()) && exists(conf, link) {
            for new in new_addresses(conf, &CorosyncOptions { link: vec![link.clone()], ..CorosyncOptions::default() })
            {
                let now = conf.nodes().into_iter().find(|node| node.name == new.node);
                let now = now.and_then(|node| node.addresses.get(&u8::try_from(link.number).ok()?).cloned());
                let name = format!("address of {} on link {}", new.node, link.number);
                let path = path.field("addresses").key(&new.node);
                note(name, path, now.unwrap_or_else(|| "unset".to_owned()), new.address);
            }
        }
    }
    found
}

/// Why the timeouts of `conf` are dangerous, if they are.
fn slow(conf: &CorosyncConf) -> Option<String> {
    let nodes = conf.nodes().len();
    let token = token_ms(conf.totem_number("token"), conf.totem_number("token_coefficient"), nodes);
    let formation = formation_ms(token);
    (formation > MAX_FORMATION_MS).then(|| {
        format!(
            "With {nodes} nodes a lost node is noticed after {} s, and a new membership forms within {} s. The watchdog \
             resets a node that has no quorum for 60 s, so the loss of one node could reset others. Choose a smaller `token` \
             or `token_coefficient`.",
            token / 1000,
            formation / 1000
        )
    })
}

#[cfg(test)]
mod tests;
