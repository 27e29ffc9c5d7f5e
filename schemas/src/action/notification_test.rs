//! `pve_notification_test`: does a target deliver?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::noun::Noun;
use crate::tf_block;
use crate::value::ConfigId;

/// Sends a test message through a notification target, and waits until the target has accepted it.
///
/// Proxmox sends the message from the node that answers the request, also if the target is disabled. A mail server that
/// accepts the message may still fail to deliver it.
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationTest {
    /// The name of the target, such as `mail-to-root`.
    #[tf(required)]
    pub target: ConfigId,
    /// How long the action may take, such as `30s`; 2 minutes by default.
    #[schemars(extend("format" = "timeout"))]
    pub timeout: Option<String>,
}

impl Noun for NotificationTest {
    const NAME: &'static str = "pve_notification_test";
    const TITLE: &'static str = "notification test";
}
