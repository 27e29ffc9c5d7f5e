//! Many objects at once, with edits outside of Terraform at the same time.

use std::sync::Arc;
use std::time::Duration;

use acceptance_tests::runtime::block_on;
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Seed};
use serde_json::{Value as Json, json};

#[test]
fn a_hundred_resources_at_once_never_fight_for_the_lock() {
    let name = "parallel::a_hundred_resources_at_once_never_fight_for_the_lock";
    let options = Options { seed: Some(hundred()), latency: Duration::from_millis(5), ..Options::default() };
    let Some(cluster) = Cluster::own(name, options).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure("resource \"pve_ha_resource\" \"a\" {\n  count = 100\n  sid   = \"vm:${1000 + count.index}\"\n}\n");
    let run = w.expect(0, &["apply", "-auto-approve", "-json", "-parallelism=50"]);
    assert!(run.warnings().is_empty(), "{}", run.text);
    let asked = cluster.emulator().counters().report();
    assert_eq!(asked["most_writes_in_flight"]["domain-ha"], 1, "{asked}");
    // Each is sent once: no lock was waited for in vain. Ten or more are read back by one list. The plan and the apply cost eight
    // each: version, privileges, guests, HA resources, the HA status, which has quorum and removed HA resources, and the
    // backup jobs, notification targets and matchers that new HA resources need.
    assert_eq!(asked["requests"]["POST /cluster/ha/resources"], 100, "{asked}");
    assert_eq!(asked["requests"]["GET /cluster/ha/resources/{sid}"], Json::Null, "{asked}");
    assert!(asked["total"].as_u64().unwrap() <= 126, "{asked}");

    // A refresh of all of them is one list.
    cluster.emulator().counters().reset();
    w.plan_is_empty();
    let asked = cluster.emulator().counters().report();
    assert!(asked["total"].as_u64().unwrap() <= 5 && asked["connections"].as_u64().unwrap() <= 2, "{asked}");

    // An edit between plan and apply is never overwritten: twenty edits, twenty reports.
    w.configure(
        "resource \"pve_ha_resource\" \"a\" {\n  count = 100\n  sid   = \"vm:${1000 + count.index}\"\n  \
         max_restart = count.index < 40 ? 5 : 1\n}\n",
    );
    assert_eq!(w.plan().changes().len(), 40);
    for vm in 1000..1020 {
        cluster.api.put(&format!("/cluster/ha/resources/vm:{vm}"), &[("max_restart", "9")]);
    }
    // Edits of siblings change the file's digest; they are no conflict.
    cluster.api.put("/cluster/ha/resources/vm:1099", &[("comment", "by hand")]);
    let run = w.expect(1, &["apply", "-json", "-parallelism=50", "plan"]);
    assert_eq!(run.errors().len(), 20, "{}", run.text);
    for error in run.errors() {
        assert!(error.line.trim_start().starts_with("max_restart"), "{error:?}");
        assert!(error.flat().contains("max_restart was 1 when the plan was made and is 9 now"), "{error:?}");
    }
    let now = cluster.api.list("/cluster/ha/resources", "sid");
    let restarts = |vm: u32| now[&format!("vm:{vm}")]["max_restart"].as_u64();
    assert!(
        (1000..1020).all(|vm| restarts(vm) == Some(9)) && (1020..1040).all(|vm| restarts(vm) == Some(5)),
        "{now:?}"
    );
    w.expect(0, &["destroy", "-auto-approve", "-json", "-parallelism=50"]);
    assert!(cluster.api.list("/cluster/ha/resources", "sid").is_empty());
}

/// HA resources of `count` virtual machines from `first` on.
fn resources(first: u32, count: u32) -> String {
    format!(
        "resource \"pve_ha_resource\" \"a\" {{\n  count = {count}\n  sid   = \"vm:${{{first} + count.index}}\"\n}}\n"
    )
}

