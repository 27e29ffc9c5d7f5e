//! `pve_version`: what runs on the node that answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::noun::Noun;
use crate::value::Entry;

/// The version of Proxmox VE on the node that answers.
///
/// Use `major` to write one module for PVE 8 (HA groups) and PVE 9 (HA rules). Needs no privilege.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// The version of the `pve-manager` package, such as `9.2.11`.
    pub version: String,
    /// The release, such as `9.2`.
    pub release: String,
    /// The major version, such as 9.
    pub major: i64,
    /// The commit that `pve-manager` was built from.
    pub repository_id: Option<String>,
}

impl Noun for Version {
    const NAME: &'static str = "pve_version";
    const TITLE: &'static str = "version";
}

impl Version {
    /// From the answer of `/version`.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    pub fn from_answer(answer: &Json) -> Result<Self, String> {
        let entry = Entry(answer);
        let version = entry.required("version")?;
        let major = version.split(['.', '-']).next().and_then(|major| major.parse().ok());
        Ok(Self {
            major: major.ok_or_else(|| format!("version = {version:?} has no major version"))?,
            release: entry.required("release")?,
            repository_id: entry.text("repoid"),
            version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::recorded::answer;

    #[test]
    fn both_versions_are_read() {
        let eight = Version::from_answer(&answer("pve8-version-index", 1)).unwrap();
        assert_eq!((eight.major, eight.release.as_str(), eight.version.as_str()), (8, "8.4", "8.4.21"));
        assert_eq!(Version::from_answer(&answer("pve9-options-each", 84)).unwrap().major, 9);
    }

    #[test]
    fn an_answer_of_something_else_is_refused() {
        assert!(Version::from_answer(&serde_json::json!({"version": "x", "release": "x"})).is_err());
        assert!(Version::from_answer(&Json::Null).is_err());
    }
}
