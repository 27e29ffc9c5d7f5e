//! Whether the joining node reaches the corosync of the members. Only its shell can try that, before it has a corosync of its own.

use super::joiner::Joiner;
use crate::call::Call;
use crate::framework::{Failure, Path};
use crate::resources::door::Door;
use crate::resources::membership::Membership;
use crate::ssh::Command;

/// The UDP port of link 0; each further link has the next one.
const FIRST_PORT: u32 = 5405;

/// Prints those of its arguments, `ADDRESS PORT`, at which no program listens. A UDP port that is closed, and a host that is not
/// there, are reported to the sender after the first packet, so that the second one can't be sent. corosync ignores both. bash
/// can do that alone, so that nothing has to be installed for it.
const PROBE: &str = r#"for at; do { exec 3>"/dev/udp/${at% *}/${at#* }" && printf . >&3 && sleep 1 && printf . >&3 || echo "$at"; } 2>/dev/null & done; wait"#;

/// Tries the corosync of every member that is online, in every link. A firewall that drops packets looks like an open port.
///
/// # Errors
/// A port is closed, or its host is not reached.
pub(super) async fn reach(door: &Door, member: &Membership, joiner: &Joiner, call: &Call) -> Result<(), Failure> {
    let Door::Shell { ssh, node } = door else { return Ok(()) };
    let sockets = sockets(member, &joiner.name);
    if sockets.is_empty() {
        return Ok(());
    }
    let arguments = sockets.iter().map(|(_, socket)| socket.as_str());
    let command = Command::new("bash").args(["-c", PROBE, "bash"]).args(arguments).reading();
    // Where the probe itself can't run, the join finds out.
    let Ok(output) = ssh.run(node, &command, call).await else { return Ok(()) };
    let printed = output.text();
    let closed: Vec<String> = sockets
        .iter()
        .filter(|(_, socket)| printed.lines().any(|line| line == socket))
        .map(|(owner, socket)| format!("{owner} at {}", socket.replace(' ', " port ")))
        .collect();
    if closed.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{}: it does not reach corosync of {}. Nothing was changed.\nLet the nodes reach each other at UDP ports {FIRST_PORT} to {}, a \
         port for each link, and check that corosync runs there. Then apply again.",
        joiner.name,
        closed.join(", "),
        FIRST_PORT + pve_schemas::cluster::MAX_LINKS as u32 - 1,
    ))
    .at(Path::attribute("link")))
}

/// What the members listen at: whose it is, and `ADDRESS PORT`.
fn sockets(member: &Membership, joining: &str) -> Vec<(String, String)> {
    let online = member.entries().filter(|(name, _)| *name != joining && member.has_online(name));
    let of_entry = |(name, entry): (&str, &crate::resources::membership::Entry)| {
        let socket =
            |(number, address): (&u32, &String)| (name.to_owned(), format!("{address} {}", FIRST_PORT + number));
        entry.links.iter().map(socket).collect::<Vec<_>>()
    };
    online.flat_map(of_entry).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_that_are_online_are_tried_in_every_link() {
        let node = |name: &str, online: u8| json!({"type": "node", "name": name, "local": u8::from(name == "pva"), "online": online});
        let status =
            [json!({"type": "cluster", "name": "c", "quorate": 1}), node("pva", 1), node("pvb", 0), node("pvc", 1)];
        let entry = |name: &str, id: u32| {
            json!({"name": name, "nodeid": id.to_string(), "quorum_votes": "1",
            "ring0_addr": format!("10.0.0.{id}"), "ring3_addr": format!("fd00::{id}")})
        };
        let member = Membership::of(
            &status,
            &[entry("pva", 1), entry("pvb", 2), entry("pvc", 3)],
            &json!({"cluster_name": "c"}),
        );
        let sockets: Vec<String> =
            sockets(&member, "pvc").into_iter().map(|(owner, socket)| format!("{owner} {socket}")).collect();
        assert_eq!(sockets, ["pva 10.0.0.1 5405", "pva fd00::1 5408"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_closed_port_is_printed_and_one_that_takes_packets_is_not() {
        let open = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = |socket: &std::net::UdpSocket| format!("127.0.0.1 {}", socket.local_addr().unwrap().port());
        let (open_at, closed_at) = (at(&open), at(&closed));
        drop(closed);
        let output =
            std::process::Command::new("bash").args(["-c", PROBE, "bash", &open_at, &closed_at]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{closed_at}\n"));
        assert!(output.status.success());
    }
}
