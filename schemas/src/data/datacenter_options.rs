//! `pve_datacenter_options` as data source: the options of the whole cluster.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::datacenter_options::{
    Bwlimit, Crs, Ha, Location, NextId, Notify, TagStyle, Transfer, U2f, UserTagAccess, Webauthn, from_api,
};
use crate::noun::Noun;

/// The options of the whole cluster, as set in `datacenter.cfg`. An option that is not set is null; its description has
/// Proxmox's default.
///
/// Needs the privilege `Sys.Audit` on `/`: without it Proxmox returns only a few of the options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatacenterOptions {
    /// Limits of bandwidth in KiB/s.
    pub bwlimit: Option<Bwlimit>,
    /// A text to be agreed to before login, Base64-encoded.
    pub consent_text: Option<String>,
    /// The console viewer: `vv`, `html5` or `xtermjs`.
    pub console: Option<String>,
    /// How the cluster resource scheduler places HA resources.
    pub crs: Option<Crs>,
    /// The notes of the datacenter.
    pub description: Option<String>,
    /// The sender of notifications. Default `root@$hostname`.
    pub email_from: Option<String>,
    /// The fencing mode: `watchdog` (default), `hardware` or `both`. **Proxmox does not act on it**: fencing is always
    /// done by the watchdog.
    pub fencing: Option<String>,
    /// HA settings: the shutdown policy.
    pub ha: Option<Ha>,
    /// The proxy for downloads.
    pub http_proxy: Option<String>,
    /// The keyboard layout of consoles.
    pub keyboard: Option<String>,
    /// The language of the web interface.
    pub language: Option<String>,
    /// Where the datacenter is. PVE 9.
    pub location: Option<Location>,
    /// The prefix of generated MAC addresses. Default `BC:24:11`.
    pub mac_prefix: Option<String>,
    /// How many guests are started, stopped or migrated at once, also by HA. Default 4.
    pub max_workers: Option<i64>,
    /// How guests are migrated.
    pub migration: Option<Transfer>,
    /// The range that free guest ids are proposed from.
    pub next_id: Option<NextId>,
    /// Settings of notifications, deprecated by Proxmox.
    pub notify: Option<Notify>,
    /// Tags that only privileged users may set.
    pub registered_tags: Option<BTreeSet<String>>,
    /// How replication transfers data; as `migration` if not set. PVE 9.
    pub replication: Option<Transfer>,
    /// How tags are shown.
    pub tag_style: Option<TagStyle>,
    /// U2F settings, for a second factor at login.
    pub u2f: Option<U2f>,
    /// Which tags users may set.
    pub user_tag_access: Option<UserTagAccess>,
    /// WebAuthn settings, for a second factor at login.
    pub webauthn: Option<Webauthn>,
    /// All tags that the caller may set.
    pub allowed_tags: BTreeSet<String>,
}

impl Noun for DatacenterOptions {
    const NAME: &'static str = "pve_datacenter_options";
    const TITLE: &'static str = "datacenter options";
}

/// Whether the answer is the one that callers without `Sys.Audit` on `/` get: `console`, `tag-style` and `allowed-tags`
/// alone. In a full answer `mac_prefix` is always present.
pub fn is_reduced(options: &Json) -> bool {
    options["mac_prefix"].is_null() && options["description"].is_null()
}

impl DatacenterOptions {
    /// From the full answer of `/cluster/options`.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    pub fn from_answer(options: &Json) -> Result<Self, String> {
        let mut set = serde_json::to_value(from_api(options)?).map_err(|e| e.to_string())?;
        // Every line of the file ends in a line feed; no description reads as "".
        if let Some(text) = options["description"].as_str().map(|text| text.trim_end_matches('\n')) {
            set["description"] = Some(text).filter(|text| !text.is_empty()).into();
        }
        let tags = &options["allowed-tags"];
        set["allowed_tags"] = if tags.is_array() { tags.clone() } else { Json::Array(Vec::new()) };
        serde_json::from_value(set).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::recorded::answer;

    #[test]
    fn a_fresh_cluster_has_next_to_nothing_set() {
        let options = DatacenterOptions::from_answer(&answer("pve9-options-each", 1)).unwrap();
        assert_eq!(options.keyboard.as_deref(), Some("en-us"));
        assert_eq!(options.mac_prefix.as_deref(), Some("BC:24:11"));
        assert!(options.ha.is_none() && options.description.is_none() && options.allowed_tags.is_empty());
    }

    #[test]
    fn texts_inside_property_strings_become_numbers_and_truth_values() {
        let options = DatacenterOptions::from_answer(&answer("pve9-options-each", 90)).unwrap();
        let crs = options.crs.unwrap();
        assert_eq!((crs.ha.as_deref(), crs.ha_auto_rebalance), (Some("dynamic"), Some(true)));
        assert_eq!((crs.ha_auto_rebalance_threshold, crs.ha_auto_rebalance_margin), (Some(0.3), Some(10.0)));
        assert_eq!(options.next_id, Some(NextId { lower: None, upper: Some(101) }));
        assert_eq!((options.max_workers, options.bwlimit.unwrap().clone), (Some(8), Some(1.5)));
        assert_eq!(options.webauthn.unwrap().allow_subdomains, Some(false));
        assert_eq!(options.description.as_deref(), Some("line1\nline2 ü✓"));
        assert_eq!(options.ha.unwrap().shutdown_policy, "migrate");
        assert_eq!(options.replication.unwrap().network.as_deref(), Some("10.99.0.0/24"));
        assert_eq!(options.user_tag_access.unwrap().user_allow_list.unwrap().len(), 2);
        assert_eq!(options.notify.unwrap().target_fencing.as_deref(), Some("abc"));
    }

    #[test]
    fn a_location_is_stored_as_text() {
        let location = DatacenterOptions::from_answer(&answer("pve9-options-each", 97)).unwrap().location.unwrap();
        assert_eq!((location.latitude, location.name.as_deref()), (48.2, Some("Vienna")));
    }

    #[test]
    fn tags_have_no_order() {
        let unsorted = DatacenterOptions::from_answer(&answer("pve8-options-each", 52)).unwrap();
        let sorted = DatacenterOptions::from_answer(&answer("pve8-options-each", 61)).unwrap();
        assert_eq!(unsorted.registered_tags, sorted.registered_tags);
    }

    #[test]
    fn the_answer_without_the_privilege_is_distinguished_from_the_full_one() {
        for version in ["pve8", "pve9"] {
            let answers = [44, 45].map(|n| is_reduced(&answer(&format!("{version}-privileges"), n)));
            assert_eq!(answers, [true, false], "{version}");
        }
    }
}
