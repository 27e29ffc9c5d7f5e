//! Ids of HA resources.

use crate::error::{ApiError, ApiResult};
use crate::world::{GuestKind, Pve, World};

/// A resource id in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sid {
    /// `vm`, `ct`, or any other text before the colon.
    pub(super) kind: String,
    /// The text after it.
    pub(super) name: String,
}

impl Sid {
    /// `parse_sid`: a bare number is looked up among the guests.
    ///
    /// # Errors
    /// There is no such guest.
    pub(super) fn parse(world: &World, text: &str) -> ApiResult<Self> {
        if let Some((kind, name)) = text.rsplit_once(':') {
            return Ok(Self { kind: kind.to_owned(), name: name.to_owned() });
        }
        match text.parse().ok().and_then(|vmid: u32| world.guests.get(&vmid)) {
            Some(guest) => Ok(Self { kind: guest.kind.ha_type().to_owned(), name: text.to_owned() }),
            None => {
                let to = if world.profile.pve == Pve::V8 { "do" } else { "to" };
                Err(ApiError::die(format!("unable {to} detect SID from VMID - VM/CT {text} does not exist")))
            }
        }
    }

    /// The id as text.
    pub(super) fn id(&self) -> String {
        format!("{}:{}", self.kind, self.name)
    }

    /// Refuses what isn't the id of a guest of that kind. PVE 8 doesn't look at the kind.
    ///
    /// # Errors
    /// In the words of the plugins' `verify_name` and `exists`.
    pub(super) fn check_guest(&self, world: &World) -> ApiResult<()> {
        let digits = self.name.len() >= 2 && self.name.bytes().all(|b| b.is_ascii_digit());
        if !digits || self.name.starts_with('0') {
            return Err(ApiError::die("invalid VMID"));
        }
        let Some(guest) = self.name.parse().ok().and_then(|vmid: u32| world.guests.get(&vmid)) else {
            return Err(ApiError::die(format!("resource '{}' does not exist in cluster", self.id())));
        };
        if world.profile.pve == Pve::V9 && guest.kind.ha_type() != self.kind {
            let expected = if guest.kind == GuestKind::Qemu { "container" } else { "VM" };
            return Err(ApiError::die(format!(
                "resource '{}' - guest with ID {} is not a {expected}",
                self.id(),
                self.name
            )));
        }
        Ok(())
    }
}
