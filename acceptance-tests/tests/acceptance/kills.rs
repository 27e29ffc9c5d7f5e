//! A provider that is killed in the middle of an apply leaves nothing that the next apply doesn't heal or name.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use acceptance_tests::process::{kill_providers, start, until};
use acceptance_tests::promise::turns;
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Seed};
use serde_json::json;

const OBJECTS: u64 = 20;

#[test]
fn the_next_apply_heals_or_names_what_was_made() {
    let options = Options { seed: Some(guests()), latency: Duration::from_millis(4), ..Options::default() };
    let Some(cluster) = Cluster::own("kills::the_next_apply_heals_or_names_what_was_made", options).map(Arc::new)
    else {
        return;
    };
    let w = Workspace::new(&cluster);
    let configure = |adopt: bool| {
        w.configure(&format!(
            "provider \"pve\" {{\n  adopt_existing = {adopt}\n}}\nresource \"pve_ha_resource\" \"a\" {{\n  count = {OBJECTS}\n  \
             sid   = \"vm:${{1000 + count.index}}\"\n  state = \"ignored\"\n}}\n"
        ));
    };
    let turns = turns(10, 100);
    let (mut healed, mut named) = (0, 0);
    for turn in 0..turns {
        configure(false);
        cluster.emulator().counters().reset();
        let mut apply = start(&w, &["apply", "-auto-approve"]);
        // The moments are spread over the whole apply, and within one write.
        let writes = turn * OBJECTS / turns;
        until("the writes before", || apply_has_sent(&cluster, writes));
        std::thread::sleep(Duration::from_micros(turn % 7 * 1_500));
        let killed = kill_providers(&apply);
        apply.wait().unwrap();
        let (there, recorded) = (on_cluster(&cluster), in_state(&w));
        assert!(recorded.is_subset(&there), "turn {turn}: {recorded:?} in the state, {there:?} on the cluster");
        let unrecorded: Vec<_> = there.difference(&recorded).cloned().collect();

        let run = w.run(&["apply", "-auto-approve", "-json"]);
        if unrecorded.is_empty() {
            assert_eq!(run.code, Some(0), "turn {turn}, {killed} killed\n{}", run.text);
            healed += 1;
        } else {
            // Exactly the objects that are in no state are named, ready to be imported.
            assert_eq!(run.errors().len(), unrecorded.len(), "turn {turn}: {unrecorded:?}\n{}", run.text);
            for sid in &unrecorded {
                let block = format!("id = \"{sid}\"");
                assert!(run.errors().iter().any(|error| error.flat().contains(&block)), "{block}\n{}", run.text);
            }
            configure(true);
            w.apply();
            named += 1;
        }
        assert_eq!((on_cluster(&cluster).len(), in_state(&w).len()), (20, 20), "turn {turn}");
        w.destroy();
        assert!(on_cluster(&cluster).is_empty(), "turn {turn}: something is left behind");
    }
    let _ = writeln!(
        std::io::stderr(),
        "{turns} kills: after {healed} the next apply converged, after {named} it named what was unrecorded and \
         adopt_existing converged"
    );
}

fn apply_has_sent(cluster: &Cluster, writes: u64) -> bool {
    let asked = cluster.emulator().counters().report();
    asked["requests"]["POST /cluster/ha/resources"].as_u64().unwrap_or(0) >= writes && asked["total"] != 0
}

fn on_cluster(cluster: &Cluster) -> BTreeSet<String> {
    cluster.api.list("/cluster/ha/resources", "sid").into_keys().collect()
}

fn in_state(w: &Workspace) -> BTreeSet<String> {
    w.state().iter().filter_map(|(_, instance)| instance["attributes"]["sid"].as_str().map(str::to_owned)).collect()
}

/// Three nodes with as many virtual machines.
fn guests() -> Seed {
    let node = |number: u64| format!("pve{}", number % 3 + 1);
    let nodes: Vec<_> =
        (0..3).map(|i| json!({"node": node(i), "nodeid": i + 1, "ring0_addr": format!("10.0.0.{i}")})).collect();
    let guest = |vmid: u64| json!({"vmid": vmid, "type": "qemu", "node": node(vmid), "name": format!("tfacc-{vmid}"), "memory": 512});
    let guests: Vec<_> = (1000..1000 + OBJECTS).map(guest).collect();
    let token = json!({"tokenid": "terraform", "privsep": 0, "secret": "d6a64b3e-2f4c-4a6e-9d0b-0f2a7a1b3c4d"});
    let seed = json!({"nodes": nodes, "guests": guests, "users": [{"userid": "root@pam", "password": "p", "tokens": [token]}]});
    Seed::parse(&seed.to_string()).unwrap()
}
