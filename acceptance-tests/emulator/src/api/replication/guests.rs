//! The replication jobs as the calls of guests use them.

use super::{config, parse_job_id};
use crate::world::World;

/// The jobs of a guest.
#[must_use]
pub fn jobs_of(world: &World, vmid: u32) -> Vec<String> {
    let jobs = config::read(world).list.into_iter().map(|job| job.id);
    jobs.filter(|id| parse_job_id(id).is_some_and(|(guest, _)| guest == vmid)).collect()
}

/// The nodes that a guest is replicated to.
#[must_use]
pub fn targets_of(world: &World, vmid: u32) -> Vec<String> {
    let jobs = config::read(world).list.into_iter();
    let own = jobs.filter(|job| parse_job_id(&job.id).is_some_and(|(guest, _)| guest == vmid));
    own.filter(|job| job.text("remove_job").is_none()).filter_map(|job| job.text("target")).collect()
}

/// Takes a guest's jobs out of the configuration.
///
/// # Errors
/// A value can't be written.
pub fn forget(world: &mut World, vmid: u32) -> Result<(), String> {
    let mut jobs = config::read(world);
    jobs.list.retain(|job| parse_job_id(&job.id).is_some_and(|(guest, _)| guest != vmid));
    config::write(world, &jobs)
}
