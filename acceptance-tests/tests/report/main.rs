//! `terraform-provider-pve report`, in process, against emulated clusters: each verdict, each format parsed back.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod formats;
mod monitoring;
mod openmetrics;
mod plan;
mod several;
mod verdicts;

use std::collections::BTreeMap;

use pve_emulator::world::World;
use pve_emulator::{Emulator, Handle, Options};
use terraform_provider_pve::report::{self, Ended, Report, Variables};

/// A cluster of three nodes, called `name`, whose HA resources vm:100 to vm:102 have shared disks.
async fn cluster(name: &str) -> Handle {
    cluster_with(name, |_| ()).await
}

/// The same after a change.
async fn cluster_with(name: &str, change: impl FnOnce(&mut World)) -> Handle {
    let cluster = Emulator::start(Options::default()).await.unwrap();
    {
        let mut world = cluster.cluster().world();
        name.clone_into(&mut world.cluster_name);
        let mut resources = String::new();
        for vmid in [100, 101, 102] {
            resources.push_str(&format!("vm: {vmid}\n\tstate started\n\n"));
            put_disk(&mut world, vmid, "shared-nfs");
        }
        world.write_file("/etc/pve/ha/resources.cfg", &*resources);
        world.advance(1800.0);
        change(&mut world);
    }
    cluster
}

fn put_disk(world: &mut World, vmid: u32, storage: &str) {
    let guest = world.guests.get_mut(&vmid).unwrap();
    for (_, value) in guest.config.iter_mut().filter(|(key, _)| key == "scsi0") {
        *value = format!("{storage}:vm-{vmid}-disk-0,size=8G");
    }
}

/// The environment that reaches a cluster.
fn variables(cluster: &Handle) -> Variables {
    let pairs = [
        ("PROXMOX_VE_ENDPOINT", cluster.endpoint()),
        ("PROXMOX_VE_API_TOKEN", cluster.api_token().unwrap()),
        ("PROXMOX_VE_TLS_FINGERPRINT", cluster.fingerprint()),
    ];
    BTreeMap::from(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

/// A run of the command.
async fn run(arguments: &[&str], variables: &Variables) -> Ended {
    let matches = report::command().try_get_matches_from([&["report"], arguments].concat()).unwrap();
    report::report(&matches, variables).await
}

/// The report as JSON, parsed back.
async fn document(arguments: &[&str], variables: &Variables) -> (u8, Report) {
    let ended = run(&[&["--format", "json"], arguments].concat(), variables).await;
    (ended.code, serde_json::from_str(&ended.output).unwrap_or_else(|error| panic!("{error}: {ended:?}")))
}
