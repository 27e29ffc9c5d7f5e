//! The output of `pvecm status` and `corosync-quorumtool -siH`: the votes as votequorum counts them.

/// The votes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Votes {
    /// Whether the node that was asked is in the part of the cluster that has quorum.
    pub quorate: bool,
    /// How many votes there should be; `pvecm expected` changes it at run time.
    pub expected: i64,
    /// How many there are.
    pub total: i64,
    /// How many it takes.
    pub needed: i64,
    /// Such as `Quorate` and `Qdevice`.
    pub flags: Vec<String>,
    /// The members, the QDevice included.
    pub members: Vec<Member>,
}

/// Who has a vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id of the node; 0 is the QDevice.
    pub id: i64,
    /// The votes that count now.
    pub votes: i64,
    /// The configured votes. They differ from `votes` only if a QDevice casts no vote.
    pub configured_votes: i64,
    /// How the node sees the QDevice, such as `A,V,NMW`.
    pub qdevice: Option<String>,
}

impl Votes {
    /// Reads what was printed.
    ///
    /// # Errors
    /// Names what is missing in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value = |label: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(label)?.strip_prefix(':'));
            found.map(str::trim).ok_or_else(|| format!("{label:?} is missing"))
        };
        // With too few votes "Activity blocked" follows the number.
        let number = |label: &str| {
            let first = value(label)?.split_whitespace().next().unwrap_or_default();
            first.parse().map_err(|_| format!("{label:?} has no number"))
        };
        Ok(Self {
            quorate: value("Quorate")? == "Yes",
            expected: number("Expected votes")?,
            total: number("Total votes")?,
            needed: number("Quorum")?,
            flags: value("Flags")?.split_whitespace().map(str::to_owned).collect(),
            members: members(text),
        })
    }

    /// The QDevice among the members.
    pub fn qdevice(&self) -> Option<&Member> {
        self.members.iter().find(|member| member.id == 0)
    }

    /// Whether votequorum reckons with a QDevice.
    pub fn has_qdevice(&self) -> bool {
        self.flags.iter().any(|flag| flag == "Qdevice")
    }
}

/// The rows of the table; a QDevice has no entry in the column of its own name.
fn members(text: &str) -> Vec<Member> {
    let mut rows = text.lines().skip_while(|line| !line.trim_start().starts_with("Nodeid"));
    let has_column = rows.next().is_some_and(|head| head.contains("Qdevice"));
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let id = words.next()?;
        let id = match id.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok()?,
            None => id.parse().ok()?,
        };
        let votes = words.next()?.parse().ok()?;
        let qdevice = (has_column && id != 0).then(|| words.next()).flatten().map(str::to_owned);
        // `Qdevice (votes 1)` where it doesn't cast its vote.
        let configured =
            line.split_once("(votes ").and_then(|(_, rest)| rest.trim_end().strip_suffix(')')?.parse().ok());
        Some(Member { id, votes, configured_votes: configured.unwrap_or(votes), qdevice })
    };
    rows.map_while(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::recorded::steps;

    fn printed(case: &str, n: u64) -> String {
        let step = steps(case).into_iter().find(|step| step["n"] == n).unwrap();
        step["stdout"].as_str().unwrap().to_owned()
    }

    #[test]
    fn reads_everything_that_was_ever_printed() {
        let mut seen = 0;
        for case in ["pve8-qdevice", "pve9-qdevice", "pve8-cli", "pve9-cli", "pve8-failover", "pve9-failover"] {
            for step in steps(case) {
                let program = (step["argv"][0].as_str(), step["argv"][1].as_str());
                if step["exit"] == 0 && matches!(program, (Some("pvecm"), Some("status")) | (_, Some("-siH"))) {
                    let votes = Votes::parse(step["stdout"].as_str().unwrap()).unwrap();
                    assert_eq!(votes.members.iter().map(|member| member.votes).sum::<i64>(), votes.total);
                    assert_eq!(votes.needed, votes.expected / 2 + 1);
                    assert_eq!(votes.has_qdevice(), votes.qdevice().is_some());
                    seen += 1;
                }
            }
        }
        assert!(seen >= 14, "{seen}");
    }

    #[test]
    fn a_qdevice_has_votes_and_is_seen_by_each_node() {
        let votes = Votes::parse(&printed("pve9-qdevice", 15)).unwrap();
        assert_eq!((votes.quorate, votes.expected, votes.total, votes.needed), (true, 5, 5, 3));
        assert_eq!(votes.flags, ["Quorate", "Qdevice"]);
        assert_eq!(
            votes.members[0],
            Member { id: 1, votes: 1, configured_votes: 1, qdevice: Some("A,V,NMW".to_owned()) }
        );
        assert_eq!(votes.qdevice(), Some(&Member { id: 0, votes: 2, configured_votes: 2, qdevice: None }));
    }

    #[test]
    fn a_vote_that_is_not_cast_is_known() {
        let text = printed("pve9-qdevice", 15).replace("2            Qdevice\n", "0            Qdevice (votes 2)\n");
        let votes = Votes::parse(&text).unwrap();
        assert_eq!(votes.qdevice().map(|device| (device.votes, device.configured_votes)), Some((0, 2)));
    }

    #[test]
    fn without_quorum_activity_is_blocked() {
        let text = printed("pve9-qdevice", 2)
            .replace("Quorate:          Yes", "Quorate:          No")
            .replace("Quorum:           2  ", "Quorum:           2 Activity blocked")
            .replace("Flags:            Quorate ", "Flags:            ");
        let votes = Votes::parse(&text).unwrap();
        assert_eq!((votes.quorate, votes.needed, votes.flags.len()), (false, 2, 0));
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(Votes::parse("").unwrap_err(), "\"Quorate\" is missing");
        let text = printed("pve9-qdevice", 2).replace("Expected votes:   3", "Expected votes:   x");
        assert_eq!(Votes::parse(&text).unwrap_err(), "\"Expected votes\" has no number");
    }
}
