//! The load balancer: what the HA manager's own code sees and would do.

use std::sync::Arc;

use pve_schemas::data::HaBalance;
use pve_schemas::data::ha_balance::{BalanceArguments, BalanceSettings, NextMove, NodeLoad};
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use pve_ha_manager::balance::{Balance, Balancing, Measured, Move, Standstill};
use pve_ha_manager::forecast::{Forecast, ROUND};
use pve_ha_manager::imbalance::share;
use pve_ha_manager::usage::Size;

use super::live::SimulatedCluster;
use super::{bystanders, capacity, status, unknown};

/// The option `crs` of the datacenter, with the settings of the load balancer.
pub struct Options<'a>(pub &'a Json);

impl Options<'_> {
    fn balancing(&self) -> Balancing {
        Balancing::read(|name| Entry(self.0).number(name), Entry(self.0).text("ha-auto-rebalance-method").as_deref())
    }

    fn is_on(&self) -> bool {
        Entry(self.0).flag("ha-auto-rebalance").unwrap_or(false)
    }

    /// The settings with Proxmox's defaults; all but the mode null where the release has no load balancer.
    fn settings(&self, mode: Option<&str>, has_balancer: bool) -> BalanceSettings {
        let set = self.balancing();
        let number = |name: &str, unset: f64| has_balancer.then(|| Entry(self.0).number(name).unwrap_or(unset));
        let unset = Balancing::default();
        BalanceSettings {
            mode: mode.unwrap_or("basic").to_owned(),
            enabled: has_balancer.then(|| self.is_on()),
            threshold: number("ha-auto-rebalance-threshold", unset.threshold * 100.0),
            margin: number("ha-auto-rebalance-margin", unset.margin * 100.0),
            hold_duration: number("ha-auto-rebalance-hold-duration", f64::from(unset.hold_rounds)),
            method: has_balancer.then(|| set.method.as_str().to_owned()),
        }
    }
}

/// What `/cluster/resources` says of loads.
pub fn measured(rows: &[Json]) -> Measured {
    let mut measured = Measured::default();
    for row in rows {
        let entry = Entry(row);
        let number = |name: &str| entry.number(name).unwrap_or_default();
        // The share of its CPUs, of a guest as of a node.
        let size = || Size { cpu: number("cpu") * number("maxcpu"), mem: number("mem").max(0.0) as u64 };
        let kind = match row["type"].as_str() {
            Some("node") => {
                if let Some(node) = row["node"].as_str() {
                    measured.nodes.insert(node.into(), size());
                }
                continue;
            }
            Some("qemu") => "vm",
            Some("lxc") => "ct",
            _ => continue,
        };
        if let Some(guest) = entry.integer("vmid") {
            measured.services.insert(format!("{kind}:{guest}").as_str().into(), size());
        }
    }
    measured
}

/// What the load balancer sees and would do. `unseen` says what the user may not see of the loads.
pub fn balance(
    live: &SimulatedCluster,
    rows: &[Json],
    options: &Options<'_>,
    has_balancer: bool,
    unseen: Option<String>,
    arguments: BalanceArguments,
) -> HaBalance {
    let settings = options.settings(live.crs.mode.as_deref(), has_balancer);
    let reported = Entry(&live.manager).number("imbalance").map(rounded);
    let none = |why: String| HaBalance {
        arguments: arguments.clone(),
        imbalance: None,
        reported_imbalance: reported,
        settings: settings.clone(),
        nodes: Vec::new(),
        next_move: None,
        reason: Some(why),
    };
    if !has_balancer {
        return none("Proxmox VE has a load balancer since 9.2, and this cluster runs an older release.".to_owned());
    }
    if let Some(why) = unseen {
        return none(why);
    }
    let mut balancing = options.balancing();
    let percent = |argument: Option<f64>, unset: f64| argument.map_or(unset, |percent| percent / 100.0);
    balancing.threshold = percent(arguments.threshold, balancing.threshold);
    balancing.margin = percent(arguments.margin, balancing.margin);
    let look = look(live, rows, &balancing, &arguments);
    let is_unweighed = look.loads.is_empty() && settings.mode != "basic";
    let unknown = unknown(live, &live.config).into_iter().next();
    let reason = if live.quorum.quorate == Some(false) {
        Some("The cluster has no quorum, and the HA manager moves nothing.".to_owned())
    } else if !options.is_on() {
        Some("The load balancer is off: `ha_auto_rebalance` in `crs` of `pve_datacenter_options`.".to_owned())
    } else if is_unweighed {
        Some("The HA manager does not have the sizes of all nodes and guests, and weighs no loads.".to_owned())
    } else if let Some((sid, why)) = unknown {
        Some(format!("Unknown: where {sid} may run depends on {why}."))
    } else {
        look.next.as_ref().err().map(|why| words(why, look.imbalance, &balancing))
    };
    let next_move = look.next.as_ref().ok().filter(|_| reason.is_none()).map(|next| planned(next, &balancing));
    HaBalance {
        imbalance: Some(rounded(look.imbalance)),
        nodes: nodes(&look),
        next_move,
        reason,
        ..none(String::new())
    }
}

