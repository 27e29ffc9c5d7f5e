//! `pvecm`: the cluster's membership.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::perl_cli::{Cli, Entry, text};
use super::{Host, Io, Run, qdevice};
use crate::api::cluster::members::{NOT_JOINABLE, creation, new_conf, obstacles, with_links};
use crate::route::Method;
use crate::schema::formats::{CIDR, Format, Named};
use crate::schema::{Params, Prop, Schema};
use crate::site::{Create, Errand, Join, Printed, Proof, Report, Request};
use crate::world::Pve;

/// `ip`
const IP: Named = Named {
    name: "ip",
    check: |value| match value.parse::<std::net::IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err("value does not look like a valid IP address".to_owned()),
    },
};

pub(super) fn run(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    cli(host.world.profile.pve).run(host, io, arguments)
}

fn cli(pve: Pve) -> Cli {
    let setup = Schema::new()
        .req("address", Prop::string().format(Format::One(IP)))
        .opt("network", Prop::string().format(Format::One(CIDR)))
        .opt("force", Prop::boolean());
    let none = Schema::new;
    let expected = Schema::new().req("expected", Prop::integer().min(1.0));
    let add = with_links(
        Schema::new()
            .req("hostname", text())
            .opt("nodeid", Prop::integer().min(1.0))
            .opt("votes", Prop::integer().min(0.0))
            .opt("force", Prop::boolean())
            .opt("use_ssh", Prop::boolean())
            .opt("fingerprint", Prop::string().pattern("([A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}")),
    );
    let updatecerts = none().opt("force", Prop::boolean()).opt("silent", Prop::boolean());
    Cli {
        name: "pvecm",
        groups: vec![
            vec![
                Entry::own(&["qdevice", "remove"], "", &[], none(), |host, io, _| qdevice::remove(host, io)),
                Entry::own(&["qdevice", "setup"], "<address> [OPTIONS]", &["address"], setup, qdevice::setup),
            ],
            vec![
                Entry::api(&["addnode"], "<node> [OPTIONS]", &["node"], Method::Post, "/cluster/config/nodes/{node}"),
                Entry::api(&["apiver"], "", &[], Method::Get, "/cluster/config/apiversion").printed(scalar),
                Entry::own(&["create"], "<clustername> [OPTIONS]", &["clustername"], creation(pve), create),
                Entry::own(&["delnode"], "<node>", &["node"], none().req("node", text()), delnode),
            ],
            vec![
                Entry::own(&["add"], "<hostname> [OPTIONS]", &["hostname"], add, join),
                Entry::own(&["expected"], "<expected>", &["expected"], expected, |host, io, params| {
                    Ok(Ok(host.call(&["corosync-quorumtool", "-e", &params.text("expected")], io)?))
                }),
                Entry::own(&["keygen"], "<filename>", &["filename"], none().req("filename", text()), keygen),
                Entry::own(&["mtunnel"], "[<extra-args>] [OPTIONS]", &[], none(), |host, io, _| {
                    io.out.push_str(if host.world.is_quorate() { "tunnel online\n" } else { "no quorum\n" });
                    Ok(Ok(0))
                }),
                Entry::own(&["nodes"], "", &[], none(), |host, io, _| {
                    if let Err(why) = in_cluster(host) {
                        return Ok(Err(why));
                    }
                    Ok(Ok(host.call(&["corosync-quorumtool", "-l"], io)?))
                }),
                Entry::own(&["status"], "", &[], none(), status),
                Entry::own(&["updatecerts"], " [OPTIONS]", &[], updatecerts, |host, io, params| {
                    if params.bool("silent") != Some(true) {
                        io.out.push_str("(re)generate node files\nmerge authorized SSH keys and known hosts\n");
                    }
                    let force = params.bool("force") == Some(true);
                    host.world.errands.push(Errand::Certify { node: host.machine.clone(), force });
                    Ok(Ok(0))
                }),
            ],
        ],
    }
}

/// `check_conf_exists`
fn in_cluster(host: &Host<'_>) -> Result<(), String> {
    let missing = "Error: Corosync config '/etc/pve/corosync.conf' does not exist - is this node part of a cluster?";
    if host.world.conf().is_some() { Ok(()) } else { Err(missing.to_owned()) }
}

