//! The parts of a backup job that are property strings in a request, and objects in an answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::rest::{Params, Wire};
use crate::tf_block;
use crate::value::{Entry, Properties, StorageId};

/// Which backups of a guest are kept after a run.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
pub struct Retention {
    /// Whether all backups are kept. `true` excludes the other options.
    #[tf(null_means = false)]
    pub keep_all: Option<bool>,
    /// This many of the last backups.
    #[tf(null_means = 0)]
    #[schemars(range(min = 0))]
    pub keep_last: Option<i64>,
    /// The last backup of each of this many hours.
    #[tf(null_means = 0)]
    #[schemars(range(min = 0))]
    pub keep_hourly: Option<i64>,
    /// The last backup of each of this many days.
    #[tf(null_means = 0)]
    #[schemars(range(min = 0))]
    pub keep_daily: Option<i64>,
    /// The last backup of each of this many weeks.
    #[tf(null_means = 0)]
    #[schemars(range(min = 0))]
    pub keep_weekly: Option<i64>,
    /// The last backup of each of this many months.
    #[tf(null_means = 0)]
    #[schemars(range(min = 0))]
    pub keep_monthly: Option<i64>,
    /// The last backup of each of this many years.
    #[tf(null_means = 0)]
    #[schemars(range(min = 0))]
    pub keep_yearly: Option<i64>,
}

impl Retention {
    /// What Proxmox refuses, or stores as something else than what is written.
    ///
    /// # Errors
    /// Says what is demanded.
    pub fn check(&self) -> Result<(), String> {
        let keeps = self.numbers().iter().any(|(_, number)| number.is_some_and(|number| number > 0));
        let numbered = self.numbers().iter().any(|(_, number)| number.is_some());
        match (self.keep_all, keeps, numbered) {
            (Some(true), _, true) => Err("keep_all = true excludes the other keep options".to_owned()),
            (Some(true), ..) | (_, true, _) => Ok(()),
            // Proxmox would store keep-all=1, which differs from the configuration for ever.
            _ => {
                Err("must keep something: set keep_all = true, or one of the other keep options to at least 1"
                    .to_owned())
            }
        }
    }

    /// The property string.
    pub fn to_text(&self) -> String {
        if self.keep_all == Some(true) {
            return "keep-all=1".to_owned();
        }
        let set = self.numbers().into_iter().filter_map(|(name, number)| Some(format!("{name}={}", number?)));
        set.collect::<Vec<_>>().join(",")
    }

    /// From an answer, whose numbers are texts.
    pub fn from_api(answer: &Json) -> Self {
        let entry = Entry(answer);
        Self {
            keep_all: entry.flag("keep-all"),
            keep_last: entry.integer("keep-last"),
            keep_hourly: entry.integer("keep-hourly"),
            keep_daily: entry.integer("keep-daily"),
            keep_weekly: entry.integer("keep-weekly"),
            keep_monthly: entry.integer("keep-monthly"),
            keep_yearly: entry.integer("keep-yearly"),
        }
    }

    fn numbers(&self) -> [(&'static str, Option<i64>); 6] {
        [
            ("keep-last", self.keep_last),
            ("keep-hourly", self.keep_hourly),
            ("keep-daily", self.keep_daily),
            ("keep-weekly", self.keep_weekly),
            ("keep-monthly", self.keep_monthly),
            ("keep-yearly", self.keep_yearly),
        ]
    }
}

/// How much a backup does at once.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
pub struct Performance {
    /// The number of threads that read the disks of a VM.
    #[tf(null_means = 16)]
    #[schemars(range(min = 1, max = 256))]
    pub max_workers: Option<i64>,
    /// The number of files of a container that a backup to Proxmox Backup Server keeps in memory.
    #[tf(null_means = 1_048_576)]
    #[schemars(range(min = 1))]
    pub pbs_entries_max: Option<i64>,
}

impl Performance {
    /// The property string.
    pub fn to_text(&self) -> String {
        let parts = [("max-workers", self.max_workers), ("pbs-entries-max", self.pbs_entries_max)];
        let set = parts.into_iter().filter_map(|(name, number)| Some(format!("{name}={}", number?)));
        set.collect::<Vec<_>>().join(",")
    }

