//! `corosync-quorumtool`, `corosync-cfgtool` and `corosync-cmapctl`.

use jiff::Timestamp;

use super::{Host, Io, Run, options};
use crate::world::{Node, World};

/// What it ends with where the partition has no quorum.
const NOT_QUORATE: i32 = 2;

const USAGE: &str = "usage:\n corosync-quorumtool <options>\n\n options:\n\n  -s             show quorum status\n  -m             \
                     constantly monitor quorum status\n  -l             list nodes\n  -e <expected>  change expected votes for the \
                     cluster\n  -n <nodeid>    nodeid to change\n  -v <votes>     change the number of votes\n  -i             show \
                     node IP addresses instead of the resolved name\n  -H             show nodeids in hexadecimal\n  -h             \
                     show this help text\n";

/// `corosync-quorumtool`: `-s` is the default; `-i` addresses, `-H` hexadecimal ids, `-l` members only, `-e` expected votes.
pub(super) fn quorumtool(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    if !runs(host) {
        io.err.push_str("Cannot initialize QUORUM service\n");
        return Ok(1);
    }
    if let Some(at) = arguments.iter().position(|word| word == "-e") {
        let votes = arguments.get(at + 1).and_then(|votes| votes.parse::<u32>().ok()).filter(|votes| *votes > 0);
        return Ok(expect(host.world, io, votes));
    }
    let (letters, _) = options(arguments);
    if let Some(bad) = letters.iter().find(|letter| !"siHlahpo".contains(**letter)) {
        io.err.push_str(&format!("corosync-quorumtool: invalid option -- '{bad}'\n"));
        io.out.push_str(USAGE);
        return Ok(1);
    }
    let (hexadecimal, addresses) = (letters.contains(&'H'), letters.contains(&'i'));
    if letters.contains(&'l') {
        members(host, io, hexadecimal, addresses);
        return Ok(0);
    }
    status(host, io, hexadecimal);
    members(host, io, hexadecimal, addresses);
    Ok(if host.world.is_quorate() { 0 } else { NOT_QUORATE })
}

fn expect(world: &mut World, io: &mut Io, votes: Option<u32>) -> i32 {
    let Some(votes) = votes else {
        io.err.push_str("New expected votes value was not valid, try a positive number\n");
        return 2;
    };
    let (present, _) = world.votes();
    let quorum = votes / 2 + 1;
    // votequorum takes no quorum that the members couldn't have, and none that half of them had twice.
    if quorum > present || quorum < present / 2 {
        io.err.push_str("Unable to set expected votes: CS_ERR_INVALID_PARAM\n");
        return 1;
    }
    world.expected = Some(votes);
    0
}

fn status(host: &Host<'_>, io: &mut Io, hexadecimal: bool) {
    let world = &*host.world;
    let date = Timestamp::from_second(world.now()).unwrap_or(Timestamp::UNIX_EPOCH).strftime("%a %b %e %H:%M:%S %Y");
    let own = world.nodes.get(&host.machine).map_or(0, |node| node.id);
    let online: Vec<&Node> = world.nodes.values().filter(|node| world.is_member(&node.name)).collect();
    let lowest = online.iter().map(|node| node.id).min().unwrap_or(0);
    let id = if hexadecimal { format!("0x{own:08x}") } else { own.to_string() };
    let quorate = world.is_quorate();
    io.out.push_str("Quorum information\n------------------\n");
    io.out.push_str(&format!("Date:             {date}\nQuorum provider:  corosync_votequorum\n"));
    io.out.push_str(&format!("Nodes:            {}\nNode ID:          {id}\n", online.len()));
    io.out.push_str(&format!("Ring ID:          {lowest:x}.{:x}\n", ring(world)));
    io.out.push_str(&format!("Quorate:          {}\n", if quorate { "Yes" } else { "No" }));
    let (present, needed) = world.votes();
    let (expected, blocked) = (world.expected_votes(), if quorate { " " } else { "Activity blocked" });
    io.out.push_str("\nVotequorum information\n----------------------\n");
    io.out.push_str(&format!(
        "Expected votes:   {expected}\nHighest expected: {expected}\nTotal votes:      {present}\n"
    ));
    io.out.push_str(&format!("Quorum:           {needed} {blocked}\nFlags:            "));
    for (flag, is_set) in [("Quorate ", quorate), ("Qdevice ", world.qdevice_runs(&host.machine))] {
        io.out.push_str(if is_set { flag } else { "" });
    }
    io.out.push('\n');
}

