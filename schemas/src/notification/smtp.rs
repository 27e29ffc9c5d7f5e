//! `pve_notification_smtp`: mails by an SMTP server.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BESIDE;
use super::pairs::{Secret, never};
use crate::noun::Noun;
use crate::rest::{Collection, Rest, wire};
use crate::tf_block;
use crate::value::ConfigId;

/// `mode` where it is unset.
pub const MODE: SmtpMode = SmtpMode::Tls;

/// A notification target that sends mails to an SMTP server. Proxmox sends each mail once: one that the server does not
/// accept is lost.
///
/// A target receives notifications only if a `pve_notification_matcher` refers to it.
///
/// **The password:** Proxmox never returns it, so the provider can't detect a change made outside of Terraform. Set it in
/// `password_wo` with `password_wo_version`, and no plan and no state has it; this needs Terraform 1.11 or OpenTofu 1.11.
/// `password` is stored in the state. Without both, as after an import, the target keeps the password that it has. A
/// configuration from which both were removed removes the password.
///
/// Needs PVE 8.1 or newer.
#[tf_block(partial, rest)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationSmtp {
    /// The name of the target, unique among all targets and matchers.
    #[tf(required, replace, identity)]
    pub name: ConfigId,
    /// The host name or IP address of the server.
    #[tf(required)]
    #[schemars(extend("format" = "pve-smtp-host"))]
    pub server: String,
    /// The port of the server. Unset means 465 with `tls`, 587 with `starttls`, and 25 with `insecure`.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i64>,
    /// How the connection is encrypted: `tls` from the start, `starttls` after the greeting, or `insecure` not at all.
    // Proxmox can't unset it.
    #[tf(default = MODE, wire(always))]
    pub mode: Option<SmtpMode>,
    /// The user name for the server. Unset means no authentication. It needs a password.
    #[schemars(extend("minLength" = 1, "format" = "pve-notification-line"))]
    pub username: Option<String>,
    /// The password, stored in the state. See above.
    #[tf(secret)]
    pub password: Option<Secret>,
    /// The password, as a write-only attribute: neither the plan nor the state has it. The provider sends it when
    /// `password_wo_version` changes.
    #[tf(write_only, wire(name = "password", read = never))]
    pub password_wo: Option<Secret>,
    /// Increase it to send `password_wo`. Remove both to remove the password from the target.
    #[tf(local)]
    #[schemars(range(min = 1))]
    pub password_wo_version: Option<i64>,
    /// The addresses that get the mails. At least one of `mailto` and `mailto_user` is needed.
    #[schemars(extend("minItems" = 1, "items" = {"type": "string", "format": "pve-mail-address"}))]
    pub mailto: Option<BTreeSet<String>>,
    /// The users of Proxmox that get the mails, such as `root@pam`. A user without a mail address gets none.
    #[tf(wire = "mailto-user")]
    #[schemars(extend("minItems" = 1, "items" = {"type": "string", "format": "pve-user-id"}))]
    pub mailto_user: Option<BTreeSet<String>>,
    /// The address of the sender.
    #[tf(required, wire = "from-address")]
    #[schemars(extend("format" = "pve-mail-address"))]
    pub from_address: String,
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

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmtpMode {
    /// Not at all.
    Insecure,
    /// After the greeting.
    StartTls,
    /// From the start.
    Tls,
}

wire::word!(SmtpMode);

impl Noun for NotificationSmtp {
    const NAME: &'static str = "pve_notification_smtp";
    const TITLE: &'static str = "SMTP target";
}

impl Rest for NotificationSmtp {
    const COLLECTION: Collection = Collection::NotificationSmtp;
    const BESIDE: &'static [&'static str] = BESIDE;

    fn key(&self) -> String {
        self.name.to_string()
    }
}
