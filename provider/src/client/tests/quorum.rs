//! No quorum: one wait for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::fake::Fake;
use super::server::{Reply, call, die, ok};
use crate::client::{Client, Domain, Error, Kind, Params};

const STATUS: &str = r#"[{"type":"cluster","name":"c","nodes":3,"quorate":0},
    {"type":"node","name":"pve1","online":1},{"type":"node","name":"pve2","online":0},
    {"type":"node","name":"pve3","online":0}]"#;
const VOTES: &str = r#"[{"name":"pve1","quorum_votes":"1"},{"name":"pve2","quorum_votes":"1"},
    {"name":"pve3","quorum_votes":"1"}]"#;

fn cluster(quorate: &Arc<AtomicBool>) -> Fake {
    let quorate = quorate.clone();
    Fake::start(move |seen| reply(seen.path.as_str(), quorate.load(Ordering::SeqCst)))
}

fn reply(path: &str, quorate: bool) -> Reply {
    match path {
        "/cluster/status" if quorate => ok(&STATUS.replace("\"quorate\":0", "\"quorate\":1")),
        "/cluster/status" => ok(STATUS),
        "/cluster/config/nodes" => ok(VOTES),
        _ if quorate => ok("null"),
        "/cluster/options" => die("cfs-lock 'file-datacenter_cfg' error: no quorum!"),
        _ => die("cluster not ready - no quorum?"),
    }
}

async fn write(client: &Client, domain: Domain) -> Result<(), Error> {
    let call = call();
    let path = match domain {
        Domain::DatacenterCfg => "/cluster/options",
        _ => "/cluster/ha/resources/vm:1",
    };
    let turn = client.turn(domain, &call).await?;
    client.put(path, &Params::new(), &turn, &call).await?;
    Ok(())
}

fn writers(client: &Client) -> Vec<tokio::task::JoinHandle<Result<(), Error>>> {
    (0..20)
        .map(|number| {
            let client = client.clone();
            let domain = if number % 5 == 0 { Domain::DatacenterCfg } else { Domain::Ha };
            tokio::spawn(async move { write(&client, domain).await })
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn all_wait_once_and_one_tells_the_whole_story() {
    let quorate = Arc::default();
    let server = cluster(&quorate);
    let client = server.client();
    let before = Instant::now();
    let mut long = 0;
    for writer in writers(&client) {
        let error = writer.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::NoQuorum);
        if error.is_echo() {
            assert_eq!(error.note(), None);
            assert_eq!(error.to_string().lines().count(), 1, "{error}");
            continue;
        }
        long += 1;
        let note = "It has 1 of 3 votes (online: pve1; offline: pve2, pve3). Waited 60 s for quorum.";
        assert_eq!(error.note(), Some(note));
    }
    assert_eq!(long, 1);
    assert!(before.elapsed() <= Duration::from_secs(61), "one wait");
    let writes = server.lines().iter().filter(|line| line.starts_with("PUT")).count();
    assert_eq!(writes, 2, "one of each domain: the others never had their turn");

    let before = Instant::now();
    let error = write(&client, Domain::Ha).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NoQuorum);
    assert_eq!(before.elapsed(), Duration::ZERO, "no second wait");

    quorate.store(true, Ordering::SeqCst);
    write(&client, Domain::Ha).await.unwrap();
    quorate.store(false, Ordering::SeqCst);
    let before = Instant::now();
    write(&client, Domain::Ha).await.unwrap_err();
    assert!(before.elapsed() > Duration::from_secs(50), "a new wait");
}

#[tokio::test(start_paused = true)]
async fn all_go_on_when_quorum_is_back() {
    let quorate = Arc::default();
    let server = cluster(&quorate);
    let client = server.client();
    let writers = writers(&client);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(writers.iter().all(|writer| !writer.is_finished()));
    quorate.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
}
