//! Creates are read back by lists that they share.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::fake::Fake;
use super::server::{call, die, ok};
use crate::client::{Client, Collection, Error, LockDomain};

const LIST: &str = "GET /cluster/ha/resources";

/// A cluster that keeps what is created. Its lists leave out what begins with `hidden`, and fail if `is_dead`.
fn cluster(hidden: &'static str, is_dead: bool) -> Fake {
    let sids: Mutex<BTreeSet<String>> = Mutex::default();
    Fake::start(move |seen| {
        let mut sids = sids.lock().unwrap();
        match (seen.method.as_str(), seen.path.rsplit('/').next().unwrap()) {
            ("GET", "resources") if is_dead => die("unable to read the file"),
            ("GET", "resources") => {
                let shown = sids.iter().filter(|sid| !sid.starts_with(hidden));
                ok(&format!("[{}]", shown.map(|sid| format!(r#"{{"sid":"{sid}"}}"#)).collect::<Vec<_>>().join(",")))
            }
            ("GET", sid) if sids.contains(sid) => ok(&format!(r#"{{"sid":"{sid}","digest":"x"}}"#)),
            ("GET", sid) => die(&format!("no such resource '{sid}'")),
            _ => {
                sids.insert(seen.form["sid"].clone());
                ok("null")
            }
        }
    })
}

async fn create(client: &Client, sid: &str) -> Result<Option<Value>, Error> {
    let permit = client.permit(LockDomain::Ha, &call()).await?;
    let params = [("sid", sid)].into_iter().collect();
    client.post(Collection::HaResources, &params, &permit, &call()).await?;
    drop(permit);
    client.find_written(Collection::HaResources, sid, &call()).await
}

/// Core with so many creates at once, until all are done.
async fn create_all(client: &Client, count: usize, at_once: usize) {
    let left = Arc::new(Mutex::new(0..count));
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let (client, left) = (client.clone(), left.clone());
            tokio::spawn(async move {
                let next = || left.lock().unwrap().next();
                while let Some(number) = next() {
                    let sid = format!("vm:{number}");
                    let found = create(&client, &sid).await.unwrap().expect("what was created");
                    assert_eq!(found["sid"], sid.as_str());
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_creates_are_read_back_by_a_hundred_lists() {
    for at_once in [10, 50] {
        let server = cluster("-", false);
        create_all(&server.client(), 1000, at_once).await;
        assert_eq!(server.count("POST /cluster/ha/resources"), 1000);
        assert!(server.count(LIST) <= 100, "{} lists, {at_once} at once", server.count(LIST));
        assert_eq!(server.lines().len(), 1000 + server.count(LIST), "nothing else is asked");
    }
}

#[tokio::test(start_paused = true)]
async fn fewer_at_once_wait_for_no_others() {
    let server = cluster("-", false);
    let before = Instant::now();
    create_all(&server.client(), 60, 3).await;
    // Only the first of them can't say how many there will be.
    assert!(before.elapsed() <= Duration::from_millis(700), "{:?}", before.elapsed());
    assert_eq!(server.count(LIST), 20);
}

/// Core that needs so long for each create.
async fn create_slowly(client: &Client, count: usize, each: Duration) {
    let mut creates = Vec::new();
    for number in 0..count {
        tokio::time::sleep(each).await;
        let client = client.clone();
        creates.push(tokio::spawn(async move { create(&client, &format!("vm:{number}")).await.unwrap() }));
    }
    for create in creates {
        assert!(create.await.unwrap().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_core_is_waited_for() {
    for milliseconds in [20, 90] {
        let server = cluster("-", false);
        create_slowly(&server.client(), 100, Duration::from_millis(milliseconds)).await;
        let lists = server.count(LIST);
        assert!(lists <= 10, "{lists} lists, one create each {milliseconds} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_list_does_not_show_is_asked_for_by_itself() {
    for server in [cluster("vm", false), cluster("-", true)] {
        let found = create(&server.client(), "vm:1").await.unwrap().unwrap();
        assert_eq!(found["digest"], "x");
        assert_eq!((server.count(LIST), server.count("GET /cluster/ha/resources/vm:1")), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_is_held_up_does_not_hold_up_the_others() {
    let server = cluster("-", false);
    let client = server.client();
    let created = tokio::spawn({
        let client = client.clone();
        async move { create(&client, "vm:1").await }
    });
    tokio::task::yield_now().await;
    let _held_up = client.permit(LockDomain::Ha, &call()).await.unwrap();
    let before = Instant::now();
    assert!(created.await.unwrap().unwrap().is_some());
    assert!(before.elapsed() <= Duration::from_secs(2), "{:?}", before.elapsed());
}
