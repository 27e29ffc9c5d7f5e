//! Ctrl-C is quick and safe.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acceptance_tests::core::{Core, Object};
use acceptance_tests::process::{interrupt, start, until};
use acceptance_tests::promise::turns;
use acceptance_tests::{Cluster, Workspace, runtime};
use pve_emulator::Options;
use serde_json::{Value as Json, json};

/// The promises, a second and ten, hold on a machine that does nothing else; what was measured is printed. These bounds are
/// for any machine, and still far below the minute that a request may take.
const AT_ONCE: Duration = Duration::from_secs(20);
pub const SETTLED: Duration = Duration::from_secs(40);

#[test]
fn a_read_that_hangs_is_given_up_at_once() {
    let Some(cluster) =
        Cluster::own("interrupts::a_read_that_hangs_is_given_up_at_once", Options::default()).map(Arc::new)
    else {
        return;
    };
    let w = Workspace::new(&cluster);
    w.configure("resource \"pve_ha_resource\" \"a\" {\n  sid = \"vm:900\"\n}\n");
    w.apply();
    add(&cluster, json!({"method": "GET", "path": "/cluster/ha/resources", "kind": "hang", "count": null}));
    let mut plan = start(&w, &["plan"]);
    until("the read hangs", || cluster.emulator().faults().met() > 0);
    let start = Instant::now();
    interrupt(&plan);
    plan.wait().unwrap();
    let took = start.elapsed();
    // Most of it is core's own end. Without the interrupt it would be the request's timeout of a minute.
    assert!(took < AT_ONCE, "it took {took:?} to end");

    let slowest = (0..turns(10, 50)).map(|_| runtime::block_on(interrupted_read(&cluster))).max().unwrap();
    assert!(slowest < AT_ONCE, "it took {slowest:?} to give up");
    let _ = writeln!(
        std::io::stderr(),
        "interrupted reads: the CLI is gone after {took:?}, the provider gives up in {slowest:?}"
    );
    cluster.emulator().faults().clear();
    w.destroy();
}

/// How long a read that hangs goes on after the interrupt.
async fn interrupted_read(cluster: &Cluster) -> Duration {
    let core = Arc::new(Core::new(cluster, &[]).await);
    let met = cluster.emulator().faults().met();
    let reader = core.clone();
    let read = tokio::spawn(async move {
        let mut object = Object::new("pve_ha_resource");
        reader.apply(&mut object, Some(&json!({"sid": "vm:900"}))).await
    });
    while cluster.emulator().faults().met() == met {
        tokio::task::yield_now().await;
    }
    let start = Instant::now();
    core.stop();
    assert!(read.await.unwrap().has_error());
    start.elapsed()
}

#[test]
fn a_write_in_flight_is_settled_and_in_the_state() {
    let Some(cluster) =
        Cluster::own("interrupts::a_write_in_flight_is_settled_and_in_the_state", Options::default()).map(Arc::new)
    else {
        return;
    };
    let w = Workspace::new(&cluster);
    w.configure("resource \"pve_ha_resource\" \"a\" {\n  sid = \"vm:900\"\n}\n");
    // Carried out, but the answer takes longer than anybody waits.
    add(&cluster, json!({"method": "POST", "path": "/cluster/ha/resources", "kind": "hang"}));
    let mut apply = start(&w, &["apply", "-auto-approve"]);
    until("the write hangs", || cluster.emulator().faults().met() > 0);
    let start = Instant::now();
    interrupt(&apply);
    apply.wait().unwrap();
    assert!(start.elapsed() < SETTLED, "it took {:?} to end", start.elapsed());
    cluster.emulator().faults().clear();
    let there = cluster.api.find("/cluster/ha/resources/vm:900").is_some();
    assert!(there && w.state().len() == 1, "on the cluster: {there}; in the state: {:?}", w.state());
    w.apply();
    w.plan_is_empty();
    w.destroy();
}

/// Interrupts at many different moments of a create: whatever is on the cluster afterwards is in the state.
#[test]
fn whenever_it_comes_nothing_is_lost() {
    let Some(cluster) = Cluster::own("interrupts::whenever_it_comes_nothing_is_lost", Options::default()).map(Arc::new)
    else {
        return;
    };
    let wanted = json!({"sid": "vm:900", "state": "ignored"});
    let (mut settled, mut slowest) = (0, Duration::ZERO);
    let turns = turns(20, 50);
    for turn in 0..turns {
        // The request is under way for 60 ms, or its answer never comes; the interrupt comes at any time before, in and after
        // that.
        let kind = if turn % 8 == 7 { "hang" } else { "latency" };
        add(&cluster, json!({"method": "POST", "path": "/cluster/ha/resources", "kind": kind, "ms": 60}));
        let (object, took) = runtime::block_on(async {
            let core = Arc::new(Core::new(&cluster, &[]).await);
            let mut object = Object::new("pve_ha_resource");
            let stopper = core.clone();
            let interrupt = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(turn * 140 / turns)).await;
                stopper.stop();
                Instant::now()
            });
            core.apply(&mut object, Some(&wanted)).await;
            let ended = Instant::now();
            let took = interrupt.await.unwrap();
            (object, ended.saturating_duration_since(took))
        });
        cluster.emulator().faults().clear();
        slowest = slowest.max(took);
        let there = cluster.api.find("/cluster/ha/resources/vm:900").is_some();
        assert!(!there || !object.state.is_null(), "turn {turn}: on the cluster, but not in the state");
        settled += u32::from(there);
        // The next apply ends where this one was going.
        let mut object = object;
        runtime::block_on(async {
            let core = Core::new(&cluster, &[]).await;
            let said = core.apply(&mut object, Some(&wanted)).await;
            assert!(!said.has_error(), "turn {turn}: {said:?}");
            assert!(core.is_settled(&object, &wanted).await);
            let said = core.apply(&mut object, None).await;
            assert!(!said.has_error(), "turn {turn}: {said:?}");
        });
    }
    assert!(slowest < SETTLED, "the slowest took {slowest:?}");
    let _ = writeln!(
        std::io::stderr(),
        "{turns} interrupts: {settled} creates were carried out, all in the state; slowest {slowest:.1?}"
    );
}

fn add(cluster: &Cluster, fault: Json) {
    cluster.emulator().faults().add(serde_json::from_value(fault).unwrap()).unwrap();
}