/// Grows with each node that joins or leaves.
fn ring(world: &World) -> i64 {
    world.nodes.values().map(|node| (node.since as i64).rem_euclid(0xfff)).max().unwrap_or(0) + 9
}

fn members(host: &Host<'_>, io: &mut Io, hexadecimal: bool, addresses: bool) {
    let world = &*host.world;
    // Where no daemon is registered there is no QDevice to see.
    let device = world.qdevice_runs(&host.machine);
    let id = |id: u32| if hexadecimal { format!("0x{id:08x}") } else { format!("{id:>10}") };
    io.out.push_str("\nMembership information\n----------------------\n");
    let column = if device { "   Qdevice " } else { "" };
    io.out.push_str(&format!("    Nodeid      Votes {column}Name\n"));
    for node in world.nodes.values().filter(|node| world.is_member(&node.name)) {
        let state = match (device, world.qdevice_runs(&node.name), world.qdevice_is_connected(&node.name)) {
            (false, ..) => String::new(),
            (true, false, _) => format!("{:>10} ", "NR"),
            (true, true, true) => format!("{:>10} ", "A,V,NMW"),
            (true, true, false) => format!("{:>10} ", "A,NV,NMW"),
        };
        let name = if addresses { &node.address } else { &node.name };
        let local = if node.name == host.machine { " (local)" } else { "" };
        io.out.push_str(&format!("{} {:>10} {state}{name}{local}\n", id(node.id), node.votes));
    }
    if device {
        let (all, casts) = (world.qdevice_votes(), world.qdevice_is_connected(&host.machine));
        let (votes, note) = if casts { (all, String::new()) } else { (0, format!(" (votes {all})")) };
        io.out.push_str(&format!("{} {votes:>10}            Qdevice{note}\n", id(0)));
    }
}

/// Whether corosync runs here.
fn runs(host: &Host<'_>) -> bool {
    let stopped = host.world.nodes.get(&host.machine).is_none_or(|node| node.corosync_stopped);
    !stopped && !host.world.standalone
}

/// `corosync-cfgtool`: `-s` shows the links, `-n` the other nodes, `-R` has every node read its configuration again.
pub(super) fn cfgtool(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let world = &*host.world;
    if !runs(host) {
        io.err.push_str("Could not initialize corosync configuration API error CS_ERR_LIBRARY\n");
        return Ok(1);
    }
    if arguments.iter().any(|word| word == "-R") {
        io.out.push_str("Reloading corosync.conf...\nDone\n");
        return Ok(0);
    }
    let Some(own) = world.nodes.get(&host.machine) else { return Ok(1) };
    io.out.push_str(&format!("Local node ID {}, transport knet\n", own.id));
    if arguments.iter().any(|word| word == "-n") {
        for node in world.nodes.values().filter(|node| node.name != own.name) {
            let (reach, link) = match world.is_member(&node.name) {
                true => (" reachable", " connected"),
                false => ("", ""),
            };
            io.out.push_str(&format!("nodeid: {}{reach}\n", node.id));
            let others = node.links();
            for (number, address) in own.links() {
                let other = others.get(&number).map_or("", String::as_str);
                io.out.push_str(&format!("   LINK: {number} udp ({address}->{other}) enabled{link} mtu: 1397\n"));
            }
            io.out.push('\n');
        }
        return Ok(0);
    }
    for (number, address) in own.links() {
        io.out.push_str(&format!("LINK ID {number} udp\n\taddr\t= {address}\n\tstatus:\n"));
        for node in world.nodes.values() {
            let state = match (node.name == own.name, world.is_member(&node.name)) {
                (true, _) => "localhost",
                (false, true) => "connected",
                (false, false) => "disconnected",
            };
            io.out.push_str(&format!("\t\tnodeid: {:>10}:\t{state}\n", node.id));
        }
    }
    Ok(0)
}

