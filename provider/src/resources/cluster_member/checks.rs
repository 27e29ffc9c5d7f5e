//! What keeps a node from joining, found before anything is sent. Proxmox finds some of it in the middle of the join, and takes a
//! number that another node has, or an address that the node does not have, to the harm of the cluster.

use std::net::IpAddr;

use pve_schemas::corosync::is_same_address;

use super::joiner::Joiner;
use crate::framework::{Failure, Path};
use crate::resources::door;
use crate::resources::membership::{Membership, Requested};

/// By how many seconds two clocks may differ: certificates and tickets have times.
const CLOCK_TOLERANCE: i64 = 60;

/// The member's side of the checks, as far as it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    /// Its release, `9.2`.
    pub(super) release: Option<String>,
    /// Its clock, in seconds since 1970.
    pub(super) time: Option<i64>,
}

/// Everything that is in the way of a join of `node`, which is at `address`.
pub(super) fn obstacles(
    member: &Membership,
    host: &Host,
    joiner: &Joiner,
    node: &str,
    requested: &Requested,
) -> Vec<Failure> {
    let mut all = Vec::new();
    let mut refuse_at = |path: Path, text: String| all.push(Failure::refused(format!("{node}: {text}")).at(path));
    let mut refuse = |attribute: &str, text: String| refuse_at(Path::attribute(attribute), text);
    if !joiner.guests.is_empty() {
        let ids: Vec<String> = joiner.guests.iter().map(ToString::to_string).collect();
        refuse(
            "node",
            format!(
                "it has guests ({}), and Proxmox VE takes only a node without: their ids could be those of others, and its \
                 configuration is replaced. Nothing was changed.\nBack them up, remove them, and restore them after the join.",
                ids.join(", ")
            ),
        );
    }
    if let Some(release) = host.release.as_deref().filter(|release| *release != joiner.release) {
        refuse(
            "node",
            format!(
                "it has Proxmox VE {}, and {} has {release}. Nothing was changed.\nUpgrade the older one, then apply again.",
                joiner.release, member.local
            ),
        );
    }
    if let (Some(here), Some(there)) = (host.time, joiner.time)
        && (here - there).abs() > CLOCK_TOLERANCE
    {
        let gap = (here - there).abs();
        refuse(
            "node",
            format!(
                "its clock differs by {gap} s from that of {}. Nothing was changed.\nSet the clocks (`chronyc makestep`), then apply \
                 again.",
                member.local
            ),
        );
    }
    links(member, joiner, requested, &mut refuse_at);
    let mut refuse = |attribute: &str, text: String| refuse_at(Path::attribute(attribute), text);
    if let Some(id) = requested.id
        && let Some((other, _)) = member.entries().find(|(name, entry)| *name != node && entry.id == Some(id))
    {
        refuse(
            "node_id",
            format!(
                "the number {id} is that of {other}. Proxmox VE would take it. Nothing was changed.\nLeave node_id out, or choose another."
            ),
        );
    }
    all
}

