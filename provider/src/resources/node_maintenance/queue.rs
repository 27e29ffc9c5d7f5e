//! The commands that `ha-manager crm-command` has queued for the HA manager, which reads and empties the file once a round.

use std::collections::BTreeMap;

/// Where the commands wait.
pub(super) const PATH: &str = "/etc/pve/ha/crm_commands";

/// The last thing that was asked for of each node's maintenance: to begin it, or not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Queue(BTreeMap<String, bool>);

impl Queue {
    /// The requests among the lines of the file.
    pub(super) fn new(text: &str) -> Self {
        let requests = text.lines().filter_map(|line| {
            let (command, node) = line.trim().split_once(' ')?;
            match command {
                "enable-node-maintenance" => Some((node.trim().to_owned(), true)),
                "disable-node-maintenance" => Some((node.trim().to_owned(), false)),
                _ => None,
            }
        });
        Self(requests.collect())
    }

    /// Whether maintenance of the node is about to begin.
    pub(super) fn asks_for(&self, node: &str) -> bool {
        self.0.get(node) == Some(&true)
    }

    /// The nodes whose maintenance is about to begin.
    pub(super) fn asked_for(&self) -> Vec<&str> {
        self.0.iter().filter(|(_, begins)| **begins).map(|(node, _)| node.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_request_of_a_node_counts() {
        let text = "enable-node-maintenance pve1\nmigrate vm:100 pve2\nenable-node-maintenance pve2\n\
                    disable-node-maintenance pve1\nenable-node-maintenance\n";
        let queue = Queue::new(text);
        assert!(!queue.asks_for("pve1") && queue.asks_for("pve2") && !queue.asks_for("pve3"));
        assert_eq!(queue.asked_for(), ["pve2"]);
        assert_eq!(Queue::new(""), Queue::default());
    }
}
