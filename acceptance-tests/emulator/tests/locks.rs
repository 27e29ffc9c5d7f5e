//! Writes that meet at a cluster lock.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

mod support;

use std::time::Duration;

use pve_emulator::{Emulator, Handle, Options};
use serde_json::json;
use support::{Answer, call, control};

const TIMEOUT: &str = "create resource failed: cfs-lock 'domain-ha' error: got lock request timeout";

async fn standing() -> Handle {
    Emulator::start(Options { clock: Some(1_795_396_500.0), ..Options::default() }).await.unwrap()
}

fn take(handle: &Handle, lock: &str) {
    assert_eq!(handle.execute("pve2", &format!("mkdir /etc/pve/priv/lock/{lock}"), "").exit(), Some(0));
}

fn release(handle: &Handle, lock: &str) {
    assert_eq!(handle.execute("pve2", &format!("rmdir /etc/pve/priv/lock/{lock}"), "").exit(), Some(0));
}

async fn create(handle: &Handle, sid: &str) -> Answer {
    call(handle, "POST", "/cluster/ha/resources", &format!("sid={sid}&state=stopped")).await.unwrap()
}

#[tokio::test]
async fn a_write_waits_for_its_lock_and_looks_each_second() {
    let handle = standing().await;
    take(&handle, "domain-ha");
    let (write, ()) = tokio::join!(create(&handle, "vm:100"), async {
        handle.cluster().queue.until("domain-ha", |calls| calls.waiting == 1).await;
        let locks = control(&handle, "locks", json!({})).await;
        assert_eq!(
            locks["domain-ha"],
            json!({"holder": "a command on a node", "since": 1_795_396_500.0, "waiting": 1, "waited_so_far": 1})
        );
        // Other locks are free, and what reads needs none.
        assert_eq!(call(&handle, "PUT", "/cluster/options", "keyboard=de").await.unwrap().status, 200);
        assert_eq!(call(&handle, "GET", "/cluster/ha/resources", "").await.unwrap().data(), json!([]));
        release(&handle, "domain-ha");
        handle.cluster().world().advance(1.0);
    });
    assert_eq!(write.status, 200);
    assert!(handle.cluster().world().locks().is_empty(), "it has given the lock back");
    assert_eq!(handle.cluster().queue.calls()["domain-ha"].waiting, 0);
}

#[tokio::test]
async fn after_nine_seconds_a_write_gives_up() {
    let handle = standing().await;
    take(&handle, "domain-ha");
    let (write, ()) = tokio::join!(create(&handle, "vm:100"), async {
        for _ in 0..9 {
            handle.cluster().queue.until("domain-ha", |calls| calls.waiting == 1).await;
            handle.cluster().world().advance(1.0);
        }
    });
    assert_eq!((write.status, write.reason.as_str()), (500, TIMEOUT));
    assert_eq!(call(&handle, "GET", "/cluster/ha/resources", "").await.unwrap().data(), json!([]));
}

#[tokio::test]
async fn who_waits_goes_on_when_its_client_is_gone() {
    let handle = standing().await;
    take(&handle, "domain-ha");
    tokio::select! {
        _ = create(&handle, "vm:100") => panic!("the lock is taken"),
        () = handle.cluster().queue.until("domain-ha", |calls| calls.waiting == 1) => {}
    }
    release(&handle, "domain-ha");
    // The client is gone; another write of the same kind comes behind it.
    take(&handle, "domain-ha");
    let (write, ()) = tokio::join!(create(&handle, "vm:101"), async {
        handle.cluster().queue.until("domain-ha", |calls| calls.waiting == 2).await;
        release(&handle, "domain-ha");
        handle.cluster().world().advance(1.0);
    });
    assert_eq!(write.status, 200);
    let again = create(&handle, "vm:100").await;
    assert!(again.reason.contains("resource ID 'vm:100' already defined"), "{}", again.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_clock_runs_a_write_holds_its_lock_and_the_next_one_waits() {
    let options = Options { write_time: Duration::from_secs(3600), ..Options::default() };
    let handle = std::sync::Arc::new(Emulator::start(options).await.unwrap());
    let write = |sid: &'static str| {
        let handle = handle.clone();
        tokio::spawn(async move { create(&handle, sid).await })
    };
    let first = write("vm:100");
    // It holds the lock for an hour; everybody sees what it has written.
    while handle.cluster().world().locks().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(handle.cluster().world().locks()["domain-ha"]["holder"], "POST /cluster/ha/resources");
    // A command would get it a second later, so it isn't refused.
    assert_eq!(handle.execute("pve2", "ha-manager set vm:100 --comment x", "").exit(), Some(0));
    let second = write("vm:101");
    handle.cluster().queue.until("domain-ha", |calls| calls.waiting == 1).await;
    assert!(!first.is_finished() && !second.is_finished());
    handle.cluster().world().advance(3600.0);
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(second.await.unwrap().status, 200);
}
