//! Jobs follow their guest: their source is its node. After a migration the job that copied to the new node copies back to the
//! old one.

use std::collections::BTreeMap;

use serde_json::json;

use super::{config, parse_job_id};
use crate::section_config::Sections;
use crate::world::World;

/// `switch_replication_job_target`: the last step of a migration, on the node that the guest leaves.
pub fn migrated(world: &mut World, vmid: u32, from: &str, to: &str) {
    let mut jobs = config::read(world);
    if turn(&mut jobs, vmid, from, to) {
        // Values that were read can be written.
        let _ = config::write(world, &jobs);
    }
}

/// What `job_status` puts right first on the node that asks for its jobs: guests that came in another way than by a migration,
/// as by HA's recovery. A job without a source is taken to be at home.
pub(super) fn follow_guests(world: &mut World, node: &str) {
    if !world.is_quorate() {
        return;
    }
    let mut jobs = config::read(world);
    let mut arrived: BTreeMap<u32, String> = BTreeMap::new();
    for job in &jobs.list {
        let Some((vmid, _)) = parse_job_id(&job.id) else { continue };
        let is_here = world.guests.get(&vmid).is_some_and(|guest| guest.node == node);
        if let Some(source) = job.text("source").filter(|source| is_here && source != node) {
            arrived.entry(vmid).or_insert(source);
        }
    }
    let mut turned = false;
    for (vmid, from) in arrived {
        turned |= turn(&mut jobs, vmid, &from, node);
    }
    if turned {
        let _ = config::write(world, &jobs);
    }
}

/// All jobs of the guest begin where it is now, and that to this node ends where it was. Whether there was anything to do.
fn turn(jobs: &mut Sections, vmid: u32, from: &str, to: &str) -> bool {
    let mut turned = false;
    for job in jobs.list.iter_mut().filter(|job| parse_job_id(&job.id).is_some_and(|(guest, _)| guest == vmid)) {
        job.values.insert("source".to_owned(), json!(to));
        if job.text("target").as_deref() == Some(to) {
            job.values.insert("target".to_owned(), json!(from));
        }
        turned = true;
    }
    turned
}
