//! `pve_ha_status`: what the HA manager does right now.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::answer::{list, natural};
use super::ha_problems::problems;
use crate::noun::Noun;
use crate::value::Entry;

/// The state of who has not reported for more than 30 s, in the words of PVE::API2::HA::Status.
pub const DEAD: &str = "old timestamp - dead?";

/// The state of whose clock is ahead of that of the node that answers, in the words of PVE::API2::HA::Status.
pub const DRIFT: &str = "detected time drift!";

/// The current state of HA: the master, the local resource managers (LRM), every node and every HA resource, and the
/// current problems.
///
/// Use `healthy` in a `precondition` or `check` to gate a rollout; `problems` has the reasons. A node in maintenance,
/// and a resource in transition to its requested state, are not problems.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaStatus {
    /// Whether there are no problems.
    pub healthy: bool,
    /// The current problems, one line each, always in the same order: quorum, master, fencing, nodes, LRMs, services.
    pub problems: Vec<String>,
    /// Whether the node that answers is in the part of the cluster that has quorum.
    pub quorate: bool,
    /// The node whose HA manager is master; null on a cluster that has never used HA.
    pub master: Option<Master>,
    /// Whether nodes would be fenced; null where Proxmox does not report it (before `pve-ha-manager` 5.1.3, so on all
    /// of PVE 8).
    pub fencing: Option<Fencing>,
    /// The local resource managers, sorted by node. Empty on a cluster that has never used HA.
    pub lrm: Vec<Lrm>,
    /// The nodes that the HA manager has registered, sorted by name. Empty on a cluster that has never used HA.
    pub nodes: Vec<HaNode>,
    /// The HA resources, sorted by type and number.
    pub services: Vec<Service>,
    /// How unevenly the online nodes are loaded, as the load balancer sees it: 0 where all are loaded alike, 1 where
    /// one has all the load. The balancer moves HA resources where it is above the threshold of `crs`, which is in
    /// percent: 0.31 is above a threshold of 30. 0 with the `basic` scheduler; null where Proxmox does not report it
    /// (before `pve-ha-manager` 5.2.5).
    pub imbalance: Option<f64>,
}

/// The HA manager in charge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Master {
    /// Its node.
    pub node: String,
    /// `active`; `idle` while there is nothing to manage; `old timestamp - dead?`; `detected time drift!`.
    pub state: String,
}

/// Whether nodes would be fenced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Fencing {
    /// `armed`; `standby` while there is nothing to protect; `disarming`; `disarmed`.
    pub armed_state: String,
    /// How the HA manager treats HA resources while fencing is disarmed: `freeze` or `ignore`.
    pub resource_mode: Option<String>,
}

/// A local resource manager.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lrm {
    /// Its node.
    pub node: String,
    /// As `ha-manager status` shows it: `idle`, `active`, `wait_for_agent_lock`, `lost_agent_lock`, `maintenance mode`,
    /// `restart mode`, `shutdown mode`, `disarm mode`, `old timestamp - dead?`, `detected time drift!`,
    /// `unable to read lrm status`.
    pub state: String,
    /// `active`, `restart`, `shutdown`, `reboot`, `maintenance` or `disarm`; null while it has not yet reported anything.
    pub mode: Option<String>,
    /// The state of its watchdog: `active`, `standby` or `released`; null where Proxmox does not report it (before
    /// `pve-ha-manager` 5.1.3, so on all of PVE 8).
    pub watchdog: Option<String>,
    /// How many seconds its last report is older than the newest of all reports. Differs from read to read.
    pub age_seconds: Option<i64>,
}

/// A node as the HA manager sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaNode {
    /// The name of the node.
    pub name: String,
    /// `online`, `maintenance`, `unknown` (not online: not yet fenced, or fenced and not back), `fence` or `gone`.
    pub state: String,
    /// Whether maintenance is requested; the node is in it once `state` is `maintenance`.
    pub maintenance_requested: bool,
}

/// An HA resource at run time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// The guest, such as `vm:100`.
    pub sid: String,
    /// The node it is on; null if the guest doesn't exist.
    pub node: Option<String>,
    /// Its state in the HA manager, as `ha-manager status` shows it: `started`, `stopped`, `starting`, `queued`,
    /// `migrate`, `relocate`, `fence`, `recovery`, `freeze`, `error`, `disabled`, `ignored`, …
    pub state: String,
    /// The state it is to be kept in: `started`, `stopped`, `disabled` or `ignored`.
    pub requested_state: Option<String>,
    /// Whether the load balancer may move it; null where Proxmox does not report it (before PVE 9.2).
    pub auto_rebalance: Option<bool>,
    /// Whether it is in the error state, which only the requested state `disabled` clears.
    pub in_error: bool,
}

impl Noun for HaStatus {
    const NAME: &'static str = "pve_ha_status";
    const TITLE: &'static str = "HA status";
}

