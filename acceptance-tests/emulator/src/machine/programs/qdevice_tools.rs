//! The tools of corosync-qdevice and corosync-qnetd that `pvecm qdevice` works with.

use jiff::Timestamp;

use super::{Host, Io, Run, options};
use crate::world::World;
use crate::world::corosync::{Algorithm, Qdevice};
use crate::world::machines::{QDEVICE_STORE, QNETD_STORE};

/// The certificate of the authority on the QNetd host.
pub(super) const CA: &str = "qnetd-cacert.crt";
/// What the cluster asks the authority to sign.
pub(super) const REQUEST: &str = "qdevice-net-node.crq";
/// Key and certificate of the cluster, as all its nodes import them.
pub(super) const BUNDLE: &str = "qdevice-net-node.p12";

/// What both tools say where there is a store already.
const EXISTS: &str = "Certificate database already exists. Delete it to continue\n";
/// What NSS says of the file with the password of the store, which is empty.
const NO_PASSWORD: &str = "password file contains no data\n";
/// What NSS says of the flags that a certificate is imported with.
const TRUST: &str = "Notice: Trust flag u is set automatically if the private key is present.\n";

/// `corosync-qnetd-certutil`: `-i` makes the authority, `-s` signs a request.
pub(super) fn qnetd_certutil(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let ca = format!("{QNETD_STORE}/{CA}");
    if arguments.iter().any(|word| word == "-i") {
        if host.stat(&ca).is_ok() {
            io.err.push_str(EXISTS);
            return Ok(1);
        }
        make(host, QNETD_STORE);
        put(host, &ca, "-----BEGIN CERTIFICATE-----\n");
        io.err.push_str(NO_PASSWORD);
        io.out.push_str(&format!(
            "Creating {QNETD_STORE}\nCreating new key and cert db\nCreating new noise file {QNETD_STORE}/noise.txt\n\
             Creating new CA\nCreating new server certificate\nQNetd CA certificate is exported as {ca}\n"
        ));
        return Ok(0);
    }
    let (Some(request), Some(name)) = (value(arguments, "-c"), value(arguments, "-n")) else {
        io.err.push_str("corosync-qnetd-certutil: missing -c or -n\n");
        return Ok(1);
    };
    if host.stat(&ca).is_err() {
        io.err.push_str("Can't open certificate database\n");
        return Ok(1);
    }
    if host.stat(&request).is_err() {
        io.err.push_str(&format!("Can't open certificate request {request}\n"));
        return Ok(1);
    }
    let exported = format!("{QNETD_STORE}/cluster-{name}.crt");
    put(host, &exported, "-----BEGIN CERTIFICATE-----\n");
    io.err.push_str(NO_PASSWORD);
    io.out.push_str(&format!("Signing cluster certificate\nCertificate stored in {exported}\n"));
    Ok(0)
}

/// `corosync-qdevice-net-certutil`: `-i` makes the store, `-r` a request, `-M` imports what was signed and exports it with
/// its key, `-m` imports that.
pub(super) fn qdevice_certutil(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let has = |option: &str| arguments.iter().any(|word| word == option);
    let exists = host.stat(QDEVICE_STORE).is_ok();
    if let Some(path) = value(arguments, "-c").filter(|path| host.stat(path).is_err()) {
        io.err.push_str(&format!("Can't open certificate file {path}\n"));
        return Ok(1);
    }
    if has("-i") {
        if exists {
            io.err.push_str(EXISTS);
            return Ok(1);
        }
        make(host, QDEVICE_STORE);
        io.err.push_str(NO_PASSWORD);
        io.out.push_str(&format!(
            "Creating {QDEVICE_STORE}\nCreating new key and cert db\nCreating new noise file {QDEVICE_STORE}/noise.txt\n\
             Importing CA\n"
        ));
        return Ok(0);
    }
    if !exists {
        io.err.push_str(&format!("Can't open certificate database ({QDEVICE_STORE})\n"));
        return Ok(1);
    }
    if has("-r") {
        put(host, &format!("{QDEVICE_STORE}/{REQUEST}"), "-----BEGIN NEW CERTIFICATE REQUEST-----\n");
        io.err.push_str(NO_PASSWORD);
        io.out.push_str(&format!(
            "Creating new certificate request\nCertificate request stored in {QDEVICE_STORE}/{REQUEST}\n"
        ));
    } else if has("-M") {
        put(host, &format!("{QDEVICE_STORE}/{BUNDLE}"), "PKCS12\n");
        io.err.push_str(TRUST);
        io.out.push_str(&format!(
            "Importing signed cluster certificate\npk12util: PKCS12 EXPORT SUCCESSFUL\nCertificate stored in \
             {QDEVICE_STORE}/{BUNDLE}\n"
        ));
    } else if has("-m") {
        put(host, &format!("{QDEVICE_STORE}/{BUNDLE}"), "PKCS12\n");
        io.out.push_str("Importing cluster certificate and key\npk12util: PKCS12 IMPORT SUCCESSFUL\n");
    }
    Ok(0)
}

