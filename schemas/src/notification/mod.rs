//! Notifications: what Proxmox raises, which matchers send it where, and the targets and matchers as nouns.

pub mod conditions;
pub mod event;
pub mod fields;
pub mod filter;
mod gotify;
mod matcher;
pub mod pairs;
mod route;
pub mod routing;
mod sendmail;
mod smtp;
pub(crate) mod texts;
mod webhook;
pub mod window;

pub use gotify::{NotificationGotify, PartialNotificationGotify};
pub use matcher::{NotificationMatcher, PartialNotificationMatcher};
pub use sendmail::{NotificationSendmail, PartialNotificationSendmail};
pub use smtp::{NotificationSmtp, PartialNotificationSmtp, SmtpMode};
pub use webhook::{HttpMethod, NotificationWebhook, PartialNotificationWebhook};

/// The properties of an entry that describe the file or the answer. `origin` compares the entry with what Proxmox ships.
const BESIDE: &[&str] = &["digest", "origin", "type"];

#[cfg(test)]
mod tests;