impl HaStatus {
    /// From the answers of `/cluster/ha/status/current` and `/cluster/ha/status/manager_status`.
    ///
    /// # Errors
    /// Says what of the answers has an unexpected form.
    pub fn from_answers(current: &Json, manager: &Json) -> Result<Self, String> {
        let entries = list(current)?;
        let of = |kind: &'static str| entries.iter().filter(move |entry| entry["type"] == kind).map(Entry);
        let quorum = of("quorum").next().ok_or("there is no entry of the type quorum")?;
        let reports = &manager["lrm_status"];
        let newest = Self::newest_timestamp(current, manager);

        let mut lrm = of("lrm").map(|entry| Lrm::new(entry, reports, newest)).collect::<Result<Vec<_>, _>>()?;
        lrm.sort_by(|a, b| a.node.cmp(&b.node));
        let mut services = of("service").map(Service::new).collect::<Result<Vec<_>, _>>()?;
        services.sort_by_key(|service| natural(&service.sid));
        let mut status = Self {
            healthy: true,
            problems: Vec::new(),
            quorate: quorum.flag("quorate").unwrap_or(false),
            master: of("master").next().map(Master::new).transpose()?,
            fencing: of("fencing").next().map(Fencing::new).transpose()?,
            lrm,
            nodes: nodes(&manager["manager_status"]),
            services,
            imbalance: Entry(&manager["manager_status"]).number("imbalance"),
        };
        status.problems = problems(&status, &[]);
        status.healthy = status.problems.is_empty();
        Ok(status)
    }

    /// The same where Corosync misses the nodes `offline`: the HA manager finds out in its next round, or never without quorum.
    #[must_use]
    pub fn with_offline(mut self, offline: &[String]) -> Self {
        self.problems = problems(&self, offline);
        self.healthy = self.problems.is_empty();
        self
    }

    /// The newest timestamp in the answers of `/cluster/ha/status/current` and `/cluster/ha/status/manager_status`, in seconds of
    /// the epoch: the closest thing to the cluster's own clock.
    #[must_use]
    pub fn newest_timestamp(current: &Json, manager: &Json) -> Option<i64> {
        let entries = current.as_array().into_iter().flatten();
        let reports = manager["lrm_status"].as_object().into_iter().flatten().map(|(_, report)| report);
        let stamped = entries.chain(reports).chain([&manager["manager_status"]]);
        stamped.filter_map(|entry| Entry(entry).integer("timestamp")).max()
    }
}

impl Master {
    fn new(entry: Entry<'_>) -> Result<Self, String> {
        Ok(Self { node: entry.required("node")?, state: Words::of(&entry.required("status")?).state })
    }
}

impl Fencing {
    fn new(entry: Entry<'_>) -> Result<Self, String> {
        Ok(Self { armed_state: entry.required("armed-state")?, resource_mode: entry.text("resource_mode") })
    }
}

impl Lrm {
    fn new(entry: Entry<'_>, reports: &Json, newest: Option<i64>) -> Result<Self, String> {
        let node = entry.required("node")?;
        let words = Words::of(&entry.required("status")?);
        let report = Entry(&reports[&node]);
        let reported = entry.integer("timestamp");
        Ok(Self {
            state: words.state,
            mode: report.text("mode"),
            watchdog: words.watchdog,
            age_seconds: newest.zip(reported).map(|(newest, reported)| newest - reported),
            node,
        })
    }
}

impl Service {
    fn new(entry: Entry<'_>) -> Result<Self, String> {
        let state = entry.required("state")?;
        Ok(Self {
            sid: entry.required("sid")?,
            node: entry.text("node"),
            requested_state: entry.text("request_state"),
            auto_rebalance: entry.flag("auto-rebalance"),
            in_error: state == "error" || entry.text("crm_state").as_deref() == Some("error"),
            state,
        })
    }
}

/// The words that `PVE::API2::HA::Status` puts into the brackets of `NODE (STATE, watchdog STATE, TIME)`: its answers
/// have them nowhere else. The time is local to the node and is not read.
struct Words {
    state: String,
    watchdog: Option<String>,
}

impl Words {
    fn of(status: &str) -> Self {
        let inner = status.split_once('(').map_or(status, |(_, rest)| rest);
        let inner = inner.split_once(')').map_or(inner, |(inner, _)| inner);
        let mut words = inner.split(", ");
        let state = words.next().unwrap_or_default().to_owned();
        let watchdog = words.find_map(|word| word.strip_prefix("watchdog ")).map(str::to_owned);
        Self { state, watchdog }
    }
}

