//! `pve_notification_sendmail`: mails by the mail transfer agent of the node.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BESIDE;
use crate::noun::Noun;
use crate::rest::{Collection, Rest};
use crate::tf_block;
use crate::value::ConfigId;

/// A notification target that sends mails by the `sendmail` command of the node. It needs a mail transfer agent, such as
/// Postfix, that is set up on every node: a node sends its own notifications. Undelivered mails stay in its queue.
///
/// A target receives notifications only if a `pve_notification_matcher` refers to it.
///
/// **`mail-to-root` is built in.** Creating it changes the existing target to the configured values, and destroying it
/// resets it to the values that Proxmox ships. Proxmox cannot remove it: set `disabled = true` to silence it.
///
/// Needs PVE 8.1 or newer.
#[tf_block(partial, rest)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationSendmail {
    /// The name of the target, unique among all targets and matchers.
    #[tf(required, replace, identity)]
    pub name: ConfigId,
    /// The addresses that get the mails; a name without a domain is a user of the node that sends. At least one of `mailto` and
    /// `mailto_user` is needed.
    #[schemars(extend("minItems" = 1, "items" = {"type": "string", "format": "pve-mail-address-or-user"}))]
    pub mailto: Option<BTreeSet<String>>,
    /// The users of Proxmox that get the mails, such as `root@pam`. A user without a mail address gets none.
    #[tf(wire = "mailto-user")]
    #[schemars(extend("minItems" = 1, "items" = {"type": "string", "format": "pve-user-id"}))]
    pub mailto_user: Option<BTreeSet<String>>,
    /// The address of the sender. Unset means `email_from` of `pve_datacenter_options`, or else `root` of the node.
    #[tf(wire = "from-address")]
    #[schemars(extend("format" = "pve-mail-address-or-user"))]
    pub from_address: Option<String>,
    /// The name of the sender. Unset means `Proxmox VE`.
    #[tf(null_means = "Proxmox VE")]
    #[schemars(extend("minLength" = 1, "format" = "pve-notification-line"))]
    pub author: Option<String>,
    /// A comment of one line.
    #[tf(null_means = "")]
    #[schemars(extend("format" = "pve-notification-line"))]
    pub comment: Option<String>,
    /// Whether the target is switched off.
    #[tf(default = false, wire = "disable")]
    pub disabled: Option<bool>,
}

impl Noun for NotificationSendmail {
    const NAME: &'static str = "pve_notification_sendmail";
    const TITLE: &'static str = "sendmail target";
}

impl Rest for NotificationSendmail {
    const COLLECTION: Collection = Collection::NotificationSendmail;
    const BESIDE: &'static [&'static str] = BESIDE;

    fn key(&self) -> String {
        self.name.to_string()
    }
}
