//! The datacenter's options: what no recording shows.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

use pve_emulator::clock::Clock;
use pve_emulator::pipeline::Cluster;
use pve_emulator::route::Method;
use pve_emulator::world::Pve;
use pve_emulator::{Initial, Seed};
use serde_json::{Value, json};

fn call(cluster: &Cluster, method: Method, params: Value) -> Value {
    let params = params.as_object().cloned().unwrap_or_default();
    cluster.call_as_root(method, "/cluster/options", params).unwrap().data
}

/// `encode_text` leaves the percent sign alone, so that `decode_text` finds escapes in the original text.
#[test]
fn a_description_reads_as_its_lines_decode() {
    let seed = Seed::default_cluster("p", "s");
    let cluster = Cluster::new(seed.build(Pve::V9, Initial::Seed, Clock::standing(1_795_396_500.0)));
    call(&cluster, Method::Put, json!({"description": "100% of a:b, %41"}));
    assert!(cluster.world().file("/etc/pve/datacenter.cfg").starts_with("#100% of a%3Ab, %41\n"));
    assert_eq!(call(&cluster, Method::Get, json!({}))["description"], "100% of a:b, A\n");
    // Nor are blanks at the ends of lines cut off, as they are in values.
    call(&cluster, Method::Put, json!({"description": " one  \n\ttwo"}));
    assert_eq!(call(&cluster, Method::Get, json!({}))["description"], " one  \n\ttwo\n");
}
