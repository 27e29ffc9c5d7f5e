//! `pve_ha_readiness`: whether a cluster is ready for production.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::planned::{Plans, Safeguards};
use crate::noun::Noun;
use crate::tf_block;
use crate::value::Sid;

/// The checklist for production, as data: checks of the cluster, its quorum, fencing, storage and HA resources, each
/// with evidence and a remedy.
///
/// A check without sufficient data is `unknown`, and its remedy shows how to get the data. Some checks need the
/// provider's `ssh` block. Details have no dates and no growing ages, so their outputs change only when the cluster
/// changes.
///
/// Gate a phase of a rollout with it:
///
/// ```terraform
/// data "pve_ha_readiness" "this" {
///   profile = "production"
/// }
///
/// variable "gate" {
///   description = "Whether the precondition holds back changes. In an incident: -var gate=false."
///   type        = bool
///   default     = true
/// }
///
/// resource "pve_ha_resource" "web" {
///   sid = "vm:100"
///
///   lifecycle {
///     precondition {
///       condition     = !var.gate || data.pve_ha_readiness.this.ready
///       error_message = join("\n", data.pve_ha_readiness.this.blockers)
///     }
///   }
/// }
/// ```
///
/// The checks judge planned objects, too: pass them as in `pve_ha_failover_simulation`, and a gate that is read in the plan
/// of the first phase refuses HA guests without a backup, and passes if the same plan adds the backup job. Pass them by a
/// `local`: Terraform defers a data source that refers to a changing resource itself. The HA status is always the live one.
///
/// ```terraform
/// locals {
///   services = values(pve_ha_resource.web)
///   jobs     = values(pve_backup_job.this)
/// }
///
/// data "pve_ha_readiness" "planned" {
///   resources   = local.services
///   backup_jobs = local.jobs
/// }
/// ```
///
/// Needs `Sys.Audit` on `/` and on nodes, `VM.Audit` on the guests, `Datastore.Audit` on the storages, `Mapping.Audit`
/// on `/mapping/notifications`. A check whose data can't be read is `unknown`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaReadiness {
    /// What to demand.
    #[serde(flatten)]
    pub arguments: ReadinessArguments,
    /// Whether every mandatory check has passed or does not apply. A mandatory check that is unknown is not passed.
    pub ready: bool,
    /// The reasons if not ready: one line for each mandatory check that has failed or is unknown, with the remedy.
    pub blockers: Vec<String>,
    /// All checks, always the same ones in the same order.
    pub checks: Vec<Check>,
    /// How many checks there are of each status.
    pub counts: Counts,
}

/// What to demand.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadinessArguments {
    /// `production` (also if unset) or `lab`. In a lab, only the requirements without which HA can't work are
    /// mandatory.
    #[tf(optional)]
    pub profile: Option<Profile>,
    /// How old a replica may be to count in place of shared storage, such as `"30m"`. Unset means one hour.
    #[tf(optional)]
    #[schemars(extend("format" = "duration"))]
    pub max_replication_lag: Option<String>,
    /// Objects that must exist, in addition to the requirements of every cluster.
    #[tf(optional)]
    pub expect: Option<Expectation>,
    /// Guests with one of these tags should be HA resources. Unset: that is not checked.
    #[tf(optional)]
    pub ha_tags: Option<BTreeSet<String>>,
    /// The day of the last restore test, `"2026-11-23"`. Proxmox does not record it.
    #[tf(optional)]
    #[schemars(extend("format" = "date"))]
    pub last_restore_test: Option<String>,
    /// The maximum age of the last restore test, in days. Unset means 90.
    #[tf(optional)]
    #[schemars(range(min = 1, max = 3650))]
    pub max_restore_test_age_days: Option<i64>,
    /// The day of the last failover drill, `"2026-11-23"`: a node was taken down on purpose, and its HA resources were recovered
    /// on others. Proxmox does not record it.
    #[tf(optional)]
    #[schemars(extend("format" = "date"))]
    pub last_failover_drill: Option<String>,
    /// The maximum age of the last failover drill, in days. Unset means 90.
    #[tf(optional)]
    #[schemars(range(min = 1, max = 3650))]
    pub max_failover_drill_age_days: Option<i64>,
    /// Changes of the HA configuration that do not exist yet.
    #[serde(flatten)]
    pub plans: Plans,
    /// Backup jobs and notification settings that do not exist yet.
    #[serde(flatten)]
    pub safeguards: Safeguards,
}

/// How strict to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The requirements that HA can't work without.
    Lab,
    /// The requirements of production.
    #[default]
    Production,
}

/// What must be there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expectation {
    /// That many nodes, all of them online.
    #[schemars(range(min = 1))]
    pub nodes: Option<i64>,
    /// These HA resources, in their requested state: those of the previous phase.
    pub services: Option<BTreeSet<Sid>>,
    /// A QDevice, or none.
    pub qdevice: Option<bool>,
}

/// One item of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Its name, such as `quorum_margin`.
    pub id: String,
    /// The requirement, in a few words.
    pub title: String,
    /// `mandatory` or `recommended`, by profile.
    pub level: Level,
    /// `pass`, `fail`, `unknown`, or `skipped` where it does not apply.
    pub status: Status,
    /// The facts that the status is based on.
    pub detail: String,
    /// The remedy; null if none is needed.
    pub remedy: Option<String>,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is as demanded.
    Pass,
    /// It is not as demanded.
    Fail,
    /// It can't be known.
    Unknown,
    /// It does not apply.
    Skipped,
}

/// Whether a cluster can be ready without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The cluster is not ready without it.
    Mandatory,
    /// It is advice.
    Recommended,
}

/// How many checks there are of each status.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Checks that are fulfilled.
    pub pass: i64,
    /// Checks that are not fulfilled.
    pub fail: i64,
    /// Checks that the available facts do not decide.
    pub unknown: i64,
    /// Checks that do not apply to this cluster.
    pub skipped: i64,
}

impl Noun for HaReadiness {
    const NAME: &'static str = "pve_ha_readiness";
    const TITLE: &'static str = "HA readiness";
}

impl HaReadiness {
    /// The verdict over the checks.
    pub fn of(arguments: ReadinessArguments, checks: Vec<Check>) -> Self {
        let count = |status: Status| checks.iter().filter(|check| check.status == status).count() as i64;
        let counts = Counts {
            pass: count(Status::Pass),
            fail: count(Status::Fail),
            unknown: count(Status::Unknown),
            skipped: count(Status::Skipped),
        };
        let blocks =
            |check: &&Check| check.level == Level::Mandatory && matches!(check.status, Status::Fail | Status::Unknown);
        let blockers: Vec<String> = checks.iter().filter(blocks).map(Check::line).collect();
        Self { ready: blockers.is_empty(), blockers, checks, counts, arguments }
    }
}

impl Status {
    /// The value of `status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }
}

impl Check {
    /// The check in one line.
    pub fn line(&self) -> String {
        let remedy = self.remedy.as_deref().map(|remedy| format!(". {remedy}")).unwrap_or_default();
        format!("{} ({}): {}{remedy}", self.id, self.status.as_str(), self.detail)
    }
}
