//! `corosync-quorumtool`, `corosync-cfgtool` and `corosync-cmapctl`.

use jiff::Timestamp;

use super::{Host, Io, Run, options};
use crate::world::{Node, World};

/// What it ends with where the partition has no quorum.
const NOT_QUORATE: i32 = 2;

/// `corosync-quorumtool`: `-s` is the default; `-i` addresses, `-H` hexadecimal ids, `-l` members only, `-e` expected votes.
pub(super) fn quorumtool(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    if let Some(at) = arguments.iter().position(|word| word == "-e") {
        let votes = arguments.get(at + 1).and_then(|votes| votes.parse::<u32>().ok()).filter(|votes| *votes > 0);
        return Ok(expect(host.world, io, votes));
    }
    let (letters, _) = options(arguments);
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
    for (flag, is_set) in [("Quorate ", quorate), ("Qdevice ", has_device(world))] {
        io.out.push_str(if is_set { flag } else { "" });
    }
    io.out.push('\n');
}

/// Grows whenever a node comes or goes.
fn ring(world: &World) -> i64 {
    world.nodes.values().map(|node| (node.since as i64).rem_euclid(0xfff)).max().unwrap_or(0) + 9
}

/// Whether corosync-qdevice is registered on any member.
fn has_device(world: &World) -> bool {
    world.nodes.keys().any(|node| world.is_member(node) && world.qdevice_runs(node))
}

fn members(host: &Host<'_>, io: &mut Io, hexadecimal: bool, addresses: bool) {
    let world = &*host.world;
    let device = has_device(world);
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

/// `corosync-cfgtool`: `-s` shows the links, `-R` has every node read its configuration again.
pub(super) fn cfgtool(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let world = &*host.world;
    if arguments.iter().any(|word| word == "-R") {
        io.out.push_str("Reloading corosync.conf...\nDone\n");
        return Ok(0);
    }
    let Some(own) = world.nodes.get(&host.machine) else { return Ok(1) };
    io.out.push_str(&format!(
        "Local node ID {}, transport knet\nLINK ID 0 udp\n\taddr\t= {}\n\tstatus:\n",
        own.id, own.address
    ));
    for node in world.nodes.values() {
        let state = match (node.name == own.name, world.is_member(&node.name)) {
            (true, _) => "localhost",
            (false, true) => "connected",
            (false, false) => "disconnected",
        };
        io.out.push_str(&format!("\t\tnodeid: {:>10}:\t{state}\n", node.id));
    }
    Ok(0)
}

/// `corosync-cmapctl -m stats`: how the links to the other nodes are.
pub(super) fn cmapctl(host: &mut Host<'_>, io: &mut Io, _: &[String]) -> Run {
    let world = &*host.world;
    for node in world.nodes.values() {
        let own = node.name == host.machine;
        let connected = u8::from(own || world.is_member(&node.name));
        let key = format!("stats.knet.node{}.link0", node.id);
        io.out.push_str(&format!(
            "{key}.connected (u8) = {connected}\n{key}.down_count (u32) = 0\n{key}.enabled (u8) = 1\n"
        ));
    }
    Ok(0)
}
