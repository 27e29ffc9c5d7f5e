//! What the emulated HA managers have logged, read back.

use std::collections::BTreeMap;

use regex::Regex;

/// Where an HA resource is, and in which state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) node: String,
    pub(super) state: String,
}

/// A change of that.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) time: f64,
    pub(super) place: Place,
}

/// Where every HA resource is in the end.
pub(super) fn places(log: &[&str]) -> BTreeMap<String, Place> {
    let added = Regex::new(r"adding new service '([^']+)'").unwrap();
    let sids = log.iter().filter_map(|line| added.captures(line)).map(|found| found[1].to_owned());
    sids.filter_map(|sid| moves(log, &sid).pop().map(|last| (sid, last.place))).collect()
}

/// All changes of one, the first one as it was added.
pub(super) fn moves(log: &[&str], sid: &str) -> Vec<Change> {
    let sid = regex::escape(sid);
    let added = Regex::new(&format!(r"^(\d+) .*adding new service '{sid}' on node '([^']+)'")).unwrap();
    let changed =
        Regex::new(&format!(r"^(\d+) .*service '{sid}': state changed from '\w+' to '(\w+)'(?:  \(node = ([\w-]+))?"))
            .unwrap();
    let mut moves: Vec<Change> = Vec::new();
    for line in log {
        if let Some(found) = added.captures(line) {
            let place = Place { node: found[2].to_owned(), state: String::new() };
            moves.push(Change { time: found[1].parse().unwrap(), place });
        }
        let Some((found, last)) = changed.captures(line).zip(moves.last()) else { continue };
        let node = found.get(3).map_or_else(|| last.place.node.clone(), |node| node.as_str().to_owned());
        let place = Place { node, state: found[2].to_owned() };
        moves.push(Change { time: found[1].parse().unwrap(), place });
    }
    moves
}
