//! The queue of commands for the CRM, and what the API foretells of a command.

use serde_json::{Value, json};

use crate::world::World;

/// One command a line, e.g. `migrate vm:100 pve2`; the CRM empties it once a round.
pub const CRM_COMMANDS: &str = "/etc/pve/ha/crm_commands";

/// What PVE 9 answers to a migration: who comes along, and who is in the way. The command is queued in any case.
pub(super) fn consequences(_world: &World, sid: &str, node: &str) -> Value {
    json!({"sid": sid, "requested-node": node})
}
