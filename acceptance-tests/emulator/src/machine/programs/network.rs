//! Programs that reach other machines.

use super::{Host, Io, Program, Refused, Run};

pub(super) fn find(name: &str) -> Option<Program> {
    Some(match name {
        "ssh" => ssh,
        "scp" => scp,
        "ssh-copy-id" => ssh_copy_id,
        "bash" | "sh" => bash,
        "ping" => ping,
        "ip" => ip,
        _ => return None,
    })
}

/// Where `ssh` is to go, and what it is to run there.
struct Destination {
    user: String,
    host: String,
    command: Vec<String>,
}

fn parse(host: &Host<'_>, arguments: &[String]) -> Option<Destination> {
    const WITH_VALUE: &str = "bcDEeFIiJLlmOopQRSWw";
    let (mut user, mut target, mut words) = (host.user.clone(), None, arguments.iter());
    while let Some(word) = words.next() {
        let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
            target = Some(word.clone());
            break;
        };
        if letters == "-" {
            target = words.next().cloned();
            break;
        }
        let letter = letters.chars().next().unwrap_or_default();
        if WITH_VALUE.contains(letter) {
            let value = if letters.len() > 1 { Some(letters[1..].to_owned()) } else { words.next().cloned() };
            if letter == 'l' {
                user = value.unwrap_or_default();
            }
        }
    }
    let target = target?;
    let (user, host) = match target.split_once('@') {
        Some((user, host)) => (user.to_owned(), host.to_owned()),
        None => (user, target),
    };
    let mut command: Vec<String> = words.cloned().collect();
    if command.first().is_some_and(|first| first == "--") {
        command.remove(0);
    }
    Some(Destination { user, host: host.trim_matches(['[', ']']).to_owned(), command })
}

/// The key under which the machine is known, or ssh's complaint.
fn connect(host: &Host<'_>, user: &str, name: &str) -> Result<String, String> {
    if let Some(node) = host.neighbour(name) {
        if !node.reachable {
            return Err(format!("ssh: connect to host {name} port 22: No route to host\r\n"));
        }
        return Err(format!("{user}@{name}: Permission denied (publickey,password).\r\n"));
    }
    let Some((key, machine)) = host
        .world
        .machines
        .iter()
        .find(|(key, machine)| *key == name || machine.address == name || machine.name == name)
    else {
        return Err(if name.parse::<std::net::IpAddr>().is_ok() {
            format!("ssh: connect to host {name} port 22: No route to host\r\n")
        } else {
            format!("ssh: Could not resolve hostname {name}: Name or service not known\r\n")
        });
    };
    if let Err(why) = host.tcp(&machine.address, "22") {
        return Err(format!("ssh: connect to host {name} port 22: {why}\r\n"));
    }
    // Nodes trust each other's root; a host outside trusts the nodes in `trusts`.
    let trusted = host.is_node()
        && host.is_root()
        && user == "root"
        && (machine.is_node || machine.trusts.contains(&host.machine));
    if !trusted {
        return Err(format!("{user}@{name}: Permission denied (publickey,password).\r\n"));
    }
    Ok(key.clone())
}

fn ssh(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let Some(destination) = parse(host, arguments) else {
        io.err.push_str("usage: ssh [-46AaCfGgKkMNnqsTtVvXxYy] destination [command [argument ...]]\n");
        return Ok(255);
    };
    match connect(host, &destination.user, &destination.host) {
        // The words are joined by blanks and read again by the shell over there.
        Ok(machine) => host.on(&machine, &destination.user, &destination.command.join(" "), io),
        Err(why) => {
            io.err.push_str(&why);
            Ok(255)
        }
    }
}

