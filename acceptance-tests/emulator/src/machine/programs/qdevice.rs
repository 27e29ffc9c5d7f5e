//! `pvecm qdevice`.
//!
//! Every step is a command of its own, as in Proxmox's program, so that each can be made to fail, and what a failed set-up
//! leaves behind is what the steps before it have done.

use super::qdevice_tools::{BUNDLE, CA, REQUEST};
use super::{Host, Io, Run};
use crate::schema::Params;
use crate::world::corosync::{Algorithm, Qdevice};
use crate::world::machines::{QDEVICE_STORE, QNETD_STORE};

const LOCK: &str = "file-corosync_conf";

/// What `die` says, or that it went well.
type Done = Result<i32, String>;

/// Ends the program with what `die` says if the step failed.
macro_rules! step {
    ($outcome:expr) => {
        if let Err(why) = $outcome? {
            return Ok(Err(why));
        }
    };
}

/// `pvecm qdevice setup`
pub(super) fn setup(host: &mut Host<'_>, io: &mut Io, params: &Params) -> Run<Done> {
    let force = params.bool("force").unwrap_or(false);
    let address = params.text("address");
    if let Err(why) = all_online(host) {
        return Ok(Err(why));
    }
    if host.world.qdevice.is_some() && !force {
        return Ok(Err("QDevice already configured!".to_owned()));
    }
    let algorithm = Algorithm::of(host.world.nodes.len());
    if algorithm == Algorithm::Lms && !force {
        return Ok(Err("Clusters with an odd node count are not officially supported!".to_owned()));
    }
    let cluster = host.world.cluster_name.clone();
    let mut steps = Steps { host, io, address: address.clone() };
    let login = format!("root@{address}");
    step!(steps.local(&["ssh-copy-id", "-i", "/root/.ssh/id_rsa", &login]));
    let has_store = steps.host.stat(QDEVICE_STORE).is_ok();
    if has_store && !force {
        return Ok(Err("QDevice certificate store already initialised, set force to delete!".to_owned()));
    }
    steps.say("initializing qnetd server");
    // It fails if that was done before; the error is ignored.
    let _ = steps.qnetd(&["corosync-qnetd-certutil", "-i"])?;
    steps.say("copying CA cert and initializing on all nodes");
    let (from, to) = (format!("root@[{address}]:{QNETD_STORE}/{CA}"), format!("/etc/pve/{CA}"));
    step!(steps.local(&["scp", "-o", "BatchMode=yes", &from, &to]));
    // The old store is removed once there is a new certificate: an earlier failure leaves the device connected.
    if has_store {
        let _ = steps.host.remove_tree(QDEVICE_STORE);
    }
    for node in steps.nodes() {
        let _ = steps.node(&node, &["corosync-qdevice-net-certutil", "-i", "-c", &to])?;
    }
    let _ = steps.host.remove(&to, false);
    steps.say("generating cert request");
    step!(steps.local(&["corosync-qdevice-net-certutil", "-r", "-n", &cluster]));
    steps.say("copying exported cert request to qnetd server");
    let (from, to) = (format!("{QDEVICE_STORE}/{REQUEST}"), format!("root@[{address}]:/tmp"));
    step!(steps.local(&["scp", "-o", "BatchMode=yes", &from, &to]));
    steps.say("sign and export cluster cert");
    let request = format!("/tmp/{REQUEST}");
    step!(steps.qnetd(&["corosync-qnetd-certutil", "-s", "-c", &request, "-n", &cluster]));
    steps.say("copy exported CRT");
    let from = format!("root@[{address}]:{QNETD_STORE}/cluster-{cluster}.crt");
    step!(steps.local(&["scp", "-o", "BatchMode=yes", &from, QDEVICE_STORE]));
    steps.say("import certificate");
    let certificate = format!("{QDEVICE_STORE}/cluster-{cluster}.crt");
    step!(steps.local(&["corosync-qdevice-net-certutil", "-M", "-c", &certificate]));
    steps.say("copy and import pk12 cert to all nodes");
    let (from, to) = (format!("{QDEVICE_STORE}/{BUNDLE}"), format!("/etc/pve/{BUNDLE}"));
    step!(steps.local(&["scp", "-o", "BatchMode=yes", &from, "/etc/pve/"]));
    for node in steps.nodes() {
        step!(steps.node(&node, &["corosync-qdevice-net-certutil", "-m", "-c", &to]));
    }
    let _ = steps.host.remove(&to, false);
    steps.say("add QDevice to cluster configuration");
    let since = steps.host.world.clock.now();
    if let Err(why) = configure(steps.host, Some(Qdevice { host: address, algorithm, since })) {
        return Ok(Err(why));
    }
    for node in steps.nodes() {
        steps.say(&format!("start and enable corosync qdevice daemon on node '{node}'..."));
        step!(steps.node(&node, &["systemctl", "start", "corosync-qdevice"]));
        step!(steps.node(&node, &["systemctl", "enable", "corosync-qdevice"]));
    }
    step!(steps.local(&["corosync-cfgtool", "-R"]));
    Ok(Ok(0))
}