/// `corosync-cmapctl`: keys of the configuration, with `-m stats` how the links to the other nodes are; all of them, or those
/// that are asked for.
pub(super) fn cmapctl(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let mut words = arguments.iter().map(String::as_str);
    let (mut of_stats, mut exact, mut begun) = (false, Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        match word {
            "-m" => of_stats = words.next() == Some("stats"),
            "-g" => exact.extend(words.next()),
            "-b" => {}
            key => begun.push(key),
        }
    }
    if !runs(host) {
        io.err.push_str("Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n");
        return Ok(1);
    }
    let keys = if of_stats { stats(host) } else { configuration(host.world) };
    let mut code = 0;
    let asks = !exact.is_empty() || !begun.is_empty();
    for (key, text) in keys.iter().filter(|_| !asks) {
        io.out.push_str(&format!("{key} {text}\n"));
    }
    for (asked, is_exact) in exact.into_iter().map(|key| (key, true)).chain(begun.into_iter().map(|key| (key, false))) {
        let found = |key: &str| key == asked || !is_exact && key.starts_with(asked);
        let before = io.out.len();
        for (key, text) in keys.iter().filter(|(key, _)| found(key)) {
            io.out.push_str(&format!("{key} {text}\n"));
        }
        if io.out.len() == before {
            io.err.push_str(&format!("Can't get key {asked}. Error CS_ERR_NOT_EXIST\n"));
            code = 1;
        }
    }
    Ok(code)
}

fn stats(host: &Host<'_>) -> Vec<(String, String)> {
    let world = &*host.world;
    let of_node = |node: &Node| {
        let connected = u8::from(node.name == host.machine || world.is_member(&node.name));
        let links = node.links().into_keys().flat_map(|number| {
            let key = format!("stats.knet.node{}.link{number}", node.id);
            [
                (format!("{key}.connected"), format!("(u8) = {connected}")),
                (format!("{key}.down_count"), "(u32) = 0".to_owned()),
                (format!("{key}.enabled"), "(u8) = 1".to_owned()),
            ]
        });
        links.collect::<Vec<_>>()
    };
    world.nodes.values().flat_map(of_node).collect()
}

fn configuration(world: &World) -> Vec<(String, String)> {
    let text = |text: &str| format!("(str) = {text}");
    let mut keys: Vec<(String, String)> = Vec::new();
    for (index, node) in world.nodes.values().enumerate() {
        let key = format!("nodelist.node.{index}");
        keys.extend([
            (format!("{key}.name"), text(&node.name)),
            (format!("{key}.nodeid"), format!("(u32) = {}", node.id)),
            (format!("{key}.quorum_votes"), format!("(u32) = {}", node.votes)),
        ]);
        keys.extend(
            node.links().into_iter().map(|(number, address)| (format!("{key}.ring{number}_addr"), text(&address))),
        );
    }
    if let Some(device) = &world.qdevice {
        keys.extend([
            ("quorum.device.model".to_owned(), text("net")),
            ("quorum.device.net.algorithm".to_owned(), text(device.algorithm.as_str())),
            ("quorum.device.net.host".to_owned(), text(&device.host)),
        ]);
    }
    keys.extend([
        ("quorum.provider".to_owned(), text("corosync_votequorum")),
        ("totem.cluster_name".to_owned(), text(&world.cluster_name)),
        ("totem.config_version".to_owned(), format!("(u64) = {}", world.config_version)),
    ]);
    for (name, value) in &world.corosync.totem {
        let value = match value.parse::<u32>() {
            Ok(number) if name != "version" => format!("(u32) = {number}"),
            _ => text(value),
        };
        keys.push((format!("totem.{name}"), value));
    }
    for (number, options) in &world.corosync.interfaces {
        if let Some(priority) = options.get("knet_link_priority") {
            keys.push((format!("totem.interface.{number}.knet_link_priority"), format!("(u8) = {priority}")));
        }
    }
    let (token, consensus) = timeouts(world);
    keys.push(("runtime.config.totem.token".to_owned(), format!("(u32) = {token}")));
    keys.push(("runtime.config.totem.consensus".to_owned(), format!("(u32) = {consensus}")));
    keys.sort();
    keys
}

/// The timeout of the token with its surcharge for each node from the third on, and that of the consensus, in milliseconds.
fn timeouts(world: &World) -> (u64, u64) {
    let option =
        |name: &str, other: u64| world.corosync.totem.get(name).and_then(|value| value.parse().ok()).unwrap_or(other);
    let more = world.nodes.len().saturating_sub(2) as u64;
    let token = option("token", 3000) + more * option("token_coefficient", 650);
    (token, token * 6 / 5)
}
