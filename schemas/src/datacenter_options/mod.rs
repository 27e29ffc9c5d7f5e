//! `pve_datacenter_options`: the options of the whole cluster.

mod wire;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;

pub use wire::{OPTIONS, Opt, from_api, to_params, unknown};

/// Options of the whole cluster (`datacenter.cfg`), such as what happens to HA resources when a node shuts down.
///
/// This resource manages only the configured options: creating, updating and destroying it leaves all other options as
/// they are. An option that is removed from the configuration, and every managed option on destroy, returns to
/// Proxmox's default. A configured block is managed as a whole: a property that is set there outside of Terraform shows
/// as drift. Several of these resources may exist, as long as they manage different options. If an option that you
/// start to manage already has a different value, the plan warns and shows both values.
///
/// Import takes `datacenter` for every option that is set, or `datacenter/ha,migration` for just the named ones.
///
/// Proxmox has no digest for these options. An update compares the current options with those of the plan right before
/// it writes; one round trip of race remains.
///
/// **`fencing = "hardware"` and `"both"` do not protect anything**: the HA manager does not use them. A node is fenced
/// only by its watchdog.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatacenterOptions {
    /// What happens to HA resources when a node shuts down or reboots cleanly.
    #[tf(block = "single")]
    pub ha: Option<Ha>,
    /// How the HA manager chooses nodes: the cluster resource scheduler.
    #[tf(block = "single")]
    pub crs: Option<Crs>,
    /// How guests are migrated.
    #[tf(block = "single")]
    pub migration: Option<Transfer>,
    /// How replication transfers data. **PVE 9 only**; unset it follows `migration`.
    #[tf(block = "single")]
    pub replication: Option<Transfer>,
    /// Limits of bandwidth, in KiB/s.
    #[tf(block = "single")]
    pub bwlimit: Option<Bwlimit>,
    /// The range that free guest ids are suggested from.
    #[tf(block = "single")]
    pub next_id: Option<NextId>,
    /// Notification settings from before notification targets existed. Deprecated by Proxmox; only `package_updates` is
    /// used.
    #[tf(block = "single")]
    pub notify: Option<Notify>,
    /// How tags look in the web interface.
    #[tf(block = "single")]
    pub tag_style: Option<TagStyle>,
    /// Which tags users may set.
    #[tf(block = "single")]
    pub user_tag_access: Option<UserTagAccess>,
    /// WebAuthn settings, for a second factor at login.
    #[tf(block = "single")]
    pub webauthn: Option<Webauthn>,
    /// U2F settings, for a second factor at login.
    #[tf(block = "single")]
    pub u2f: Option<U2f>,
    /// Where the datacenter is. PVE 9.2 and later.
    #[tf(block = "single")]
    pub location: Option<Location>,
    /// The fencing mode. Only the watchdog protects: the HA manager does not use `hardware` or `both`.
    #[tf(null_means = "watchdog")]
    #[schemars(extend("enum" = ["watchdog", "hardware", "both"]))]
    pub fencing: Option<String>,
    /// How many jobs a node runs at once, such as migrations and the starts and stops of the HA manager.
    #[schemars(range(min = 1))]
    pub max_workers: Option<i64>,
    /// The console that the web interface opens by default.
    #[schemars(extend("enum" = ["vv", "html5", "xtermjs"]))]
    pub console: Option<String>,
    /// A text that users must agree to before they log in. The web interface decodes it as base64: write
    /// `base64encode("…")`.
    #[schemars(length(min = 1, max = 65536), extend("format" = "pve-consent-text"))]
    pub consent_text: Option<String>,
    /// Notes on the datacenter.
    #[tf(lines, null_means = "")]
    #[schemars(length(max = 65536))]
    pub description: Option<String>,
    /// The sender of mails. Unset means `root@` and the host's name.
    #[schemars(extend("format" = "email"))]
    pub email_from: Option<String>,
    /// The proxy for downloads, `http://…`.
    #[schemars(extend("format" = "pve-http-proxy"))]
    pub http_proxy: Option<String>,
    /// The default keyboard layout of consoles.
    #[schemars(extend("enum" = [
        "de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu", "is", "it", "ja", "lt", "mk",
        "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr",
    ]))]
    pub keyboard: Option<String>,
    /// The default language of the web interface.
    #[schemars(extend("enum" = [
        "ar", "ca", "da", "de", "en", "es", "eu", "fa", "fr", "hr", "he", "it", "ja", "ka", "kr", "nb", "nl", "nn", "pl",
        "pt_BR", "ru", "sl", "sv", "tr", "ukr", "zh_CN", "zh_TW",
    ]))]
    pub language: Option<String>,
    /// The prefix of generated MAC addresses.
    #[tf(null_means = "BC:24:11")]
    #[schemars(extend("format" = "pve-mac-prefix"))]
    pub mac_prefix: Option<String>,
    /// Tags that only privileged users may set.
    #[schemars(extend("minItems" = 1, "items" = {"type": "string", "format": "pve-tag"}))]
    pub registered_tags: Option<BTreeSet<String>>,
}

