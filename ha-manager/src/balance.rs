//! The load balancer of PVE 9.2: its settings, what it sees, and what it would do.

use std::collections::HashMap;

use super::command::Command;
use super::config::Name;
use super::topsis::Load;
use super::usage::Size;

/// The settings of the balancer, where it is switched on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Balancing {
    /// Up to this imbalance nothing is moved, as a fraction.
    pub threshold: f64,
    /// The least relative improvement that a move must bring, as a fraction.
    pub margin: f64,
    /// After how many uneven rounds in a row a move is looked for; 0 is the same as 1.
    pub hold_rounds: u32,
    pub method: Method,
}

/// A balancer of which nothing else is set.
impl Default for Balancing {
    fn default() -> Self {
        Self { threshold: 0.30, margin: 0.10, hold_rounds: 3, method: Method::BruteForce }
    }
}

impl Balancing {
    /// The settings that `option` returns, each of which may be unset; percent where Proxmox writes percent.
    pub fn read(option: impl Fn(&str) -> Option<f64>, method: Option<&str>) -> Self {
        let unset = Self::default();
        let percent = |name, unset| option(name).map_or(unset, |percent| percent / 100.0);
        Self {
            threshold: percent("ha-auto-rebalance-threshold", unset.threshold),
            margin: percent("ha-auto-rebalance-margin", unset.margin),
            // A round that is not complete does not count.
            hold_rounds: option("ha-auto-rebalance-hold-duration")
                .map_or(unset.hold_rounds, |rounds| rounds.ceil() as u32),
            method: if method == Some("topsis") { Method::Topsis } else { Method::BruteForce },
        }
    }

    /// How many uneven rounds in a row lead to a look for a move.
    pub fn rounds(&self) -> u32 {
        self.hold_rounds.max(1)
    }
}

/// How the balancer compares moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// By the imbalance that they lead to.
    BruteForce,
    /// By the scores of the static scheduler.
    Topsis,
}

impl Method {
    /// Proxmox's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BruteForce => "bruteforce",
            Self::Topsis => "topsis",
        }
    }
}

/// CPUs and bytes in use, as measured: what the dynamic scheduler weighs.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    pub nodes: HashMap<Name, Size>,
    pub services: HashMap<Name, Size>,
}

/// What the balancer sees and would do.
#[derive(Clone, Debug)]
pub struct Balance {
    /// 0 where all online nodes are loaded alike, 1 where one of them has all the load.
    pub imbalance: f64,
    /// The online nodes, by name; empty where sizes are not weighed.
    pub loads: Vec<(Name, Load)>,
    /// The move, or why nothing moves.
    pub next: Result<Move, Standstill>,
}

/// A move of services that stay together.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// Their ids, by name; the first one is the leader.
    pub services: Vec<Name>,
    pub source: Name,
    pub target: Name,
    /// The imbalance that it leads to.
    pub imbalance: f64,
}

impl Move {
    /// The service that Proxmox names.
    pub fn leader(&self) -> &Name {
        &self.services[0]
    }

    /// `migrate` for a virtual machine, which moves while it runs, and `relocate` for everything else.
    pub fn operation(&self) -> &'static str {
        if self.leader().starts_with("vm:") { "migrate" } else { "relocate" }
    }

    /// The same as an administrator would ask for it.
    pub fn command(&self) -> Command {
        let (sid, target) = (self.leader().clone(), self.target.clone());
        if self.operation() == "migrate" { Command::Migrate(sid, target) } else { Command::Relocate(sid, target) }
    }
}

/// Why the balancer moves nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Standstill {
    Disarmed,
    /// The scheduler counts services, and weighs nothing.
    Counts,
    /// A service is on its way, or about to leave.
    Moving(Name),
    /// The imbalance is not above the threshold.
    Balanced,
    /// No service may move anywhere.
    NoCandidate,
    /// The best move improves too little.
    Margin(Move),
}
