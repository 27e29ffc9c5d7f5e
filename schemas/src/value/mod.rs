//! Small parsed types. Parse, don't validate: what exists is well-formed.

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

pub use comment::{AsciiComment, Comment, Latin1Comment};
pub use duration::{duration, timeout};
pub use entry::Entry;
pub(crate) use fence::is_word;
pub use fence::{FenceAgent, FenceName, FenceNode};
pub use ha_mode::HaMode;
pub use ident::{ConfigId, HaState, NodeName, NodePriorities, Sid, SidSet};
pub use options::{Options, SecretOptions};
pub use parsed::Malformed;
pub use properties::Properties;
pub use schedule::Schedule;

/// Checks `text` against the named format of a schema.
///
/// # Errors
/// Says what the format demands.
pub fn check(format: &str, text: &str) -> Result<(), String> {
    fn parses<T: std::str::FromStr<Err = Malformed>>(text: &str) -> Result<(), String> {
        text.parse::<T>().map(|_| ()).map_err(|malformed| malformed.0)
    }
    match format {
        "duration" => duration(text).map(|_| ()).ok_or_else(|| duration::DEMAND.to_owned()),
        "timeout" => timeout(text).map(|_| ()).ok_or_else(|| duration::DEMAND_OF_TIMEOUT.to_owned()),
        ConfigId::FORMAT => parses::<ConfigId>(text),
        NodeName::FORMAT => parses::<NodeName>(text),
        Sid::FORMAT => parses::<Sid>(text),
        Comment::FORMAT => parses::<Comment>(text),
        Latin1Comment::FORMAT => parses::<Latin1Comment>(text),
        AsciiComment::FORMAT => parses::<AsciiComment>(text),
        Schedule::FORMAT => parses::<Schedule>(text),
        FenceAgent::FORMAT => parses::<FenceAgent>(text),
        FenceName::FORMAT => parses::<FenceName>(text),
        FenceNode::FORMAT => parses::<FenceNode>(text),
        "cidr" => texts::cidr(text),
        "date" => texts::date(text),
        "email" => texts::email(text),
        "ip" => texts::ip(text),
        "kernel-module" => texts::kernel_module(text),
        "pve-consent-text" => texts::consent(text),
        "pve-fence-option" => fence::option_name(text),
        "pve-fence-value" => fence::option_value(text),
        "pve-http-proxy" => texts::http_proxy(text),
        "pve-line" => texts::line(text),
        "pve-mac-prefix" => texts::mac_prefix(text),
        "pve-property-text" => texts::property_text(text),
        "pve-tag" => texts::tag(text),
        "pve-tag-color" => texts::tag_color(text),
        // JSON Schema's own annotations of number widths.
        "int64" | "uint64" | "uint32" | "double" => Ok(()),
        _ => Err(format!("the format {format} is not known")),
    }
}
