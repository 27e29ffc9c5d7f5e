//! The checklist before production: each check one small function over the facts that were gathered.
//!
//! This layer only ever judges: it asks for nothing and knows no clock of its own. What the facts don't tell is unknown,
//! never guessed; details hold nothing that differs between two reads of a cluster that has not changed.

mod cluster;
mod corosync;
mod facts;
mod fencing;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod hostile;
mod network;
mod notifications;
mod operations;
mod placement;
mod safeguards;
mod services;
mod shell;
mod storage;
mod table;
#[cfg(test)]
mod testing;
mod verdict;

use pve_schemas::data::readiness::{Check, Level, Profile, ReadinessArguments};
use pve_schemas::value::duration;

pub use corosync::Corosync;
pub use facts::{Facts, Task};
pub use fencing::{FenceConnection, connections_of};
pub use safeguards::{Alerts, Backups};
pub use shell::{Answers as FenceAnswers, NodeShell, Shell};
pub use table::{ITEMS, Item, Weight};

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
        assert_eq!(checks.len(), ITEMS.len());
        assert!(HaReadiness::of(ReadinessArguments::default(), checks).ready);
    }

    #[test]
    fn what_is_advice_or_only_for_production_does_not_block_a_lab() {
        let mut facts = Good::facts();
        facts.backups = testing::backups(&[]);
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
        facts.backups = Backups::default();
        let readiness = HaReadiness::of(ReadinessArguments::default(), checks(&facts, &Good::demands()));
        assert!(!readiness.ready && readiness.blockers[0].starts_with("backup (unknown): "));
    }
}