fn look(live: &SimulatedCluster, rows: &[Json], balancing: &Balancing, arguments: &BalanceArguments) -> Balance {
    let mut config = live.config.config(live.mode, &live.crs);
    for pinned in arguments.pinned.iter().flatten() {
        if let Some(resource) = config.resources.get_mut(pinned.as_str()) {
            resource.auto_rebalance = false;
        }
    }
    let bystanders = bystanders(live, &config);
    let capacity = (live.crs.mode.as_deref().unwrap_or("basic") != "basic").then(|| capacity(live));
    let forecast = Forecast::new(&status::of(live), Arc::new(config), capacity, bystanders);
    forecast.balance(balancing, &measured(rows))
}

fn nodes(look: &Balance) -> Vec<NodeLoad> {
    let node = |(name, load): &(_, _)| NodeLoad {
        name: ToString::to_string(name),
        load: rounded(share(load)),
        cpu: rounded(load.cpu),
        max_cpu: load.max_cpu,
        memory: load.mem,
        max_memory: load.max_mem,
    };
    look.loads.iter().map(node).collect()
}

fn planned(next: &Move, balancing: &Balancing) -> NextMove {
    let rounds = i64::from(balancing.rounds());
    NextMove {
        resource: next.leader().to_string(),
        with: next.services.iter().skip(1).map(ToString::to_string).collect(),
        source: next.source.to_string(),
        target: next.target.to_string(),
        command: next.operation().to_owned(),
        imbalance: rounded(next.imbalance),
        rounds,
        seconds: rounds * ROUND,
    }
}

fn words(why: &Standstill, imbalance: f64, balancing: &Balancing) -> String {
    match why {
        Standstill::Disarmed => "HA is disarmed: the HA manager moves nothing.".to_owned(),
        Standstill::Counts => {
            "The scheduler is `basic`, which weighs no loads: the load balancer needs `ha = \"static\"` or `\"dynamic\"` \
             in `crs` of `pve_datacenter_options`."
                .to_owned()
        }
        Standstill::Moving(sid) => format!("{sid} is moved just now, and the load balancer waits for that."),
        Standstill::Balanced => format!(
            "The imbalance of {} % is not above the threshold of {} %.",
            percent(imbalance),
            percent(balancing.threshold)
        ),
        Standstill::NoCandidate => "No started HA resource may move to another node: rules, `auto_rebalance = false` or \
                                    `pinned` keep each where it is."
            .to_owned(),
        Standstill::Margin(best) if best.imbalance >= imbalance => "No move improves the imbalance.".to_owned(),
        Standstill::Margin(best) => format!(
            "The best move, {} to {}, improves the imbalance by {} % of it, which is less than the margin of {} %.",
            best.leader(),
            best.target,
            percent((imbalance - best.imbalance) / imbalance),
            percent(balancing.margin)
        ),
    }
}

fn percent(fraction: f64) -> f64 {
    (fraction * 1000.0).round() / 10.0
}

/// So many digits as Proxmox's figures have that are worth anything.
fn rounded(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}
