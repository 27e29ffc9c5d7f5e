//! The arguments of `do roll`: a whole cluster, node by node.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::{NodeName, Sid};

/// Updates a cluster node by node: each node is emptied, updated by a command of yours, rebooted if needed, and gets its
/// guests back before the next one. The master of the HA manager is the last one.
///
/// First every step is simulated: where each guest would move, the votes that are left, the memory of each node, and whether a
/// further failure would be survived. A roll whose steps leave less than is demanded is refused. Only one node is
/// unavailable at a time. A journal file has the progress: the same command continues an interrupted roll.
///
/// Needs SSH to the nodes.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterRoll {
    /// The command that updates a node: a program with its arguments. It runs over SSH on each node while no guest is there.
    /// For a shell, and for more than one command, write
    /// `sh -c 'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -y -o Dpkg::Options::=--force-confold dist-upgrade'`.
    #[schemars(length(min = 1))]
    pub run: Option<String>,
    /// Whether the roll ends when a node is empty, so that you can work on it. The same command then continues.
    #[tf(default = false)]
    pub pause: Option<bool>,
    /// Whether a node is rebooted: `needed` if `/run/reboot-required` exists or a newer kernel is installed than the running
    /// one, `always`, or `never`.
    #[tf(default = "needed")]
    pub reboot: Option<RebootPolicy>,
    /// The nodes to update. Unset means all.
    pub nodes: Option<BTreeSet<NodeName>>,
    /// How many further node failures each step has to survive.
    #[tf(default = 0)]
    #[schemars(range(min = 0, max = 1))]
    pub tolerated_failures: Option<i64>,
    /// How old a replica of an HA resource may be when its node is emptied, such as `1h`. Unset means any age.
    #[schemars(extend("format" = "timeout"))]
    pub max_replica_age: Option<String>,
    /// Guests without HA that stay on their node; a reboot stops them.
    pub leave: Option<BTreeSet<Sid>>,
    /// Guests without HA that are shut down instead of moved.
    pub shutdown: Option<BTreeSet<Sid>>,
    /// Whether disks on local storage that are not replicated to the target are copied over the network, which may take
    /// long.
    #[tf(default = false)]
    pub with_local_disks: Option<bool>,
    /// How much of its memory, in percent, a node may promise to guests after the moves.
    #[tf(default = 100)]
    #[schemars(range(min = 1, max = 1000))]
    pub max_memory_percent: Option<i64>,
    /// How many guests without HA move at the same time.
    #[tf(default = 2)]
    #[schemars(range(min = 1, max = 64))]
    pub max_workers: Option<i64>,
    /// The file with the progress. It is removed at the end.
    #[tf(default = "pve-roll.json")]
    #[schemars(length(min = 1))]
    pub journal: Option<String>,
    /// How long the evacuation of a node, or the return of its guests, may take, such as `3h`; 2 hours by default.
    #[schemars(extend("format" = "timeout"))]
    pub evacuate_timeout: Option<String>,
    /// How long the command of `run` may take on a node, such as `3h`; 2 hours by default.
    #[schemars(extend("format" = "timeout"))]
    pub run_timeout: Option<String>,
    /// How long a reboot may take until the node is in service, such as `1h`; 30 minutes by default.
    #[schemars(extend("format" = "timeout"))]
    pub reboot_timeout: Option<String>,
    /// How long the cluster may take to be healthy after the return of a node, such as `1h`; 30 minutes by default.
    #[schemars(extend("format" = "timeout"))]
    pub gate_timeout: Option<String>,
    /// How long the roll may take, such as `8h`; 24 hours by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

/// When a node is rebooted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RebootPolicy {
    /// If the update asks for it.
    Needed,
    /// After each update.
    Always,
    /// Not at all.
    Never,
}

impl Noun for ClusterRoll {
    const NAME: &'static str = "roll";
    const TITLE: &'static str = "roll";
}
