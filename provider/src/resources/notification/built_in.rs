//! The target and the matcher that Proxmox ships. They are always there: a create changes them, and a delete resets them.

use serde_json::Value as Json;

use crate::framework::{Diagnostics, Value};
use crate::preflight::BUILT_IN_NOTIFICATION;
use crate::resources::operations::{OpContext, Operations};

const TARGET: &str = "mail-to-root";
const MATCHER: &str = "default-matcher";

/// Whether `object`, a sendmail target, is the one that Proxmox ships.
pub(super) fn is_target(object: &Value) -> bool {
    object.at("name").as_str() == Some(TARGET)
}

/// Whether `object`, a matcher, is the one that Proxmox ships.
pub(super) fn is_matcher(object: &Value) -> bool {
    object.at("name").as_str() == Some(MATCHER)
}

/// Whether an entry has something that Proxmox does not ship.
pub(super) fn is_changed(entry: &Json) -> bool {
    entry["origin"] != "builtin"
}

/// What a create makes of the object that is there.
pub(super) fn adoption<N: Operations>(op: &OpContext<'_>, planned: &Value) -> Diagnostics {
    let name = planned.at("name").as_str().unwrap_or_default();
    warning_of(
        op,
        name,
        format!(
            "{name}: Proxmox ships this {}. Apply sends it the configured values instead of creating it, and removes the \
             others. Destroying it resets it to what Proxmox ships.",
            N::TITLE
        ),
    )
}

/// What a destroy makes of it.
pub(super) fn reset<N: Operations>(op: &OpContext<'_>, prior: &Value) -> Diagnostics {
    if !N::is_built_in(prior) {
        return Diagnostics::new();
    }
    let name = prior.at("name").as_str().unwrap_or_default();
    warning_of(
        op,
        name,
        format!(
            "{name}: Proxmox ships this {} and can't remove it. Apply resets it to what Proxmox ships, which is switched \
             on. To switch it off, keep it with `disabled = true`.",
            N::TITLE
        ),
    )
}

fn warning_of(op: &OpContext<'_>, name: &str, detail: String) -> Diagnostics {
    let mut found = Diagnostics::new();
    let warning = op.configured.preflight.warning(BUILT_IN_NOTIFICATION, name, None, detail);
    warning.into_iter().for_each(|warning| found.push(warning));
    found
}