fn nodes(manager: &Json) -> Vec<HaNode> {
    let states: BTreeMap<_, _> = manager["node_status"].as_object().into_iter().flatten().collect();
    let states = states.into_iter().filter_map(|(name, state)| Some((name, state.as_str()?)));
    states
        .map(|(name, state)| HaNode {
            name: name.clone(),
            state: state.to_owned(),
            maintenance_requested: Entry(&manager["node_request"][name]).flag("maintenance").unwrap_or(false),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::recorded::{answer, reversed};

    fn status(case: &str, current: u64, manager: u64) -> HaStatus {
        HaStatus::from_answers(&answer(case, current), &answer(case, manager)).unwrap()
    }

    #[test]
    fn a_quiet_cluster_is_healthy() {
        for case in ["pve8-ha-status", "pve9-ha-status"] {
            let status = status(case, 7, 8);
            assert_eq!(status.problems, [""; 0]);
            assert!(status.healthy && status.quorate);
            let master = status.master.as_ref().unwrap();
            assert_eq!((master.node.as_str(), master.state.as_str()), ("pve3", "active"));
            let sids: Vec<_> = status.services.iter().map(|service| service.sid.as_str()).collect();
            assert_eq!(sids, ["ct:200", "vm:102", "vm:103", "vm:105"]);
            let states: Vec<_> = status.nodes.iter().map(|node| (node.name.as_str(), node.state.as_str())).collect();
            assert_eq!(states, [("pve1", "online"), ("pve2", "online"), ("pve3", "online")]);
            assert!(status.lrm.iter().all(|lrm| lrm.mode.as_deref() == Some("active") && lrm.state == "active"));
        }
    }

    #[test]
    fn only_the_newer_one_reports_watchdog_and_fencing() {
        let (eight, nine) = (status("pve8-ha-status", 7, 8), status("pve9-ha-status", 7, 8));
        assert!(eight.fencing.is_none() && eight.lrm.iter().all(|lrm| lrm.watchdog.is_none()));
        assert_eq!(nine.fencing.unwrap().armed_state, "armed");
        assert!(nine.lrm.iter().all(|lrm| lrm.watchdog.as_deref() == Some("active")));
    }

    #[test]
    fn the_order_of_the_answer_does_not_matter() {
        let [current, manager] = [7, 8].map(|n| answer("pve9-ha-status", n));
        let straight = HaStatus::from_answers(&current, &manager).unwrap();
        assert_eq!(HaStatus::from_answers(&reversed(current), &manager).unwrap(), straight);
    }

    #[test]
    fn ages_are_relative_to_the_newest_report() {
        let status = status("pve9-ha-status", 7, 8);
        let ages: Vec<_> = status.lrm.iter().map(|lrm| lrm.age_seconds.unwrap()).collect();
        assert_eq!(ages, [8, 8, 8]);
    }

    #[test]
    fn a_cluster_that_never_used_ha_has_no_master_and_no_problem() {
        for (case, fencing) in [("pve8-ha-fresh", None), ("pve9-ha-fresh", Some("standby"))] {
            let status = status(case, 1, 2);
            assert!(status.healthy && status.master.is_none() && status.lrm.is_empty() && status.nodes.is_empty());
            assert_eq!(status.fencing.map(|fencing| fencing.armed_state).as_deref(), fencing);
        }
    }

    #[test]
    fn maintenance_is_shown_and_is_no_problem() {
        for case in ["pve8-ha-maintenance", "pve9-ha-maintenance"] {
            let status = status(case, 10, 11);
            let node = &status.nodes[2];
            assert_eq!((node.state.as_str(), node.maintenance_requested), ("maintenance", true));
            assert_eq!(status.lrm[2].state, "maintenance mode");
            assert_eq!(status.lrm[2].mode.as_deref(), Some("maintenance"));
            assert_eq!(status.problems, [""; 0]);
        }
    }

    #[test]
    fn a_failed_node_is_one_problem_and_its_service_another() {
        for (case, current, manager) in [("pve8-failover", 12, 13), ("pve9-failover", 11, 12)] {
            let status = status(case, current, manager);
            assert!(!status.healthy);
            let expected = [
                "node pve3: failed, is being fenced; its HA resources are recovered on other nodes after that",
                "vm:104: waits for its failed node pve3 to be fenced (requested: started)",
            ];
            assert_eq!(status.problems, expected);
            assert!(status.lrm[2].age_seconds.unwrap() > 60);
        }
    }

    #[test]
    fn a_service_in_error_says_how_to_get_out() {
        for case in ["pve8-ha-error", "pve9-ha-error"] {
            let manager = answer("pve9-ha-status", 8);
            let status = HaStatus::from_answers(&answer(case, 4), &manager).unwrap();
            assert!(status.services[0].in_error);
            assert_eq!(status.problems.len(), 1);
            assert!(status.problems[0].starts_with("vm:103: in error state on pve2"), "{}", status.problems[0]);
        }
    }

    #[test]
    fn disarmed_ha_is_one_problem_however_many_services_it_freezes() {
        let status = status("pve9-ha-disarm", 10, 11);
        let fencing = status.fencing.as_ref().unwrap();
        assert_eq!((fencing.armed_state.as_str(), fencing.resource_mode.as_deref()), ("disarmed", Some("freeze")));
        assert_eq!(status.problems, ["HA is disarmed (resource mode freeze): no node is fenced, nothing is recovered"]);
        assert_eq!(status.master.unwrap().state, "active");
    }

    #[test]
    fn an_lrm_that_never_reported_has_no_age() {
        let status = HaStatus::from_answers(&answer("pve8-ha-status", 27), &answer("pve8-ha-status", 8)).unwrap();
        let lrm = &status.lrm[0];
        assert_eq!((lrm.node.as_str(), lrm.state.as_str()), ("nosuch", "unable to read lrm status"));
        assert_eq!((lrm.mode.as_deref(), lrm.age_seconds), (None, None));
    }
}