fn scp(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let mut paths = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-o" | "-i" | "-P" | "-l" | "-F" => drop(words.next()),
            option if option.starts_with('-') => {}
            path => paths.push(path),
        }
    }
    let [from, to] = paths.as_slice() else {
        io.err.push_str("usage: scp [-346ABCOpqRrsTv] source ... target\n");
        return Ok(1);
    };
    let text = match remote(from) {
        Some((user, name, path)) => match connect(host, user, name) {
            Ok(machine) => on(host, &machine, |host| host.read(path)),
            Err(why) => return refused(io, &why),
        },
        None => host.read(from),
    };
    let text = match text {
        Ok(text) => text,
        Err(why) => {
            let path = remote(from).map_or(*from, |(_, _, path)| path);
            let prefix = if remote(from).is_some() { "scp" } else { "scp: stat local" };
            io.err.push_str(&if prefix == "scp" {
                format!("scp: {path}: {why}\n")
            } else {
                format!("{prefix} \"{path}\": {why}\n")
            });
            return Ok(1);
        }
    };
    let name = from.rsplit('/').next().unwrap_or(from).to_owned();
    let put = |host: &mut Host<'_>, path: &str| {
        let path = match host.stat(path) {
            Ok(stat) if stat.is_folder => format!("{}/{name}", path.trim_end_matches('/')),
            _ => path.to_owned(),
        };
        host.write(&path, &text).map_err(|why| format!("scp: dest open \"{path}\": {why}\n"))
    };
    let outcome = match remote(to) {
        Some((user, name, path)) => match connect(host, user, name) {
            Ok(machine) => on(host, &machine, |host| put(host, path)),
            Err(why) => return refused(io, &why),
        },
        None => put(host, to),
    };
    match outcome {
        Ok(()) => Ok(0),
        Err(why) => {
            io.err.push_str(&why);
            Ok(1)
        }
    }
}

fn refused(io: &mut Io, why: &str) -> Run {
    io.err.push_str(&format!("{why}scp: Connection closed\r\n"));
    Ok(255)
}

/// Does something as if on the other machine.
fn on<T>(host: &mut Host<'_>, machine: &str, code: impl FnOnce(&mut Host<'_>) -> T) -> T {
    let back = std::mem::replace(&mut host.machine, machine.to_owned());
    let outcome = code(host);
    host.machine = back;
    outcome
}

/// `user@[host]:path`
fn remote(text: &str) -> Option<(&str, &str, &str)> {
    let (place, path) = match text.rfind("]:") {
        Some(at) => (&text[..=at], &text[at + 2..]),
        None => text.split_once(':').filter(|(place, _)| !place.contains('/'))?,
    };
    let (user, host) = place.split_once('@').unwrap_or(("root", place));
    Some((user, host.trim_matches(['[', ']']), path))
}

/// Without a terminal its prompt for a password cannot be answered if the key is not installed yet.
fn ssh_copy_id(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    const NAME: &str = "/usr/bin/ssh-copy-id";
    let Some(destination) = parse(host, arguments) else {
        io.err.push_str("Usage: /usr/bin/ssh-copy-id [-h|-?|-f|-n|-s|-x] [-i [identity_file]] [user@]hostname\n");
        return Ok(1);
    };
    io.err.push_str(&format!("{NAME}: INFO: Source of key(s) to be installed: \"/root/.ssh/id_rsa.pub\"\n"));
    io.err.push_str(&format!(
        "{NAME}: INFO: attempting to log in with the new key(s), to filter out any that are already installed\n"
    ));
    let is_known =
        host.is_root() && host.neighbour(&destination.host).is_some_and(|node| node.reachable && node.trusts);
    let found = if is_known { Ok(String::new()) } else { connect(host, &destination.user, &destination.host) };
    match found {
        Ok(_) => {
            io.err.push_str(&format!(
                "\n{NAME}: WARNING: All keys were skipped because they already exist on the remote system.\n\t\t(if you think this is a mistake, you may want to use -f option)\n\n"
            ));
            Ok(0)
        }
        Err(why) => {
            io.err.push_str(&format!("\n{NAME}: ERROR: {why}\n"));
            Ok(1)
        }
    }
}

