//! The control plane: `POST /emulator/…` with a JSON body, for the tests that control the cluster.
//!
//! | call | body | does |
//! |---|---|---|
//! | `clock` | `{"mode":"virtual"\|"real"}?` | stops the clock or lets it run; returns the time |
//! | `advance` | `{"seconds":N}` | takes the clock over and moves it; every daemon does what is due |
//! | `fail`, `restore` | `{"node":NAME,"network":BOOL?}` | cuts or restores a node's power, or its network |
//! | `nodes` | – | every node: its cluster, whether it is online there, its certificate, and where it listens |
//! | `reinstall` | `{"node":NAME}` | a node is installed anew, in no cluster; returns how it is reached |
//! | `interrupt-join` | `{"before":STEP,"node":NAME?}` | the next join breaks off before that step, see [`crate::site::Step`] |
//! | `certificate` | – | the certificate that is served is renewed by the cluster's own authority |
//! | `disk` | `{"node":NAME,"full":BOOL}` | the disks of a node are full, or have space again |
//! | `restore-guest` | as in a seed | a guest is created, or restored from a backup |
//! | `guest` | `{"action":"fail"\|"fail-migration"\|"cure"\|"move"\|"remove"\|"start"\|"stop","vmid":N,"node":NAME?,"once":BOOL?}` | changes a guest behind the API; makes its starts or migrations fail |
//! | `backup` | `{"action":"fail","vmid":N,"once":BOOL?}`, `{"action":"cure","vmid":N}`, `{"action":"run","job":ID}` or `{"action":"runs"}` | makes all backups of a guest fail, or the next one; makes them work again; runs a job at once; lists the runs |
//! | `storage` | `{"storage":ID,"online":BOOL,"node":NAME?}` | a node, or all, lose a storage or have it again |
//! | `reboot` | `{"node":NAME}` | a node boots again: services that are enabled, the watchdog module that is configured |
//! | `kernel` | `{"node":NAME,"release":R?,"install":BOOL?}` | apt finds a newer kernel on a node, or it is installed, so that a reboot is due |
//! | `qdevice` | `{"on":BOOL,"host":ADDRESS?}` | adds or removes a QDevice |
//! | `fault` | see [`faults::Fault`] | puts a fault in wait |
//! | `faults`, `faults/clear` | – | how many requests met one; takes all away |
//! | `answer-more` | see [`additions::Addition`]; nothing takes all away | answers as a later Proxmox would, with more than this one has |
//! | `edit` | `{"file":PATH,"text":TEXT\|null,"node":NAME?}` or `{"method":M,"path":P,"params":{…}?,"on":NAME?}` | writes a file of `/etc/pve` or of a node's own disk, or makes an API call as root@pam, which the node `on` answers |
//! | `file` | `{"file":PATH,"node":NAME?}` | reads a file |
//! | `run` | `{"node":NAME,"command":LINE,"user":NAME?,"stdin":TEXT?}` | runs a command line on a machine |
//! | `command-fault` | see [`commands::CommandFault`] | puts a fault in wait for a command |
//! | `agent` | see [`commands::Scripted`] | says what a fence agent answers |
//! | `commands`, `commands/reset`, `commands/clear` | – | what was run; forgets that; forgets faults and answers, too |
//! | `machine` | `{"machine":NAME,"reachable":BOOL?,"trusts":[NODE]?,"sudo":BOOL?,"packages":{…}?,"units":{…}?,"files":{…}?}` | changes a node's own things, or those of a host that a QDevice can be on |
//! | `authorise` | `{"key":LINE}` | lets the owner of a public key in |
//! | `fence` | `{"text":TEXT,"attempts":[[NODE,N]]?}` | returns how Proxmox reads a text of fence.cfg |
//! | `upgrade` | `{"version":V?,"node":NAME?}` | installs a version on a node or on all, from PVE 8 to 9 on all but the last; without one on the last, too |
//! | `seed` | `{"initial":"seed"\|"fresh","seed":{…}?,"nodes":N?}` | begins anew, with the first N nodes only |
//! | `locks` | – | who holds which cluster lock since when, and how many API calls wait for it and have waited so far |
//! | `notifications` | – | what was sent to which target and how that ended, in order; waits for what is on its way |
//! | `package-updates` | `{"node":NAME,"updates":{PACKAGE:VERSION}}` | a node finds updates of packages, and notifies of them |
//! | `counters`, `counters/reset` | – | what was asked of the API |
//!
//! Invariant: nothing here is part of Proxmox's API, and nothing of Proxmox's API is here. Only local callers get in.

mod actions;
pub mod additions;
pub mod commands;
pub mod counters;
pub mod faults;
mod machines;
mod nodes;
mod notifications;
mod upkeep;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::ApiResult;
use crate::server::Shared;
use crate::world::seed::Seed;

/// The path of the call that lists notifications.
pub(crate) const NOTIFICATIONS: &str = "/emulator/notifications";

/// What the control plane keeps.
pub(crate) struct Control {
    pub(crate) counters: counters::Counters,
    pub(crate) faults: faults::Faults,
    pub(crate) commands: commands::Commands,
    pub(crate) additions: additions::Additions,
    pub(crate) seed: Seed,
}

impl Control {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            counters: counters::Counters::default(),
            faults: faults::Faults::default(),
            commands: commands::Commands::default(),
            additions: additions::Additions::default(),
            seed,
        }
    }
}

/// Answers a call of the control plane: status and JSON text.
pub(crate) async fn handle(
    shared: &Arc<Shared>,
    method: &http::Method,
    path: &str,
    body: ApiResult<Bytes>,
) -> (u16, String) {
    let refuse = |status, text: String| (status, json!({"error": text}).to_string());
    let Some(action) = path.strip_prefix("/emulator/").filter(|_| method == http::Method::POST) else {
        return refuse(405, "the control plane takes POST only".to_owned());
    };
    let body = match body {
        Ok(body) if body.is_empty() => Ok(json!({})),
        Ok(body) => serde_json::from_slice::<Value>(&body).map_err(|error| error.to_string()),
        Err(error) => Err(error.message),
    };
    let outcome = match body {
        Ok(body) if action == "run" => machines::execute(shared, body).await,
        other => other.and_then(|body| actions::run(shared, action, body)),
    };
    match outcome {
        Ok(answer) => (200, answer.to_string()),
        Err(text) => refuse(400, text),
    }
}
