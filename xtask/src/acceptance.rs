//! `cargo xtask acceptance`: the acceptance tests against a cluster that exists.

use std::process::Command;

use acceptance_tests::Cluster;
use acceptance_tests::cluster::{EXISTING, NEEDED, OURS};
use acceptance_tests::leftovers;

use crate::test::watch;
use crate::{Outcome, Workspace};

/// Run the acceptance tests against the cluster that PROXMOX_VE_ENDPOINT names
///
/// PROXMOX_VE_API_TOKEN is needed as well, and one of PROXMOX_VE_TLS_FINGERPRINT, PROXMOX_VE_CA_CERTIFICATE,
/// PROXMOX_VE_INSECURE. Only guests whose names begin with tfacc- are touched.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only tests whose names contain one of these
    tests: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// The cluster isn't named or lacks guests, a test failed, or something was left behind.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let environment: Vec<(String, String)> = std::env::vars().collect();
    for name in ["PROXMOX_VE_ENDPOINT", "PROXMOX_VE_API_TOKEN"] {
        if !environment.iter().any(|(other, value)| other == name && !value.is_empty()) {
            return Err(format!("{name} is not set: the tests need the address of a cluster").into());
        }
    }
    println!("── build");
    let built = Command::new("cargo")
        .args(["build", "--package", "terraform-provider-pve", "--package", "pve-emulator", "--bins"])
        .current_dir(workspace.root())
        .status()?;
    if !built.success() {
        return Err(format!("`cargo build`: {built}").into());
    }
    println!("── cluster");
    let cluster = Cluster::named(&environment);
    let ours = enough_guests(&cluster)?;
    for what in leftovers::remove(&cluster.api, &ours) {
        println!("removed {what}, which an earlier run has left behind");
    }
    let before = cluster.inventory();
    println!("── test");
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--package", "acceptance-tests", "--test", "acceptance", "--no-fail-fast", "--"]);
    cargo.args(&args.tests).current_dir(workspace.root()).env(EXISTING, "1");
    if std::env::var_os("RUST_TEST_THREADS").is_none() {
        cargo.env("RUST_TEST_THREADS", "4");
    }
    let (seen, outcome) = watch(&mut cargo)?;
    println!("── summary");
    println!("not run: the suites ssh, replay, data_sources and report_page, which start their own clusters");
    let left = leftovers::remove(&cluster.api, &ours);
    left.iter().for_each(|what| println!("removed {what}, which a test has left behind"));
    seen.print(&mut std::io::stdout().lock())?;
    outcome?;
    if left.is_empty() && cluster.inventory() == before {
        return Ok(());
    }
    Err("the cluster is not as it was before".into())
}

/// The ids of the guests that the tests may touch.
fn enough_guests(cluster: &Cluster) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let (vms, cts) = (cluster.ours("qemu"), cluster.ours("lxc"));
    println!(
        "the tests need {} VMs and {} containers whose names begin with {OURS}; the cluster has {} and {}",
        NEEDED.vms,
        NEEDED.cts,
        vms.len(),
        cts.len()
    );
    if vms.len() < NEEDED.vms || cts.len() < NEEDED.cts {
        return Err("the cluster has too few guests for the tests: create the missing ones, which need not run".into());
    }
    Ok([vms, cts].concat())
}
