//! The programs of a machine, by name.

mod apt;
mod coreutils;
mod corosync;
mod died;
mod fence_agent;
mod formatter;
mod ha_manager;
mod ls;
mod network;
mod perl_cli;
mod pvecm;
mod pvesh;
mod pvesr;
mod qdevice;
mod qdevice_tools;
mod stat;
mod system;
mod transient;

use super::host::Host;
use super::line::Refused;
use super::{Io, Run};

/// A program: streams and arguments in, exit code out.
pub(super) type Program = fn(&mut Host<'_>, &mut Io, &[String]) -> Run;

/// The program of that name on the machine, if it is installed there.
pub(super) fn find(host: &Host<'_>, name: &str) -> Option<Program> {
    let name = base_name(name);
    let common = coreutils::find(name)
        .or_else(|| system::find(name))
        .or_else(|| apt::find(name))
        .or_else(|| transient::find(name));
    if let Some(program) = common.or_else(|| network::find(name)) {
        return Some(program);
    }
    let has = |package: &str| host.here().packages.contains_key(package);
    match name {
        "corosync-qnetd-certutil" if has("corosync-qnetd") => Some(qdevice_tools::qnetd_certutil),
        "corosync-qnetd-tool" if has("corosync-qnetd") => Some(qdevice_tools::qnetd_tool),
        "corosync-qdevice-net-certutil" if has("corosync-qdevice") => Some(qdevice_tools::qdevice_certutil),
        "corosync-qdevice-tool" if has("corosync-qdevice") => Some(qdevice_tools::qdevice_tool),
        agent if agent.starts_with("fence_") && has("fence-agents") => Some(fence_agent::run),
        _ if !host.is_node() => None,
        "corosync-quorumtool" => Some(corosync::quorumtool),
        "corosync-cmapctl" => Some(corosync::cmapctl),
        "corosync-cfgtool" => Some(corosync::cfgtool),
        "pvecm" => Some(pvecm::run),
        "ha-manager" => Some(ha_manager::run),
        "pvesr" => Some(pvesr::run),
        "pvesh" => Some(pvesh::run),
        "pveversion" => Some(pvesh::version),
        _ => None,
    }
}

/// The name of a program without the folder it is called from.
pub(super) fn base_name(name: &str) -> &str {
    let folders = ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/local/bin/", "/usr/local/sbin/"];
    folders.iter().find_map(|folder| name.strip_prefix(folder)).unwrap_or(name)
}

/// The arguments that begin with a dash, letter by letter, and the others.
fn options(arguments: &[String]) -> (Vec<char>, Vec<&str>) {
    let (mut letters, mut rest, mut ended) = (Vec::new(), Vec::new(), false);
    for argument in arguments {
        if ended || argument == "-" || !argument.starts_with('-') {
            rest.push(argument.as_str());
        } else if argument == "--" {
            ended = true;
        } else if let Some(long) = argument.strip_prefix("--") {
            letters.extend(long.chars().next());
        } else {
            letters.extend(argument.chars().skip(1));
        }
    }
    (letters, rest)
}