/// It prints what the task of the API has in its log, and ends with it.
fn create(host: &mut Host<'_>, _: &mut Io, params: &Params) -> Run<Result<i32, String>> {
    let conf = match new_conf(host.world, params) {
        Ok(conf) => conf,
        Err(why) => return Ok(Err(why)),
    };
    let printed = Arc::new(Mutex::new(Printed::default()));
    let create = Create::new(&host.machine, Report::Command(printed.clone()), host.world.clock.now(), conf);
    host.world.errands.push(Errand::Create(Box::new(create)));
    host.waits = Some(printed);
    Ok(Ok(0))
}

/// Without `--use_ssh` it prompts for the password of the member, and here is no terminal. With it, root's key has to be
/// known there.
fn join(host: &mut Host<'_>, io: &mut Io, params: &Params) -> Run<Result<i32, String>> {
    let (peer, node) = (params.text("hostname"), host.machine.clone());
    let request = Request::of(params, Proof::Key);
    let found = obstacles(host.world, &node, &request.links);
    io.err.extend(found.iter().map(|line| format!("{line}\n")));
    if !found.is_empty() && !request.force {
        return Ok(Err(NOT_JOINABLE.to_owned()));
    }
    if !found.is_empty() {
        io.err.push_str("\nWARNING : detected error but forced to continue!\n\n");
    }
    if params.bool("use_ssh") != Some(true) {
        return Ok(Err("no password provided".to_owned()));
    }
    let mut quiet = Io::default();
    let copied = host.call(&["ssh-copy-id", "-i", "/root/.ssh/id_rsa", &format!("root@{peer}")], &mut quiet)?;
    if copied != 0 {
        return Ok(Err(format!("unable to copy ssh ID: exit code {copied}")));
    }
    let printed = Arc::new(Mutex::new(Printed::default()));
    let join = Join::new(&node, request, Report::Command(printed.clone()), host.world.clock.now());
    host.world.errands.push(Errand::Join(Box::new(join)));
    host.waits = Some(printed);
    Ok(Ok(0))
}

fn scalar(_: &mut Host<'_>, io: &mut Io, value: &Value, _: &str) -> i32 {
    io.out.push_str(&format!("{}\n", crate::schema::check::perl_text(value)));
    0
}

fn status(host: &mut Host<'_>, io: &mut Io, _: &Params) -> Run<Result<i32, String>> {
    if let Err(why) = in_cluster(host) {
        return Ok(Err(why));
    }
    let world = &*host.world;
    io.out.push_str("Cluster information\n-------------------\n");
    let facts = [
        ("Name:", world.cluster_name.clone()),
        ("Config Version:", world.config_version.to_string()),
        ("Transport:", "knet".to_owned()),
        ("Secure auth:", "on".to_owned()),
    ];
    for (label, value) in facts {
        io.out.push_str(&format!("{label:<17} {value}\n"));
    }
    io.out.push('\n');
    Ok(Ok(host.call(&["corosync-quorumtool", "-siH"], io)?))
}

fn delnode(host: &mut Host<'_>, io: &mut Io, params: &Params) -> Run<Result<i32, String>> {
    let name = params.text("node");
    let id = host.world.nodes.values().find(|node| node.name == name || node.address == name).map(|node| node.id);
    let path = format!("/cluster/config/nodes/{name}");
    let outcome = host.cluster.call_in(host.world, Method::Delete, &path, serde_json::Map::new());
    Ok(match outcome {
        Ok(_) => {
            io.out.push_str(&format!("Killing node {}\n", id.unwrap_or(0)));
            Ok(0)
        }
        Err(error) => Err(error.stringified().trim_end_matches('\n').to_owned()),
    })
}

fn keygen(host: &mut Host<'_>, _: &mut Io, params: &Params) -> Run<Result<i32, String>> {
    let path = params.text("filename");
    if host.stat(&path).is_ok() {
        return Ok(Err(format!("key file '{path}' already exists")));
    }
    Ok(host.write(&path, "key\n").map(|()| 0).map_err(|why| format!("unable to open file '{path}' - {why}")))
}