fn links(member: &Membership, joiner: &Joiner, requested: &Requested, refuse: &mut impl FnMut(Path, String)) {
    let block = |address: &str| {
        let at = requested.links.iter().position(|link| link == address);
        at.map_or(Path::attribute("link"), |index| Path::attribute("link").index(index).field("address"))
    };
    let numbers = member.link_numbers();
    // A cluster that is not made yet has the links that the plan says.
    let is_known = !numbers.is_empty();
    if is_known && requested.links.is_empty() && numbers.len() > 1 {
        refuse(
            Path::attribute("link"),
            format!(
                "the cluster has {} links, and the node needs an address for each. Nothing was changed.\nAdd `link` blocks.",
                numbers.len()
            ),
        );
    } else if is_known && !requested.links.is_empty() && requested.links.len() != numbers.len() {
        refuse(
            Path::attribute("link"),
            format!(
                "the cluster has {} and the configuration {}. Nothing was changed.\nWrite one block for each link of the cluster.",
                crate::words::counted(numbers.len(), "link"),
                crate::words::counted(requested.links.len(), "`link` block"),
            ),
        );
    }
    if let Some(addresses) = &joiner.addresses {
        let missing = door::missing(addresses, requested.links.iter().map(String::as_str));
        if !missing.is_empty() {
            let known: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
            refuse(
                block(missing[0]),
                format!(
                    "it does not have the address {}. Nothing was changed.\nIts addresses are {}. Correct the block.",
                    missing.join(", "),
                    known.join(", ")
                ),
            );
        }
    }
    let own: Vec<&String> =
        if requested.links.is_empty() { joiner.ip.iter().collect() } else { requested.links.iter().collect() };
    for (other, entry) in member.entries().filter(|(name, _)| *name != joiner.name) {
        for address in own.iter().filter(|address| entry.links.values().any(|link| is_same_address(link, address))) {
            refuse(
                block(address),
                format!(
                    "{address} is an address of {other} in the cluster. Nothing was changed.\nSet an address that {} alone has, then apply \
                     again.",
                    joiner.name
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn member() -> Membership {
        let status = [
            json!({"type": "cluster", "name": "newclu", "quorate": 1}),
            json!({"type": "node", "name": "pva", "local": 1, "online": 1}),
        ];
        let entry = json!({"name": "pva", "nodeid": "1", "quorum_votes": "1", "ring0_addr": "10.0.0.11", "ring1_addr": "10.1.0.11"});
        Membership::of(&status, &[entry], &json!({"cluster_name": "newclu"}))
    }

    fn joiner() -> Joiner {
        Joiner {
            name: "pvb".to_owned(),
            release: "9.2".to_owned(),
            addresses: Some(vec!["10.0.0.12".parse().unwrap(), "10.1.0.12".parse().unwrap()]),
            ip: Some("10.0.0.12".to_owned()),
            time: Some(1_000),
            ..Joiner::default()
        }
    }

    fn requested(links: &[&str]) -> Requested {
        Requested { links: links.iter().map(|link| (*link).to_owned()).collect(), ..Requested::default() }
    }

    const BOTH: &[&str] = &["10.0.0.12", "10.1.0.12"];

    fn found(joiner: &Joiner, requested: &Requested) -> Vec<(String, String)> {
        let host = Host { release: Some("9.2".to_owned()), time: Some(1_030) };
        let all = obstacles(&member(), &host, joiner, "pvb", requested);
        all.into_iter().map(|failure| (failure.path.unwrap_or_else(Path::root).to_string(), failure.detail)).collect()
    }

    #[test]
    fn a_node_as_it_has_to_be_may_join() {
        assert_eq!(found(&joiner(), &requested(BOTH)), []);
    }

    #[test]
    fn each_obstacle_is_named_at_its_attribute() {
        let of = |change: fn(&mut Joiner)| {
            let mut joiner = joiner();
            change(&mut joiner);
            joiner
        };
        let ours = requested(BOTH);
        for (joiner, requested, attribute, words) in [
            (of(|it| it.guests = vec![100, 101]), ours.clone(), "node", "guests (100, 101)"),
            (of(|it| "8.4".clone_into(&mut it.release)), ours.clone(), "node", "Proxmox VE 8.4, and pva has 9.2"),
            (of(|it| it.time = Some(900)), ours.clone(), "node", "differs by 130 s"),
            (joiner(), requested(&[]), "link", "has 2 links"),
            (joiner(), requested(&["10.0.0.12"]), "link", "has 2 links and the configuration 1 `link` block"),
            (
                joiner(),
                requested(&["10.0.0.12", "10.1.0.13"]),
                "link[1].address",
                "does not have the address 10.1.0.13",
            ),
            (
                of(|it| it.addresses = None),
                requested(&["10.0.0.12", "10.1.0.11"]),
                "link[1].address",
                "10.1.0.11 is an address of pva",
            ),
            (joiner(), Requested { id: Some(1), ..ours }, "node_id", "the number 1 is that of pva"),
        ] {
            let found = found(&joiner, &requested);
            assert!(found.len() == 1 && found[0].0 == attribute && found[0].1.contains(words), "{words}: {found:?}");
        }
    }
}
