//! `pve_notification_gotify`: messages of a Gotify server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BESIDE;
use super::pairs::{Secret, never};
use crate::noun::Noun;
use crate::rest::{Collection, Rest};
use crate::tf_block;
use crate::value::ConfigId;

/// A notification target that sends messages to a Gotify server. Proxmox sends each message once: one that the server does
/// not accept is lost. `http_proxy` of `pve_datacenter_options` applies.
///
/// A target receives notifications only if a `pve_notification_matcher` refers to it.
///
/// **The token:** Proxmox never returns it, so the provider can't detect a change made outside of Terraform. Set it in `token_wo`
/// with `token_wo_version`, and no plan and no state has it; this needs Terraform 1.11 or OpenTofu 1.11. `token` is stored
/// in the state. A new target needs one of them. Without both, as after an import, the target keeps the token that it has.
///
/// Needs PVE 8.1 or newer.
#[tf_block(partial, rest)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationGotify {
    /// The name of the target, unique among all targets and matchers.
    #[tf(required, replace, identity)]
    pub name: ConfigId,
    /// The URL of the server, such as `https://gotify.example.com`, without a slash at the end.
    #[tf(required)]
    #[schemars(extend("format" = "pve-gotify-url"))]
    pub server: String,
    /// The token of the application at the server, stored in the state. See above.
    #[tf(secret)]
    pub token: Option<Secret>,
    /// The token, as a write-only attribute: neither the plan nor the state has it. The provider sends it when
    /// `token_wo_version` changes.
    #[tf(write_only, wire(name = "token", read = never))]
    pub token_wo: Option<Secret>,
    /// Increase it to send `token_wo`.
    #[tf(local)]
    #[schemars(range(min = 1))]
    pub token_wo_version: Option<i64>,
    /// A comment of one line.
    #[tf(null_means = "")]
    #[schemars(extend("format" = "pve-notification-line"))]
    pub comment: Option<String>,
    /// Whether the target is switched off.
    #[tf(default = false, wire = "disable")]
    pub disabled: Option<bool>,
}

impl Noun for NotificationGotify {
    const NAME: &'static str = "pve_notification_gotify";
    const TITLE: &'static str = "Gotify target";
}

impl Rest for NotificationGotify {
    const COLLECTION: Collection = Collection::NotificationGotify;
    const BESIDE: &'static [&'static str] = BESIDE;

    fn key(&self) -> String {
        self.name.to_string()
    }
}
