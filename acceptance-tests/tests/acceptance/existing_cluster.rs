//! The same tests against a cluster that was started before, as against a real one: used by its API alone, and restored
//! afterwards.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use acceptance_tests::cluster::{EXISTING, is_existing};
use acceptance_tests::{Cluster, Workspace, cli};
use pve_emulator::Release;
use serde_json::Value as Json;

#[test]
fn the_suite_passes_on_pve_9() {
    suite("9");
}

#[test]
fn the_suite_passes_on_pve_8() {
    suite("8");
}

fn suite(pve: &str) {
    // This process is one of that suite already.
    if is_existing() {
        return;
    }
    let emulator = Emulator::start(pve);
    let cluster = Cluster::named(&emulator.environment);
    let before = cluster.inventory();
    // Not part of the suite: the clock of the cluster runs faster.
    let hurry = cluster.hurry_along();
    let mut suite = Command::new(env::current_exe().unwrap());
    suite.env(EXISTING, "1").envs(emulator.environment.iter().cloned()).env("RUST_TEST_THREADS", "4");
    let output = suite.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    // Those that need more than an API say so by their name.
    for skipped in ["nothing_is_lost::", "tls::", "quorum::", "parallel::"] {
        assert!(said.contains(&format!("skipped {skipped}")), "{skipped} is not skipped by name\n{said}");
    }
    let lives = if pve == "9" { "ha_node_affinity_rule::a_life" } else { "ha_group::a_life_on_pve_8" };
    assert!(said.contains(&format!("test {lives} ... ok")) && !said.contains(&format!("skipped {lives}:")), "{said}");
    drop(hurry);
    assert_eq!(cluster.inventory(), before, "something is left behind");
}

/// Set for the process that runs the test that panics.
const PANICS: &str = "PVE_ACC_PANICS";

/// Half of its objects are in a state.
#[test]
fn a_test_that_panics() {
    if env::var_os(PANICS).is_none() {
        return;
    }
    let cluster = Arc::new(Cluster::of("a_test_that_panics", Release::V9).unwrap());
    let sids = cluster.guests(3, 1).sids();
    let w = Workspace::new(&cluster);
    w.configure(&format!(
        "resource \"pve_ha_resource\" \"a\" {{\n  for_each = toset({:?})\n  sid = each.key\n  state = \"stopped\"\n}}\n\
         resource \"pve_ha_node_affinity_rule\" \"a\" {{\n  name = \"tfacc-a\"\n  nodes = {{ {} = 1 }}\n  \
         resources = [for a in pve_ha_resource.a : a.sid]\n}}\n",
        &sids[..2],
        cluster.nodes()[0],
    ));
    w.apply();
    for sid in &sids[2..] {
        cluster.api.post("/cluster/ha/resources", &[("sid", sid), ("state", "stopped")]);
    }
    let apart = [("rule", "tfacc-b"), ("type", "resource-affinity"), ("affinity", "negative")];
    cluster.api.post("/cluster/ha/rules", &[&apart[..], &[("resources", &sids[2..].join(","))]].concat());
    // A destroy has nothing to go by.
    std::fs::remove_file(w.path("terraform.tfstate")).unwrap();
    panic!("the panic of this test");
}

#[test]
fn what_a_test_has_made_is_gone_after_its_panic() {
    if is_existing() {
        return;
    }
    let emulator = Emulator::start("9");
    let cluster = Cluster::named(&emulator.environment);
    let before = cluster.inventory();
    let hurry = cluster.hurry_along();
    let mut suite = Command::new(env::current_exe().unwrap());
    suite.args(["--exact", "existing_cluster::a_test_that_panics"]);
    suite.env(EXISTING, "1").env(PANICS, "1").envs(emulator.environment.iter().cloned());
    let output = suite.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success() && said.contains("the panic of this test"), "{said}");
    for what in ["/cluster/ha/rules/tfacc-a", "/cluster/ha/rules/tfacc-b", "/cluster/ha/resources/ct:"] {
        assert!(said.contains(&format!("removed {what}")), "{what}\n{said}");
    }
    drop(hurry);
    assert_eq!(cluster.inventory(), before, "something is left behind");
}

/// An emulator in a process of its own.
struct Emulator {
    process: Child,
    environment: Vec<(String, String)>,
}

impl Emulator {
    fn start(pve: &str) -> Self {
        let program = cli::provider_folder().join("pve-emulator");
        assert!(program.is_file(), "{} is missing; run `cargo build --package pve-emulator` first", program.display());
        let mut process =
            Command::new(program).args(["--pve", pve]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Json = serde_json::from_str(&line).unwrap();
        let variable =
            |name: &str, member: &str| (format!("PROXMOX_VE_{name}"), ready[member].as_str().unwrap().to_owned());
        // One is trusted by its pin, the other by its CA.
        let trust = match pve {
            "9" => variable("TLS_FINGERPRINT", "tls_fingerprint"),
            _ => variable("CA_CERTIFICATE", "ca_certificate_file"),
        };
        let environment = vec![variable("ENDPOINT", "endpoint"), variable("API_TOKEN", "api_token"), trust];
        Self { process, environment }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}
