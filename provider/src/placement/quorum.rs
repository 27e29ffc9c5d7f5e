//! Corosync's vote arithmetic: what is quorate, and how many nodes may fail.

/// How a QDevice votes. Proxmox picks the algorithm from the parity of the node count at set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QDevice {
    /// Even node counts: one vote, for one side of a 50:50 split.
    Ffsplit,
    /// Odd node counts (`--force`): as many votes as nodes, less one.
    Lms,
}

impl QDevice {
    /// The algorithm `pvecm qdevice setup` chooses for that many nodes.
    pub fn for_nodes(nodes: u32) -> Self {
        if nodes.is_multiple_of(2) { Self::Ffsplit } else { Self::Lms }
    }

    /// The votes it has beside that many nodes.
    pub fn votes(self, nodes: u32) -> u32 {
        match self {
            Self::Ffsplit => 1,
            Self::Lms => nodes.saturating_sub(1),
        }
    }
}

/// The votes that count in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Votes {
    /// Votes of each configured node; 1 unless changed in corosync.conf.
    pub nodes: Vec<u32>,
    /// Votes of the QDevice; 0 without one.
    pub qdevice: u32,
}

impl Votes {
    /// A cluster whose nodes have one vote each.
    pub fn equal(nodes: u32, qdevice: Option<QDevice>) -> Self {
        Self { nodes: vec![1; nodes as usize], qdevice: qdevice.map_or(0, |device| device.votes(nodes)) }
    }

    /// All votes there could be.
    pub fn expected(&self) -> u32 {
        self.nodes.iter().sum::<u32>() + self.qdevice
    }

    /// The votes a partition needs.
    pub fn needed(&self) -> u32 {
        self.expected() / 2 + 1
    }

    /// Whether a partition with these node votes, and the QDevice's if it sides with it, is quorate.
    pub fn quorate(&self, node_votes: u32, with_qdevice: bool) -> bool {
        node_votes + if with_qdevice { self.qdevice } else { 0 } >= self.needed()
    }

    /// How many nodes may fail, whichever they are, before the rest loses quorum.
    pub fn tolerated_failures(&self, qdevice_up: bool) -> u32 {
        let mut votes = self.nodes.clone();
        votes.sort_unstable_by(|a, b| b.cmp(a));
        let mut left: u32 = votes.iter().sum();
        let mut tolerated = 0;
        for vote in votes.iter().take(votes.len().saturating_sub(1)) {
            left -= vote;
            if !self.quorate(left, qdevice_up) {
                break;
            }
            tolerated += 1;
        }
        tolerated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_two_to_six_nodes() {
        // nodes, needed and tolerated without; expected, needed, tolerated with, and with the QDevice down
        for (n, needed, tolerated, with_expected, with_needed, with_up, with_down) in [
            (2, 2, 0, 3, 2, 1, 0),
            (3, 2, 1, 5, 3, 2, 0),
            (4, 3, 1, 5, 3, 2, 1),
            (5, 3, 2, 9, 5, 4, 0),
            (6, 4, 2, 7, 4, 3, 2),
        ] {
            let plain = Votes::equal(n, None);
            assert_eq!((plain.needed(), plain.tolerated_failures(false)), (needed, tolerated), "{n} nodes");
            let with = Votes::equal(n, Some(QDevice::for_nodes(n)));
            assert_eq!(
                (with.expected(), with.needed(), with.tolerated_failures(true), with.tolerated_failures(false)),
                (with_expected, with_needed, with_up, with_down),
                "{n} nodes with a QDevice"
            );
        }
    }
}