/// `corosync-qdevice-tool -s`, with `-v` in more detail.
pub(super) fn qdevice_tool(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let world = &*host.world;
    let Some(device) = world.qdevice.as_ref().filter(|_| world.qdevice_runs(&host.machine)) else {
        io.err.push_str("Can't connect to QDevice socket (is QDevice running?): No such file or directory\n");
        return Ok(1);
    };
    let is_verbose = options(arguments).0.contains(&'v');
    io.out.push_str(&model(world, &host.machine, is_verbose));
    io.out.push('\n');
    io.out.push_str(&net(world, &host.machine, device, is_verbose));
    Ok(0)
}

/// The block of the daemon itself.
fn model(world: &World, node: &str, is_verbose: bool) -> String {
    let id = world.nodes.get(node).map_or(0, |node| node.id);
    let mut text = format!("Qdevice information\n-------------------\nModel:\t\t\tNet\nNode ID:\t\t{id}\n");
    if is_verbose {
        text.push_str("HB interval:\t\t10000ms\nSync HB interval:\t30000ms\n");
    }
    text.push_str("Configured node list:\n");
    for (index, node) in world.nodes.values().enumerate() {
        text.push_str(&format!("    {index}\tNode ID = {}\n", node.id));
    }
    if is_verbose {
        let present = world.is_quorate();
        text.push_str(&format!("Heuristics:\t\tDisabled\nQuorate:\t\t{}\n", if present { "Yes" } else { "No" }));
    }
    let members = world.nodes.values().filter(|node| world.is_member(&node.name)).map(|node| node.id.to_string());
    text + &format!("Membership node list:\t{}\n", members.collect::<Vec<_>>().join(", "))
}

/// The block of the connection to the QNetd host.
fn net(world: &World, node: &str, device: &Qdevice, is_verbose: bool) -> String {
    let is_connected = world.qdevice_is_connected(node);
    let mut lines = vec![("Cluster name", world.cluster_name.clone()), ("QNetd host", format!("{}:5403", device.host))];
    if is_verbose {
        lines.extend([
            ("Connect timeout", "8000ms".to_owned()),
            ("HB interval", "8000ms".to_owned()),
            ("VQ vote timer interval", "5000ms".to_owned()),
            ("TLS", "Supported".to_owned()),
        ]);
    }
    let algorithm = if device.algorithm == Algorithm::Lms { "LMS" } else { "Fifty-Fifty split" };
    lines.extend([("Algorithm", algorithm.to_owned()), ("Tie-breaker", "Node with lowest node ID".to_owned())]);
    if is_verbose {
        let vote = if is_connected { "cast vote" } else { "no cast vote" };
        let called = Timestamp::from_second(world.now()).unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y-%m-%dT%H:%M:%S");
        lines.extend([
            ("Poll timer running", format!("{} ({vote})", if is_connected { "Yes" } else { "No" })),
            ("Last poll call", format!("{called} ({vote})")),
        ]);
    }
    lines.push(("State", if is_connected { "Connected" } else { "Connect failed" }.to_owned()));
    if is_verbose && is_connected {
        lines.push(("TLS active", "Yes (client certificate sent)".to_owned()));
    }
    let mut text = "Qdevice-net information\n----------------------\n".to_owned();
    for (label, value) in lines {
        // Tabs up to the third stop, one at least.
        let tabs = "\t".repeat(3_usize.saturating_sub((label.len() + 1) / 8).max(1));
        text.push_str(&format!("{label}:{tabs}{value}\n"));
    }
    text
}

/// `corosync-qnetd-tool -s`
pub(super) fn qnetd_tool(host: &mut Host<'_>, io: &mut Io, _: &[String]) -> Run {
    if !host.here().is_active("corosync-qnetd") {
        io.err.push_str("Can't connect to QNetd socket (is QNetd running?): No such file or directory\n");
        return Ok(1);
    }
    let world = &*host.world;
    let clients = world.nodes.keys().filter(|node| world.is_up(node) && world.qdevice_is_connected(node)).count();
    io.out.push_str("QNetd address:\t\t\t*:5403\nTLS:\t\t\t\tSupported (client certificate required)\n");
    io.out.push_str(&format!("Connected clients:\t\t{clients}\nConnected clusters:\t\t{}\n", usize::from(clients > 0)));
    Ok(0)
}

/// The word after an option.
fn value(arguments: &[String], option: &str) -> Option<String> {
    arguments.iter().position(|word| word == option).and_then(|at| arguments.get(at + 1)).cloned()
}

fn make(host: &mut Host<'_>, folder: &str) {
    let now = host.world.clock.now();
    if let Some(machine) = host.here_mut() {
        machine.disk.make_dirs(folder, now);
    }
}

fn put(host: &mut Host<'_>, path: &str, text: &str) {
    let now = host.world.clock.now();
    if let Some(machine) = host.here_mut() {
        machine.disk.write(path, text, now);
    }
}
