//! The checklist before production: each check one small function over the facts that were gathered.
//!
//! This layer only ever judges: it asks for nothing and knows no clock of its own. What the facts don't tell is unknown,
//! never guessed; details hold nothing that differs between two reads of a cluster that has not changed.

mod cluster;
mod facts;
mod fencing;
mod network;
mod notifications;
mod operations;
mod placement;
mod services;
mod shell;
mod storage;
#[cfg(test)]
mod testing;
mod verdict;

use pve_schemas::data::readiness::{Check, Level, Profile, ReadinessArguments};
use pve_schemas::value::duration;

pub use facts::{Facts, Task};
pub use fencing::{FenceConnection, connections_of};
pub use shell::{Answers as FenceAnswers, NodeShell, Shell};

use verdict::Verdict;

/// What the user demands, with defaults filled in.
#[derive(Debug, Clone)]
pub struct Demands {
    arguments: ReadinessArguments,
    /// How many seconds old a replica may be.
    max_lag: i64,
}

impl Demands {
    /// The demands of these arguments.
    pub fn new(arguments: ReadinessArguments) -> Self {
        let given = arguments.max_replication_lag.as_deref().and_then(duration);
        let max_lag = given.map_or(3600, |lag| i64::try_from(lag.as_secs()).unwrap_or(i64::MAX));
        Self { arguments, max_lag }
    }
}

/// Where a check is mandatory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Even in a lab: HA can't work without it.
    Always,
    /// The cluster carries production load.
    Production,
    /// Nowhere: it is good advice.
    Advice,
}

struct Item {
    id: &'static str,
    title: &'static str,
    weight: Weight,
    check: fn(&Facts, &Demands) -> Verdict,
}

const fn item(id: &'static str, title: &'static str, weight: Weight, check: fn(&Facts, &Demands) -> Verdict) -> Item {
    Item { id, title, weight, check }
}

/// Causes before effects: what is wrong further up explains what follows.
const ITEMS: [Item; 27] = [
    item("cluster_formed", "The nodes form a cluster", Weight::Always, cluster::formed),
    item("expected", "Everything in `expect` exists", Weight::Always, cluster::expected),
    item("versions_equal", "All nodes run the same version", Weight::Production, cluster::versions_equal),
    item("quorum", "The cluster has quorum", Weight::Always, cluster::quorum),
    item("quorum_margin", "One more node may fail before quorum is lost", Weight::Production, cluster::quorum_margin),
    item("qdevice", "An even number of nodes has a QDevice that votes", Weight::Production, cluster::qdevice),
    item("corosync_links", "At least two Corosync links, and stable", Weight::Advice, network::corosync_links),
    item(
        "migration_network",
        "A migration network that every node reaches",
        Weight::Advice,
        network::migration_network,
    ),
    item("storage", "The disks of each guest are on every node that may run it", Weight::Production, storage::disks),
    item("fence_devices", "Fence devices answer", Weight::Advice, fencing::devices),
    item("fencing_mode", "The fencing mode is the one that works", Weight::Advice, fencing::mode),
    item("watchdog", "Every node has a working watchdog", Weight::Advice, fencing::watchdog),
    item("master_active", "An HA manager is active", Weight::Always, services::master),
    item("lrm_active", "The local resource managers are active", Weight::Always, services::lrms),
    item("clocks", "The clocks of the nodes are in sync", Weight::Production, services::clocks),
    item("maintenance", "No node is left in maintenance", Weight::Production, services::maintenance),
    item("services", "Every HA resource is in its requested state", Weight::Always, services::states),
    item("rules_valid", "Rules and groups are without errors", Weight::Always, placement::valid),
    item(
        "priorities",
        "Every rule and group has a second node, and its best nodes are online",
        Weight::Production,
        placement::priorities,
    ),
    item(
        "restart_limits",
        "The restart and relocate limits are within the recommended range",
        Weight::Advice,
        placement::limits,
    ),
    item("failover", "The failure of any node is survived", Weight::Production, placement::failover),
    item("unmanaged_guests", "Guests tagged for HA are HA resources", Weight::Advice, placement::unmanaged),
    item("backup", "Every HA guest is backed up, and the last run succeeded", Weight::Production, operations::backup),
    item("restore_test", "A restore was tested", Weight::Advice, operations::restore_test),
    item(
        "notification_target",
        "There is a notification target that is switched on",
        Weight::Production,
        notifications::target,
    ),
    item(
        "notification_matcher",
        "Fencing and failed replication send notifications",
        Weight::Production,
        notifications::matcher,
    ),
    item("restart_loops", "No HA guest was started again and again", Weight::Advice, operations::restart_loops),
];

/// All checks, in the same order always.
pub fn checks(facts: &Facts, demands: &Demands) -> Vec<Check> {
    let profile = demands.arguments.profile.unwrap_or_default();
    let mandatory =
        |weight| weight == Weight::Always || (weight == Weight::Production && profile == Profile::Production);
    ITEMS
        .iter()
        .map(|item| {
            let verdict = (item.check)(facts, demands);
            Check {
                id: item.id.to_owned(),
                title: item.title.to_owned(),
                level: if mandatory(item.weight) { Level::Mandatory } else { Level::Recommended },
                status: verdict.status,
                detail: verdict.detail,
                remedy: verdict.remedy,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pve_schemas::data::HaReadiness;
    use pve_schemas::data::readiness::Status;

    use super::testing::Good;
    use super::*;

    #[test]
    fn a_good_cluster_is_ready_and_every_check_is_made() {
        let facts = Good::facts();
        let checks = checks(&facts, &Good::demands());
        let not: Vec<_> = checks.iter().filter(|check| check.status != Status::Pass).collect();
        assert!(not.is_empty(), "{not:#?}");
        let ids: BTreeSet<&str> = checks.iter().map(|check| check.id.as_str()).collect();
        assert_eq!(ids.len(), ITEMS.len());
        assert!(HaReadiness::of(ReadinessArguments::default(), checks).ready);
    }

    #[test]
    fn what_is_advice_or_only_for_production_does_not_block_a_lab() {
        let mut facts = Good::facts();
        facts.backups = Some(Vec::new());
        let of = |profile| {
            let arguments = ReadinessArguments { profile: Some(profile), ..ReadinessArguments::default() };
            HaReadiness::of(arguments.clone(), checks(&facts, &Demands::new(arguments)))
        };
        let production = of(Profile::Production);
        assert!(!production.ready);
        assert!(production.blockers[0].starts_with("backup (fail): "), "{:?}", production.blockers);
        let lab = of(Profile::Lab);
        assert!(lab.ready, "{:?}", lab.blockers);
        assert_eq!(lab.counts.fail, 1);
    }

    #[test]
    fn a_mandatory_check_that_is_unknown_is_not_passed() {
        let mut facts = Good::facts();
        facts.backups = None;
        let readiness = HaReadiness::of(ReadinessArguments::default(), checks(&facts, &Good::demands()));
        assert!(!readiness.ready && readiness.blockers[0].starts_with("backup (unknown): "));
    }
}