/// `pvecm qdevice remove`
pub(super) fn remove(host: &mut Host<'_>, io: &mut Io) -> Run<Done> {
    if let Err(why) = all_online(host) {
        return Ok(Err(why));
    }
    if host.world.qdevice.is_none() {
        return Ok(Err("No QDevice configured!".to_owned()));
    }
    if let Err(why) = configure(host, None) {
        return Ok(Err(why));
    }
    let mut steps = Steps { host, io, address: String::new() };
    for node in steps.nodes() {
        step!(steps.node(&node, &["rm", "-rf", "/etc/corosync/qdevice"]));
    }
    for node in steps.nodes() {
        step!(steps.node(&node, &["systemctl", "stop", "corosync-qdevice"]));
        step!(steps.node(&node, &["systemctl", "disable", "corosync-qdevice"]));
    }
    step!(steps.local(&["corosync-cfgtool", "-R"]));
    steps.io.out.push_str("\nRemoved Qdevice.\n");
    Ok(Ok(0))
}

/// The commands that make up a set-up.
struct Steps<'h, 'w> {
    host: &'h mut Host<'w>,
    io: &'h mut Io,
    address: String,
}

impl Steps<'_, '_> {
    fn say(&mut self, what: &str) {
        self.io.out.push_str(&format!("\nINFO: {what}\n"));
    }

    fn nodes(&self) -> Vec<String> {
        self.host.world.nodes.keys().cloned().collect()
    }

    /// `run_command`: an exit code that isn't 0 is an error with the command in it.
    fn local(&mut self, argv: &[&str]) -> Run<Result<(), String>> {
        let words: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let why = match self.host.run(&words, self.io)? {
            Some(0) => return Ok(Ok(())),
            Some(code) => format!("exit code {code}"),
            None => format!("open3: exec of {} failed: No such file or directory", argv.join(" ")),
        };
        Ok(Err(format!("command '{}' failed: {why}", argv.join(" "))))
    }

    fn qnetd(&mut self, argv: &[&str]) -> Run<Result<(), String>> {
        let address = self.address.clone();
        let all: Vec<&str> =
            ["ssh", "-o", "BatchMode=yes", "-lroot", &address].into_iter().chain(argv.iter().copied()).collect();
        self.local(&all)
    }

    /// On a node, this one included; what it prints is shown with the node's name.
    fn node(&mut self, node: &str, argv: &[&str]) -> Run<Result<(), String>> {
        let login = self.host.world.nodes.get(node).map(|node| format!("root@{}", node.address)).unwrap_or_default();
        let alias = format!("HostKeyAlias={node}");
        let head = ["ssh", "-e", "none", "-o", "BatchMode=yes", "-o", &alias, &login, "--"];
        let all: Vec<&str> = head.into_iter().chain(argv.iter().copied()).collect();
        let before = std::mem::take(&mut self.io.out);
        let outcome = self.local(&all);
        let printed = std::mem::replace(&mut self.io.out, before);
        for line in printed.lines() {
            self.io.out.push_str(&format!("\nnode '{node}': {line}"));
        }
        outcome
    }
}

fn all_online(host: &Host<'_>) -> Result<(), String> {
    match host.world.nodes.keys().find(|node| !host.world.is_member(node)) {
        Some(node) => Err(format!("All nodes must be online! Node {node} is offline, aborting.")),
        None => Ok(()),
    }
}

/// Writes the device section, under the file's lock.
fn configure(host: &mut Host<'_>, device: Option<Qdevice>) -> Result<(), String> {
    if !host.world.is_quorate() {
        return Err(format!("cfs-lock '{LOCK}' error: no quorum!"));
    }
    if host.world.is_locked(LOCK) {
        return Err(format!("cfs-lock '{LOCK}' error: got lock request timeout"));
    }
    if device.is_some() && host.world.qdevice.is_some() {
        return Err("Qdevice already configured, must be removed before setting up new one!".to_owned());
    }
    host.world.configure_qdevice(device);
    Ok(())
}