/// Two processes that apply at once.
fn apply_both(cluster: &Arc<Cluster>, meanwhile: impl FnOnce()) {
    let both = [1000, 1050].map(|first| {
        let w = Workspace::new(cluster);
        w.configure(&resources(first, 6));
        w
    });
    std::thread::scope(|scope| {
        let runs = both.each_ref().map(|w| scope.spawn(|| w.apply()));
        meanwhile();
        for run in runs {
            let run = run.join().unwrap();
            assert!(run.warnings().is_empty(), "{}", run.text);
        }
    });
    assert_eq!(cluster.api.list("/cluster/ha/resources", "sid").len(), 12);
    both.iter().for_each(Workspace::plan_is_empty);
}

fn asked_to_create(cluster: &Cluster) -> u64 {
    cluster.emulator().counters().report()["requests"]["POST /cluster/ha/resources"].as_u64().unwrap()
}

#[test]
fn two_applies_meet_at_the_lock_and_both_are_carried_out() {
    let name = "parallel::two_applies_meet_at_the_lock_and_both_are_carried_out";
    let options = Options { seed: Some(hundred()), write_time: Duration::from_millis(20), ..Options::default() };
    let Some(cluster) = Cluster::own(name, options).map(Arc::new) else { return };
    cluster.run("pve2", "mkdir /etc/pve/priv/lock/domain-ha");
    apply_both(&cluster, || {
        // One write of each is on its way: a process sends one at a time.
        block_on(cluster.emulator().cluster().queue.until("domain-ha", |calls| calls.waiting == 2));
        cluster.run("pve2", "rmdir /etc/pve/priv/lock/domain-ha");
    });
    // Who waits for the lock on the node isn't asked again.
    assert_eq!(asked_to_create(&cluster), 12);
    assert_eq!(cluster.emulator().counters().report()["most_writes_in_flight"]["domain-ha"], 2);
}

#[test]
fn a_lock_that_was_waited_for_in_vain_is_asked_for_again() {
    let name = "parallel::a_lock_that_was_waited_for_in_vain_is_asked_for_again";
    let options = Options { seed: Some(hundred()), clock: Some(1_795_396_500.0), ..Options::default() };
    let Some(cluster) = Cluster::own(name, options).map(Arc::new) else { return };
    let emulated = cluster.emulator().cluster();
    cluster.run("pve2", "mkdir /etc/pve/priv/lock/domain-ha");
    apply_both(&cluster, || {
        block_on(emulated.queue.until("domain-ha", |calls| calls.waiting == 2));
        emulated.world().advance(10.0);
        // Both have had `got lock request timeout` for an answer, and come again.
        block_on(emulated.queue.until("domain-ha", |calls| (calls.waiting, calls.so_far) == (2, 4)));
        cluster.run("pve2", "rmdir /etc/pve/priv/lock/domain-ha");
        emulated.world().advance(1.0);
    });
    assert_eq!(asked_to_create(&cluster), 14);
}

/// Three nodes with a hundred virtual machines.
fn hundred() -> Seed {
    let nodes: Vec<_> =
        (1..=3).map(|i| json!({"node": format!("pve{i}"), "nodeid": i, "ring0_addr": format!("10.0.0.{i}")})).collect();
    let guests: Vec<_> = (1000..1100)
        .map(|vmid| {
            json!({"vmid": vmid, "type": "qemu", "node": format!("pve{}", vmid % 3 + 1), "name": format!("tfacc-{vmid}"),
                   "cores": 1, "memory": 512, "status": "stopped"})
        })
        .collect();
    let token = json!({"tokenid": "terraform", "privsep": 0, "secret": "d6a64b3e-2f4c-4a6e-9d0b-0f2a7a1b3c4d"});
    let seed = json!({"nodes": nodes, "guests": guests, "users": [{"userid": "root@pam", "password": "p", "tokens": [token]}]});
    Seed::parse(&seed.to_string()).unwrap()
}
