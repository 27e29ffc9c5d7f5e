//! Small parsed types. Parse, don't validate: what exists is well-formed.

mod backup;
mod calendar;
mod comment;
mod duration;
mod entry;
mod fence;
mod ha_mode;
mod ident;
mod options;
mod parsed;
mod properties;
mod schedule;
mod texts;

pub use backup::{BackupJobId, ExcludePath, MailRecipient, NotesTemplate, PoolId, StorageId};
pub use calendar::CalendarEvent;
pub use comment::{AsciiComment, Comment, Latin1Comment};
pub use duration::{duration, timeout};
pub use entry::Entry;
pub(crate) use fence::is_word;
pub use fence::{FenceAgent, FenceName, FenceNode};
pub use ha_mode::HaMode;
pub(crate) use ident::split;
pub use ident::{ConfigId, HaState, NodeName, NodePriorities, ReplicationJobId, Sid, SidSet};
pub use options::{Options, SecretOptions};
pub use parsed::Malformed;
pub use properties::Properties;
pub use schedule::{BackupSchedule, Schedule};

use crate::notification::texts as notification;

/// What a format demands of a text; an error says it.
pub type Check = fn(&str) -> Result<(), String>;

/// The check of a format that schemas name; `None` where no format has that name. A test looks up every format that a schema has.
pub fn format(name: &str) -> Option<Check> {
    fn parses<T: std::str::FromStr<Err = Malformed>>(text: &str) -> Result<(), String> {
        text.parse::<T>().map(|_| ()).map_err(|malformed| malformed.0)
    }
    Some(match name {
        "duration" => |text| duration(text).map(|_| ()).ok_or_else(|| duration::DEMAND.to_owned()),
        "timeout" => |text| timeout(text).map(|_| ()).ok_or_else(|| duration::DEMAND_OF_TIMEOUT.to_owned()),
        ConfigId::FORMAT => parses::<ConfigId>,
        NodeName::FORMAT => parses::<NodeName>,
        Sid::FORMAT => parses::<Sid>,
        ReplicationJobId::FORMAT => parses::<ReplicationJobId>,
        Comment::FORMAT => parses::<Comment>,
        Latin1Comment::FORMAT => parses::<Latin1Comment>,
        AsciiComment::FORMAT => parses::<AsciiComment>,
        Schedule::FORMAT => parses::<Schedule>,
        BackupSchedule::FORMAT => parses::<BackupSchedule>,
        BackupJobId::FORMAT => parses::<BackupJobId>,
        StorageId::FORMAT => parses::<StorageId>,
        PoolId::FORMAT => parses::<PoolId>,
        NotesTemplate::FORMAT => parses::<NotesTemplate>,
        ExcludePath::FORMAT => parses::<ExcludePath>,
        MailRecipient::FORMAT => parses::<MailRecipient>,
        FenceAgent::FORMAT => parses::<FenceAgent>,
        FenceName::FORMAT => parses::<FenceName>,
        FenceNode::FORMAT => parses::<FenceNode>,
        "cidr" => texts::cidr,
        "pve-cluster-name" => crate::cluster::name,
        "pve-address" => texts::address,
        "fingerprint-sha256" => texts::fingerprint,
        "date" => texts::date,
        "email" => texts::email,
        "ip" => texts::ip,
        "kernel-module" => texts::kernel_module,
        "rfc-3339" => texts::rfc_3339,
        "pve-consent-text" => texts::consent,
        "pve-mail-address" => notification::address,
        "pve-mail-address-or-user" => notification::address_or_user,
        "pve-user-id" => notification::user,
        "pve-smtp-host" => notification::host,
        "pve-gotify-url" => notification::base_url,
        "pve-webhook-url" => notification::url_template,
        "pve-webhook-name" => notification::token,
        "pve-webhook-header" => notification::header,
        "pve-webhook-template" => notification::template,
        "pve-notification-line" => notification::line,
        "pve-notification-secret" => notification::secret,
        "pve-notification-field" => notification::field,
        "pve-notification-field-value" => notification::field_value,
        "pve-notification-pattern" => notification::field_pattern,
        "pve-notification-hours" => notification::hours,
        "pve-fence-option" => fence::option_name,
        "pve-fence-value" => fence::option_value,
        "pve-http-proxy" => texts::http_proxy,
        "pve-line" => texts::line,
        "pve-mac-prefix" => texts::mac_prefix,
        "pve-property-text" => texts::property_text,
        "pve-tag" => texts::tag,
        "pve-tag-color" => texts::tag_color,
        // JSON Schema's own annotations of number widths.
        "int64" | "uint64" | "uint32" | "double" => |_| Ok(()),
        _ => return None,
    })
}

/// Checks `text` against the named format of a schema.
///
/// # Errors
/// Says what the format demands.
pub fn check(name: &str, text: &str) -> Result<(), String> {
    format(name).map_or_else(|| Err(format!("the format {name} is not known")), |check| check(text))
}