/// Three scripts, all others are refused. `bash -c 'exec 3<>"/dev/tcp/$1/$2"' NAME HOST PORT`: whether a TCP connection is possible,
/// which no other program that is on every node can say. And one which prints each argument, `ADDRESS PORT`, whose UDP port is closed.
fn bash(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    const CONNECT: &str = r#"exec 3<>"/dev/tcp/$1/$2""#;
    const SEND: &str = r#"for at; do { exec 3>"/dev/udp/${at% *}/${at#* }" && printf . >&3 && sleep 1 && printf . >&3 || echo "$at"; } 2>/dev/null & done; wait"#;
    const ONCE: &str = r#"[ ! -e /etc/pve/corosync.conf ] || exit 201; exec "$@""#;
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["-c", SEND, _, sockets @ ..] = words.as_slice() {
        let closed = sockets
            .iter()
            .filter(|at| !at.split_once(' ').is_some_and(|(address, port)| host.takes_packets(address, port)));
        let printed: String = closed.flat_map(|at| [*at, "\n"]).collect();
        io.out.push_str(&printed);
        return Ok(0);
    }
    // The third one runs its arguments where the node is in no cluster.
    if let ["-c", ONCE, _, argv @ ..] = words.as_slice() {
        if host.stat("/etc/pve/corosync.conf").is_ok() {
            return Ok(201);
        }
        return host.call(argv, io);
    }
    let ["-c", CONNECT, name, address, port] = words.as_slice() else {
        let refused = Refused::new("of scripts it has those that open a TCP connection or send a UDP packet");
        return Ok(host.refuse(&refused, io));
    };
    match host.tcp(address, port) {
        Ok(()) => Ok(0),
        Err(why) => {
            io.err.push_str(&format!("{name}: connect: {why}\n{name}: line 1: /dev/tcp/{address}/{port}: {why}\n"));
            Ok(1)
        }
    }
}

fn ping(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let target = arguments.iter().rfind(|word| !word.starts_with('-')).cloned().unwrap_or_default();
    let Some(machine) = host.world.machine_at(&target) else {
        io.err.push_str(&format!("ping: {target}: Name or service not known\n"));
        return Ok(2);
    };
    let there = host.world.is_reachable(machine);
    let (received, loss) = if there { (1, 0) } else { (0, 100) };
    io.out.push_str(&format!(
        "PING {target} ({}) 56(84) bytes of data.\n\n--- {target} ping statistics ---\n",
        machine.address
    ));
    io.out.push_str(&format!("1 packets transmitted, {received} received, {loss}% packet loss, time 0ms\n"));
    Ok(i32::from(!there))
}

/// `ip -o address show [to CIDR] [up]`: each address of a node is in a network of 24 bits, on a bridge of its own.
fn ip(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    let addresses: Vec<String> =
        std::iter::once(&host.here().address).chain(&host.here().more_addresses).cloned().collect();
    let network = arguments.iter().position(|word| word == "to").and_then(|at| arguments.get(at + 1));
    for (number, address) in addresses.iter().enumerate() {
        if network.is_some_and(|network| !contains(network, address)) {
            continue;
        }
        let wide = address.rsplit_once('.').map_or("", |(network, _)| network);
        io.out.push_str(&format!(
            "{}: vmbr{number}    inet {address}/24 brd {wide}.255 scope global vmbr{number}\\       valid_lft forever preferred_lft forever\n",
            number + 2
        ));
    }
    Ok(0)
}

fn contains(network: &str, address: &str) -> bool {
    let parsed = network.split_once('/').and_then(|(base, bits)| {
        let base: std::net::Ipv4Addr = base.parse().ok()?;
        let address: std::net::Ipv4Addr = address.parse().ok()?;
        Some((u32::from(base), u32::from(address), bits.parse::<u32>().ok().filter(|bits| *bits <= 32)?))
    });
    parsed.is_some_and(|(base, address, bits)| {
        let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
        base & mask == address & mask
    })
}
