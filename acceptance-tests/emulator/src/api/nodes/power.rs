//! Starting and stopping guests, each by a task; what is an HA resource is left to the HA managers.

use crate::api::ha;
use crate::world::tasks::{Effect, NewTask};
use crate::world::{Guest, GuestKind, World};

/// What a client requests of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    Start,
    Stop,
    Shutdown {
        /// How long the guest may take.
        seconds: i64,
    },
    Suspend {
        /// It is stopped, and its memory kept.
        to_disk: bool,
    },
    Resume,
}

/// Starts the task that does it.
///
/// # Errors
/// What the API refuses at once.
pub(crate) fn act(world: &mut World, vmid: u32, power: Power, user: &str) -> Result<String, String> {
    let Some(guest) = world.guests.get(&vmid).cloned() else { return Err(format!("no such guest '{vmid}'")) };
    let label = guest.kind.label();
    if ha::is_managed(world, &guest.sid()) {
        let asks = |what: &str| vec![format!("Requesting HA {what} for {label} {vmid}")];
        let seconds = match power {
            Power::Start => {
                return Ok(start(world, &guest, "hastart", 1, asks("start"), user, Effect::RequestStart(guest.sid())));
            }
            Power::Suspend { to_disk: true } => return Err("Cannot suspend HA managed VM to disk".to_owned()),
            Power::Stop => Some(0),
            Power::Shutdown { seconds } => Some(seconds),
            Power::Suspend { .. } | Power::Resume => None,
        };
        if let Some(seconds) = seconds {
            let command = Effect::Command(format!("stop {} {seconds}", guest.sid()));
            return Ok(start(world, &guest, "hastop", 1, asks("stop"), user, command));
        }
    }
    let prefix = if guest.kind == GuestKind::Qemu { "qm" } else { "vz" };
    let word = match power {
        Power::Start => "start",
        Power::Stop => "stop",
        Power::Shutdown { .. } => "shutdown",
        Power::Suspend { .. } => "suspend",
        Power::Resume => "resume",
    };
    let effect = match world.check_guest_lock(vmid) {
        Ok(()) => effect(&guest, power),
        Err(locked) => Effect::Fail(locked),
    };
    let seconds = if matches!(effect, Effect::Fail(_)) && power != Power::Start { 1 } else { 2 };
    Ok(start(world, &guest, &format!("{prefix}{word}"), seconds, Vec::new(), user, effect))
}

fn effect(guest: &Guest, power: Power) -> Effect {
    let (label, vmid) = (guest.kind.label(), guest.vmid);
    match power {
        Power::Start if guest.is_running() => Effect::Fail(format!("{label} {vmid} already running")),
        Power::Start => Effect::Start(vmid),
        // A VM that is off is stopped without a complaint.
        Power::Stop if guest.kind == GuestKind::Qemu => Effect::Stop(vmid),
        _ if !guest.is_running() => Effect::Fail(format!("{label} {vmid} not running")),
        Power::Stop | Power::Shutdown { .. } | Power::Suspend { to_disk: true } => Effect::Stop(vmid),
        Power::Suspend { to_disk: false } => Effect::Pause(vmid),
        Power::Resume => Effect::Resume(vmid),
    }
}

fn start(
    world: &mut World,
    guest: &Guest,
    kind: &str,
    seconds: i64,
    log: Vec<String>,
    user: &str,
    effect: Effect,
) -> String {
    world.start_task(NewTask { node: &guest.node, kind, id: &guest.vmid.to_string(), user, seconds, log, effect })
}