    /// From an answer, whose numbers are texts.
    pub fn from_api(answer: &Json) -> Self {
        let entry = Entry(answer);
        Self { max_workers: entry.integer("max-workers"), pbs_entries_max: entry.integer("pbs-entries-max") }
    }
}

/// An image that takes what a VM overwrites while it is backed up, so that a slow backup storage does not slow it down.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
pub struct Fleecing {
    /// Whether there is one.
    #[tf(null_means = false)]
    pub enabled: Option<bool>,
    /// Its storage, on the node of the VM.
    pub storage: Option<StorageId>,
}

impl Fleecing {
    /// What Proxmox refuses.
    ///
    /// # Errors
    /// Says what is demanded.
    pub fn check(&self) -> Result<(), String> {
        match (self.enabled, &self.storage) {
            (Some(true), None) => Err("needs a storage where enabled = true".to_owned()),
            _ => Ok(()),
        }
    }

    /// The property string.
    pub fn to_text(&self) -> String {
        let enabled = self.enabled.map(|enabled| format!("enabled={}", u8::from(enabled)));
        let storage = self.storage.as_ref().map(|storage| format!("storage={storage}"));
        enabled.into_iter().chain(storage).collect::<Vec<_>>().join(",")
    }

    /// From an answer.
    ///
    /// # Errors
    /// Names what is malformed.
    pub fn from_api(answer: &Json) -> Result<Self, String> {
        let entry = Entry(answer);
        Ok(Self { enabled: entry.flag("enabled"), storage: entry.parsed("storage")? })
    }
}

/// Makes a part a value of a property that is an object in an answer.
macro_rules! part {
    ($name:ty, $read:expr) => {
        impl Wire for $name {
            fn write(&self, name: &'static str, params: &mut Params) {
                params.set(name, self.to_text());
            }

            fn read(name: &'static str, entry: &Properties<'_>) -> Result<Option<Self>, String> {
                let read: fn(&Json) -> Result<Self, String> = $read;
                match entry.json(name) {
                    Json::Null => Ok(None),
                    answer @ Json::Object(_) => read(answer).map(Some).map_err(|problem| format!("{name}: {problem}")),
                    _ => Err(format!("{name} is not an object")),
                }
            }
        }
    };
}

part!(Retention, |answer| Ok(Self::from_api(answer)));
part!(Performance, |answer| Ok(Self::from_api(answer)));
part!(Fleecing, Self::from_api);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn retention_keeps_something_in_one_way() {
        let of = |json: Json| serde_json::from_value::<Retention>(json).unwrap();
        for good in [
            json!({"keep_all": true}),
            json!({"keep_last": 3}),
            json!({"keep_all": false, "keep_daily": 7}),
            json!({"keep_last": 0, "keep_yearly": 1}),
        ] {
            assert_eq!(of(good.clone()).check(), Ok(()), "{good}");
        }
        for bad in [
            json!({}),
            json!({"keep_all": false}),
            json!({"keep_last": 0}),
            json!({"keep_all": true, "keep_last": 1}),
            json!({"keep_all": true, "keep_last": 0}),
        ] {
            assert!(of(bad.clone()).check().is_err(), "{bad}");
        }
    }

    #[test]
    fn properties_are_written_and_read_as_a_cluster_does() {
        let kept = Retention { keep_last: Some(3), keep_daily: Some(7), ..Retention::default() };
        assert_eq!(kept.to_text(), "keep-last=3,keep-daily=7");
        assert_eq!(Retention::from_api(&json!({"keep-daily": "7", "keep-last": "3"})), kept);
        let all = Retention::from_api(&json!({"keep-all": 1}));
        assert_eq!((all.to_text().as_str(), all.check()), ("keep-all=1", Ok(())));
        let fast = Performance::from_api(&json!({"max-workers": "4", "pbs-entries-max": "5000"}));
        assert_eq!(fast.to_text(), "max-workers=4,pbs-entries-max=5000");
        let fleecing = Fleecing::from_api(&json!({"enabled": 1, "storage": "local-zfs"})).unwrap();
        assert_eq!(fleecing.to_text(), "enabled=1,storage=local-zfs");
    }

    #[test]
    fn fleecing_needs_its_storage() {
        let of = |answer: Json| Fleecing::from_api(&answer).unwrap().check().is_ok();
        assert!(of(json!({"enabled": 0})) && of(json!({"storage": "local"})));
        assert!(!of(json!({"enabled": 1})));
    }
}
