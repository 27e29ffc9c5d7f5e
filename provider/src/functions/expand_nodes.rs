use std::collections::BTreeMap;

use pve_schemas::function::ExpandNodes;
use pve_schemas::value::NodeName;

use super::Compute;
use crate::framework::Refusal;

/// More than any cluster has; a range that is longer is a typing error.
const MOST_NODES: u32 = 256;

impl Compute for ExpandNodes {
    fn compute(&self) -> Result<BTreeMap<String, i64>, Refusal> {
        let mut nodes = BTreeMap::new();
        for (index, list) in self.nodes.iter().enumerate() {
            for entry in list.split(',').map(str::trim) {
                let refused = |problem: String| Refusal::of(index, format!("{entry:?}: {problem}"));
                let (pattern, priority) = parts(entry).map_err(refused)?;
                for node in expanded(pattern).map_err(refused)? {
                    let earlier = nodes.insert(node.clone(), priority).filter(|earlier| *earlier != priority);
                    if let Some(earlier) = earlier {
                        return Err(refused(format!("{node} has the priority {earlier} already")));
                    }
                }
            }
        }
        Ok(nodes)
    }
}

fn parts(entry: &str) -> Result<(&str, i64), String> {
    let Some((pattern, priority)) = entry.split_once(':') else { return Ok((entry, 0)) };
    let is_number = priority.bytes().all(|byte| byte.is_ascii_digit());
    let number = priority.parse::<u32>().ok().filter(|_| is_number);
    let number = number.ok_or_else(|| "the priority must be a whole number from 0 to 4294967295".to_owned())?;
    Ok((pattern, number.into()))
}

/// The names that a pattern with at most one range means.
fn expanded(pattern: &str) -> Result<Vec<String>, String> {
    let named = |name: String| name.parse::<NodeName>().map(|name| name.to_string()).map_err(|malformed| malformed.0);
    let Some((before, rest)) = pattern.split_once('[') else { return Ok(vec![named(pattern.to_owned())?]) };
    let demand = || "a range must be two ascending numbers in brackets, such as pve[1-3]".to_owned();
    let (range, after) = rest.split_once(']').ok_or_else(demand)?;
    let (first, last) = range.split_once('-').ok_or_else(demand)?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let (from, to) = number(first).zip(number(last)).filter(|(from, to)| from <= to).ok_or_else(demand)?;
    if to - from >= MOST_NODES {
        return Err(format!("a range must have at most {MOST_NODES} nodes"));
    }
    // `01` is as wide as it is written.
    let width = if first.starts_with('0') { first.len() } else { 1 };
    (from..=to).map(|number| named(format!("{before}{number:0width$}{after}"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::testing::{call, refused};
    use super::*;

    fn nodes(lists: &[&str]) -> Json {
        call::<ExpandNodes>(&lists.iter().map(|list| json!(list)).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn lists_of_proxmox_and_ranges_are_expanded() {
        assert_eq!(nodes(&["pve1:2", "pve2"]), json!({"pve1": 2, "pve2": 0}));
        assert_eq!(nodes(&["pve1:2, pve2:1"]), json!({"pve1": 2, "pve2": 1}));
        assert_eq!(nodes(&["pve[9-11]:2"]), json!({"pve9": 2, "pve10": 2, "pve11": 2}));
        assert_eq!(nodes(&["n[08-10]-x"]), json!({"n08-x": 0, "n09-x": 0, "n10-x": 0}));
        assert_eq!(nodes(&["pve1:1", "pve[1-2]:1"]), json!({"pve1": 1, "pve2": 1}));
        assert_eq!(nodes(&[]), json!({}));
    }

    #[test]
    fn the_argument_at_fault_is_named() {
        for (list, problem) in [
            ("", "must be a node name"),
            ("pve1,", "must be a node name"),
            ("pve_1", "must be a node name"),
            ("pve1:x", "the priority must be a whole number"),
            ("pve1:", "the priority must be a whole number"),
            ("pve1:-1", "the priority must be a whole number"),
            ("pve1:+1", "the priority must be a whole number"),
            ("pve1:4294967296", "the priority must be a whole number"),
            ("pve[1]", "a range must be"),
            ("pve[3-1]", "a range must be"),
            ("pve[1-2", "a range must be"),
            ("pve[a-b]", "a range must be"),
            ("pve[1-2][1-2]", "must be a node name"),
            ("pve[1-257]", "at most 256 nodes"),
            ("pve0:2", "pve0 has the priority 1 already"),
        ] {
            let (argument, text) = refused::<ExpandNodes>(&[json!("pve0:1"), json!(list)]);
            assert_eq!(argument, Some(1), "{text}");
            assert!(text.contains(problem), "{list}: {text}");
        }
    }

    #[test]
    fn a_long_range_is_all_there() {
        assert_eq!(nodes(&["pve[0-255]"]).as_object().map(serde_json::Map::len), Some(256));
    }
}