/// `ha`
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ha {
    /// `freeze`: resources stay frozen until the node returns; `failover`: they are recovered elsewhere if the node is not
    /// back in about a minute; `conditional`: `freeze` on reboot, `failover` on shutdown; `migrate`: they are moved away first
    /// and return later.
    #[tf(required)]
    #[schemars(extend("enum" = ["freeze", "failover", "conditional", "migrate"]))]
    pub shutdown_policy: String,
}

/// `crs`
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
pub struct Crs {
    /// `basic` counts resources per node, `static` weighs their configured CPU and memory, `dynamic` their measured usage
    /// (PVE 9.2 and later).
    #[tf(null_means = "basic")]
    #[schemars(extend("enum" = ["basic", "static", "dynamic"]))]
    pub ha: Option<String>,
    /// Whether the HA manager selects the node again when it starts a resource.
    #[tf(null_means = false)]
    pub ha_rebalance_on_start: Option<bool>,
    /// Whether the HA manager moves running resources when the nodes are loaded unevenly. It does so with `ha = "static"` or
    /// `"dynamic"`, and leaves resources with `auto_rebalance = false` where they are. PVE 9.2 and later.
    pub ha_auto_rebalance: Option<bool>,
    /// The imbalance, in percent, above which rebalancing starts; Proxmox's default is 30. `pve_ha_status` shows the
    /// imbalance as a fraction: 0.31 is above 30. Releases of `pve-ha-manager` before 5.2.3 compare this number itself,
    /// and so don't rebalance. Needs `ha_auto_rebalance`.
    #[schemars(range(min = 0, max = 100))]
    pub ha_auto_rebalance_threshold: Option<f64>,
    /// The method of rebalancing. Needs `ha_auto_rebalance`.
    #[schemars(extend("enum" = ["bruteforce", "topsis"]))]
    pub ha_auto_rebalance_method: Option<String>,
    /// For how many rounds of the HA manager, of 10 seconds each, the imbalance must last; Proxmox's default is 3. Needs
    /// `ha_auto_rebalance`.
    #[schemars(range(min = 0))]
    pub ha_auto_rebalance_hold_duration: Option<f64>,
    /// The minimum improvement of the imbalance, in percent of it, for which the HA manager moves a resource; Proxmox's
    /// default is 10. Needs `ha_auto_rebalance`.
    #[schemars(range(min = 0, max = 100))]
    pub ha_auto_rebalance_margin: Option<f64>,
}

/// `migration` and `replication`
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Transfer {
    /// `secure` uses SSH, `insecure` is unencrypted.
    #[tf(required)]
    #[schemars(extend("enum" = ["secure", "insecure"]))]
    pub r#type: String,
    /// The network to use, in CIDR notation.
    #[schemars(extend("format" = "cidr"))]
    pub network: Option<String>,
}

/// `bwlimit`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
pub struct Bwlimit {
    /// The limit of all other operations, in KiB/s.
    #[schemars(range(min = 0))]
    pub default: Option<f64>,
    /// The limit of restores from a backup, in KiB/s.
    #[schemars(range(min = 0))]
    pub restore: Option<f64>,
    /// The limit of migrations, in KiB/s.
    #[schemars(range(min = 0))]
    pub migration: Option<f64>,
    /// The limit of clones of disks, in KiB/s.
    #[schemars(range(min = 0))]
    pub clone: Option<f64>,
    /// The limit of moves of disks to another storage, in KiB/s.
    #[schemars(range(min = 0))]
    pub r#move: Option<f64>,
}

