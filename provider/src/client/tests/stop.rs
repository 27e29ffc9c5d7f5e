//! Ctrl-C: reads end at once, writes in flight are waited for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::fake::Fake;
use super::server::{Reply, call, die, ok};
use crate::client::{Collection, ErrorKind, LockDomain, Params};

const PATH: &str = "/cluster/ha/resources/vm:100";

/// A server that answers only on request of the test, and notifies of each request.
fn slow() -> (Fake, Arc<Notify>, Arc<Notify>) {
    let (asked, answer) = (Arc::<Notify>::default(), Arc::<Notify>::default());
    let server = Fake::start_async({
        let (asked, answer) = (asked.clone(), answer.clone());
        move |_| {
            let (asked, answer) = (asked.clone(), answer.clone());
            async move {
                asked.notify_one();
                answer.notified().await;
                ok("[]")
            }
        }
    });
    (server, asked, answer)
}

#[tokio::test(start_paused = true)]
async fn a_hanging_read_is_gone_at_once() {
    let (server, asked, _) = slow();
    let (client, call) = (server.client(), call());
    for listing in [false, true] {
        let mut call = call.clone();
        call.stop = Default::default();
        let (client, stop) = (client.clone(), call.stop.clone());
        let read = tokio::spawn(async move {
            if listing {
                let list = client.list(Collection::HaResources, &call).await;
                list.map(|_| ()).unwrap_err()
            } else {
                client.get::<Value>(PATH, &call).await.unwrap_err()
            }
        });
        asked.notified().await;
        let before = Instant::now();
        stop.cancel();
        assert_eq!(read.await.unwrap().kind(), ErrorKind::Stopped);
        assert!(before.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_in_flight_is_waited_for() {
    let (server, asked, answer) = slow();
    let (client, call) = (server.client(), call());
    let stop = call.stop.clone();
    let write = tokio::spawn(async move {
        let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
        client.put(PATH, &Params::new(), &permit, &call).await
    });
    asked.notified().await;
    stop.cancel();
    tokio::time::sleep(Duration::from_secs(4)).await;
    answer.notify_one();
    write.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_in_flight_is_not_waited_for_for_ever() {
    let (server, asked, _) = slow();
    let (client, call) = (server.client(), call());
    let stop = call.stop.clone();
    let write = tokio::spawn(async move {
        let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
        client.put(PATH, &Params::new(), &permit, &call).await
    });
    asked.notified().await;
    stop.cancel();
    let before = Instant::now();
    let error = write.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    assert_eq!(before.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_after_a_stop() {
    let server = Fake::start(|_| ok("null"));
    let (client, call) = (server.client(), call());
    let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
    call.stop.cancel();
    let error = client.put(PATH, &Params::new(), &permit, &call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    let error = client.permit(LockDomain::ReplicationCfg, &call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(server.lines().is_empty());
    // The remaining reads and compares are still possible.
    let grace = call.grace(Duration::from_secs(10));
    client.get::<Value>(PATH, &grace).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_retry_ends_with_the_stop_and_reports_why_it_waited() {
    let server = Fake::start(|_| die("cfs-lock 'domain-ha' error: got lock request timeout"));
    let (client, call) = (server.client(), call());
    let stop = call.stop.clone();
    let write = tokio::spawn(async move {
        let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
        client.put(PATH, &Params::new(), &permit, &call).await
    });
    tokio::time::sleep(Duration::from_secs(7)).await;
    stop.cancel();
    let error = write.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(error.to_string().contains("got lock request timeout"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn one_reader_that_stops_does_not_stop_the_others() {
    let (server, asked, answer) = slow();
    let client = server.client();
    let (first, second) = (call(), call());
    let stop = first.stop.clone();
    let read = |call| {
        let client = client.clone();
        tokio::spawn(async move { client.list(Collection::HaResources, &call).await })
    };
    let (one, other) = (read(first), read(second));
    asked.notified().await;
    stop.cancel();
    assert_eq!(one.await.unwrap().unwrap_err().kind(), ErrorKind::Stopped);
    asked.notified().await;
    answer.notify_one();
    assert!(other.await.unwrap().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_list_is_shared_but_not_kept() {
    let server = Fake::start_async(|_| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Reply::Answer(403, "Permission check failed (/, Sys.Audit)".into(), String::new())
    });
    let client = server.client();
    for round in 1..=2 {
        let readers: Vec<_> = (0..100)
            .map(|_| {
                let (client, call) = (client.clone(), call());
                tokio::spawn(async move { client.list(Collection::HaResources, &call).await })
            })
            .collect();
        for reader in readers {
            let error = reader.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Forbidden);
        }
        assert_eq!(server.lines().len(), round);
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_hangs_in_the_end_reports_the_failure_before() {
    let server = Fake::start_async(|_| async {
        tokio::time::sleep(Duration::from_secs(25)).await;
        Reply::Answer(595, "No route to host".into(), String::new())
    });
    let error = server.client().get::<Value>(PATH, &call()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired);
    assert!(error.to_string().contains("595 No route to host"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_readers_have_gone_is_fetched_anew() {
    let (server, asked, answer) = slow();
    let client = server.client();
    let gone = tokio::spawn({
        let client = client.clone();
        async move { client.list(Collection::HaResources, &call()).await }
    });
    asked.notified().await;
    gone.abort();
    gone.await.unwrap_err();
    let reader = tokio::spawn(async move { client.list(Collection::HaResources, &call()).await });
    tokio::time::timeout(Duration::from_secs(30), asked.notified()).await.unwrap();
    answer.notify_one();
    assert!(reader.await.unwrap().unwrap().is_empty());
}
