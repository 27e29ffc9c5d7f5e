//! pvescheduler: once a minute every node that is up runs the due jobs of its guests, one after the other.

use super::state::{JobState, LocalJob, Run, local_jobs};
use super::{config, parse_job_id};
use crate::api::notifications::event::{Event, FailedReplication};
use crate::world::World;

/// The second of a minute in which pvescheduler wakes.
const WAKES_AT: i64 = 1;
/// How long a replication or a removal takes.
const RUN_SECONDS: i64 = 2;

/// One second of the schedulers of all nodes.
pub fn tick(world: &mut World, second: i64) {
    let quorate = world.is_quorate();
    let nodes: Vec<String> = world.nodes.keys().cloned().collect();
    for node in nodes {
        if !world.is_up(&node) {
            // A run on a node that fails never finishes.
            if let Some(state) = world.replication.nodes.get_mut(&node) {
                state.running = None;
                state.pass = None;
            }
            continue;
        }
        if second.rem_euclid(60) == WAKES_AT {
            world.replication.nodes.entry(node.clone()).or_default().pass.get_or_insert(second);
        }
        if quorate {
            work(world, &node, second);
        }
    }
}

fn work(world: &mut World, node: &str, second: i64) {
    let Some(state) = world.replication.nodes.get_mut(node) else { return };
    if let Some(run) = state.running.take_if(|run| run.end <= second) {
        finish(world, node, &run);
    }
    let Some(state) = world.replication.nodes.get(node) else { return };
    let (None, Some(pass)) = (&state.running, state.pass) else { return };
    let next = next_job(world, node, pass);
    let pid = 2000 + u32::try_from(second.rem_euclid(30_000)).unwrap_or(0);
    let state = world.replication.nodes.entry(node.to_owned()).or_default();
    let Some(job) = next else {
        state.pass = None;
        return;
    };
    let known = state.jobs.entry(job.config.id.clone()).or_default();
    known.last_iteration = pass;
    known.last_try = second;
    state.running = Some(Run { job: job.config.id, pid, start: second, end: second + RUN_SECONDS });
}

/// `get_next_job`: those that waited longest first.
fn next_job(world: &mut World, node: &str, pass: i64) -> Option<LocalJob> {
    // The configuration is only looked at when there is one.
    if world.file(config::REPLICATION).is_empty() {
        return None;
    }
    let mut jobs = local_jobs(world, node, false);
    jobs.retain(|job| job.state.last_iteration < pass && job.next_sync != 0 && job.next_sync <= pass);
    jobs.sort_by(|one, other| {
        let key = |job: &LocalJob| (job.state.last_iteration, job.next_sync, job.guest);
        key(one).cmp(&key(other)).then_with(|| one.config.id.cmp(&other.config.id))
    });
    jobs.into_iter().next()
}

fn finish(world: &mut World, node: &str, run: &Run) {
    let mut jobs = config::read(world);
    let Some(job) = jobs.find(&run.job).cloned() else { return };
    let target = job.text("target").unwrap_or_default();
    let removal = job.text("remove_job");
    // Only snapshots on this node are removed with `local`.
    let reached = removal.as_deref() == Some("local") || world.is_up(&target);
    let is_full = |node: &str| world.nodes.get(node).is_some_and(|node| node.disk_full);
    let outcome = if !reached {
        Err(unreachable(world, &target, &job.id))
    } else if removal.is_none() && (is_full(node) || is_full(&target)) {
        Err(out_of_space(&job.id, run.start))
    } else {
        Ok(())
    };
    if removal.is_some() && outcome.is_ok() {
        jobs.remove(&run.job);
        // Values that were read can be written.
        let _ = config::write(world, &jobs);
        if let Some(state) = world.replication.nodes.get_mut(node) {
            state.jobs.remove(&run.job);
        }
        return;
    }
    let state = world.replication.nodes.entry(node.to_owned()).or_default();
    let state = state.jobs.entry(run.job.clone()).or_default();
    record(state, run, outcome);
    if let Some(error) = state.error.clone().filter(|_| is_reported(state.fail_count)) {
        let schedule = job.text("schedule").unwrap_or_else(|| "*/15".to_owned());
        let (failures, last_sync) = (state.fail_count, state.last_sync);
        let (node, job) = (node.to_owned(), run.job.clone());
        let failed = FailedReplication { node, job, target, schedule, failures, last_sync, error };
        let event = Event::replication(&failed, world.now());
        world.notify(&event, &failed.node);
    }
}

/// Proxmox notifies of the first three failures in a row. A job is then tried every half hour, and it notifies after one day of
/// failures, after two, after four.
fn is_reported(failures: i64) -> bool {
    failures <= 3 || (failures % 48 == 0 && u64::try_from(failures / 48).is_ok_and(u64::is_power_of_two))
}

fn record(state: &mut JobState, run: &Run, outcome: Result<(), String>) {
    let time = |at: i64| {
        jiff::Timestamp::from_second(at).map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
    };
    let line = |at: i64, text: &str| format!("{} {}: {text}", time(at), run.job);
    state.duration = Some((run.end - run.start) as f64 + 0.25);
    state.log = vec![line(run.start, "start replication job")];
    if let Some((guest, _)) = parse_job_id(&run.job) {
        state.log.push(line(run.start, &format!("guest => {guest}")));
    }
    match outcome {
        Ok(()) => {
            state.last_sync = run.start;
            state.fail_count = 0;
            state.error = None;
            state.log.push(line(run.end, "end replication job"));
        }
        Err(error) => {
            state.fail_count += 1;
            state.log.push(line(run.end, &format!("end replication job with error: {error}")));
            state.error = Some(error);
        }
    }
}

/// A snapshot needs space on the guest's node, its copy on the target.
fn out_of_space(job: &str, start: i64) -> String {
    let guest = parse_job_id(job).map_or(0, |(guest, _)| guest);
    format!(
        "zfs error: cannot create snapshot 'rpool/data/vm-{guest}-disk-0@__replicate_{job}_{start}__': out of space"
    )
}

fn unreachable(world: &World, target: &str, job: &str) -> String {
    let address = world.nodes.get(target).map_or("", |node| node.address.as_str());
    format!(
        "command '/usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias={target}' -o 'UserKnownHostsFile=/etc/pve/nodes/{target}/ssh_known_hosts' -o 'GlobalKnownHostsFile=none' root@{address} -- pvesr prepare-local-job {job}' failed: exit code 255"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_reported_less_and_less_often() {
        let reported: Vec<i64> = (1..400).filter(|failures| is_reported(*failures)).collect();
        assert_eq!(reported, [1, 2, 3, 48, 96, 192, 384]);
    }
}