/// `next_id`
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
pub struct NextId {
    /// The first VMID that is proposed.
    #[tf(null_means = 100)]
    #[schemars(range(min = 0))]
    pub lower: Option<i64>,
    /// The VMID after the last one that is proposed.
    #[tf(null_means = 1_000_000)]
    #[schemars(range(min = 0))]
    pub upper: Option<i64>,
}

/// `notify`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
pub struct Notify {
    /// When to notify of available package updates; `auto` only on systems with a subscription.
    #[schemars(extend("enum" = ["auto", "always", "never"]))]
    pub package_updates: Option<String>,
    /// The target of these notifications.
    #[schemars(extend("format" = "pve-configid"))]
    pub target_package_updates: Option<String>,
    /// Whether to notify when a node is fenced.
    #[schemars(extend("enum" = ["always", "never"]))]
    pub fencing: Option<String>,
    /// The target of these notifications.
    #[schemars(extend("format" = "pve-configid"))]
    pub target_fencing: Option<String>,
    /// Whether to notify when replication fails.
    #[schemars(extend("enum" = ["always", "never"]))]
    pub replication: Option<String>,
    /// The target of these notifications.
    #[schemars(extend("format" = "pve-configid"))]
    pub target_replication: Option<String>,
}

/// `tag_style`
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
pub struct TagStyle {
    /// The shape in the tree.
    #[tf(null_means = "circle")]
    #[schemars(extend("enum" = ["full", "circle", "dense", "none"]))]
    pub shape: Option<String>,
    /// The colors by tag: `RRGGBB` for the background, or `RRGGBB:RRGGBB` for background and text.
    #[schemars(extend(
        "minProperties" = 1, "propertyNames" = {"format": "pve-tag"},
        "additionalProperties" = {"type": "string", "format": "pve-tag-color"}
    ))]
    pub color_map: Option<BTreeMap<String, String>>,
    /// The order of tags: as configured, or by the alphabet.
    #[tf(null_means = "alphabetical")]
    #[schemars(extend("enum" = ["config", "alphabetical"]))]
    pub ordering: Option<String>,
    /// Whether tags that differ in case only are different.
    #[tf(null_means = false)]
    pub case_sensitive: Option<bool>,
}

/// `user_tag_access`
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
pub struct UserTagAccess {
    /// Which tags users may set on guests they may configure.
    #[tf(null_means = "free")]
    #[schemars(extend("enum" = ["none", "list", "existing", "free"]))]
    pub user_allow: Option<String>,
    /// The tags of `list`, and those allowed beside `existing`.
    #[schemars(extend("minItems" = 1, "items" = {"type": "string", "format": "pve-tag"}))]
    pub user_allow_list: Option<BTreeSet<String>>,
}

/// `webauthn`
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
pub struct Webauthn {
    /// The name of the relying party.
    #[schemars(extend("format" = "pve-property-text"))]
    pub rp: Option<String>,
    /// The origin, a URL with `https://`.
    #[schemars(extend("format" = "pve-property-text"))]
    pub origin: Option<String>,
    /// The id of the relying party: its domain name.
    #[schemars(extend("format" = "pve-property-text"))]
    pub id: Option<String>,
    /// Whether subdomains of the origin are allowed.
    #[tf(null_means = true)]
    pub allow_subdomains: Option<bool>,
}

/// `u2f`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("minProperties" = 1))]
pub struct U2f {
    /// The application id, a URL.
    #[schemars(extend("format" = "pve-property-text"))]
    pub appid: Option<String>,
    /// Overrides the origin of U2F, a URL; for a single node with one URL.
    #[schemars(extend("format" = "pve-property-text"))]
    pub origin: Option<String>,
}

/// `location`
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// In degrees, north positive.
    #[tf(required)]
    #[schemars(range(min = -90, max = 90))]
    pub latitude: f64,
    /// In degrees, east positive.
    #[tf(required)]
    #[schemars(range(min = -180, max = 180))]
    pub longitude: f64,
    /// A name for it.
    #[schemars(length(max = 128), extend("format" = "pve-property-text"))]
    pub name: Option<String>,
}

impl Noun for DatacenterOptions {
    const NAME: &'static str = "pve_datacenter_options";
    const TITLE: &'static str = "datacenter options";
}
