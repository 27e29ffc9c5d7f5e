//! The steps of recordings that no client of the API can do: time, power, guests, files.

use std::time::{SystemTime, UNIX_EPOCH};

use pve_emulator::Handle;
use pve_emulator::site::Held;

/// The cluster behind the API.
pub(super) struct Control<'e>(&'e Handle);

/// A step that this cluster can't be put through.
#[derive(Debug, thiserror::Error)]
#[error("can't {0}")]
pub struct ControlError(String);

/// Recordings that depend on the minute begin in second 4 or later of one; where it doesn't matter this does as well.
const FIRST_SECOND: f64 = 5.0;

/// The time to begin with: a second before a recording does, so that every manager's rounds come at the same distance from its
/// first step whenever it is played.
pub(super) fn before_the_first_step() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    (now - now % 60) as f64 + FIRST_SECOND - 1.0
}

impl<'e> Control<'e> {
    /// Takes the clock to the second of a minute in which a recording begins.
    pub(super) fn new(emulator: &'e Handle) -> Self {
        emulator.cluster().world().advance(1.0);
        Self(emulator)
    }

    /// The time on the clock.
    pub(super) fn now(&self) -> f64 {
        self.world().clock.now()
    }

    /// Moves the clock; every daemon does what is due meanwhile.
    pub(super) fn advance(&self, seconds: f64) {
        self.world().advance(seconds);
    }

    /// Cuts (`kill`) or restores (`start`) a node's power.
    pub(super) fn node(&self, action: &str, node: &str) -> Result<(), ControlError> {
        let mut world = self.world();
        if !world.nodes.contains_key(node) || !matches!(action, "kill" | "start") {
            return Err(ControlError(format!("{action} node {node}")));
        }
        world.power(node, action == "start");
        Ok(())
    }

    /// Adds or removes a QDevice, which changes corosync's configuration.
    pub(super) fn qdevice(&self, on: bool) {
        let mut world = self.world();
        if on {
            world.add_qdevice(None);
        } else {
            world.remove_qdevice();
        }
    }

    /// Makes every start of a guest fail or work again, moves its configuration, or removes it.
    pub(super) fn guest(&self, action: &str, args: &[String]) -> Result<(), ControlError> {
        let refuse = || ControlError(format!("{action} guest {}", args.join(" ")));
        let first = args.first().ok_or_else(refuse)?;
        let vmid: u32 = first.rsplit('-').next().and_then(|id| id.parse().ok()).ok_or_else(refuse)?;
        let mut world = self.world();
        let guest = world.guests.get_mut(&vmid).ok_or_else(refuse)?;
        match (action, args) {
            ("fail", _) => guest.start_fails = true,
            ("cure", _) => guest.start_fails = false,
            ("move", [_, _, to]) => world.move_guest(vmid, to),
            ("remove", _) => drop(world.remove_guest(vmid)),
            _ => return Err(refuse()),
        }
        Ok(())
    }

    pub(super) fn emulator(&self) -> &'e Handle {
        self.0
    }

    /// The text of a configuration file; nothing if it doesn't exist.
    pub(super) fn file(&self, path: &str) -> Option<String> {
        self.world().read_shared(path)
    }

    fn world(&self) -> Held<'_> {
        self.0.cluster().world()
    }
}
