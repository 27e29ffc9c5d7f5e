//! No quorum: one wait for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::fake::Fake;
use super::server::{Reply, call, die, ok, status};
use crate::client::{Client, Error, ErrorKind, LockDomain, Params};

const STATUS: &str = r#"[{"type":"cluster","name":"c","nodes":3,"quorate":0},
    {"type":"node","name":"pve1","online":1},{"type":"node","name":"pve2","online":0},
    {"type":"node","name":"pve3","online":0}]"#;
const VOTES: &str = r#"[{"node":"pve1","quorum_votes":"1"},{"node":"pve2","quorum_votes":"1"},
    {"node":"pve3","quorum_votes":"1"}]"#;

fn cluster(quorate: &Arc<AtomicBool>) -> Fake {
    let quorate = quorate.clone();
    Fake::start(move |seen| reply(seen.path.as_str(), quorate.load(Ordering::SeqCst)))
}

fn reply(path: &str, quorate: bool) -> Reply {
    match path {
        "/cluster/status" if quorate => ok(&STATUS.replace("\"quorate\":0", "\"quorate\":1")),
        "/cluster/status" => ok(STATUS),
        "/cluster/config/nodes" => ok(VOTES),
        "/cluster/config/qdevice" => ok("{}"),
        _ if quorate => ok("null"),
        "/cluster/options" => die("cfs-lock 'file-datacenter_cfg' error: no quorum!"),
        _ => die("cluster not ready - no quorum?"),
    }
}

async fn write(client: &Client, domain: LockDomain) -> Result<(), Error> {
    let call = call();
    let path = match domain {
        LockDomain::DatacenterCfg => "/cluster/options",
        _ => "/cluster/ha/resources/vm:1",
    };
    let permit = client.permit(domain, &call).await?;
    client.put(path, &Params::new(), &permit, &call).await?;
    Ok(())
}

fn writers(client: &Client) -> Vec<tokio::task::JoinHandle<Result<(), Error>>> {
    (0..20)
        .map(|number| {
            let client = client.clone();
            let domain = if number % 5 == 0 { LockDomain::DatacenterCfg } else { LockDomain::Ha };
            tokio::spawn(async move { write(&client, domain).await })
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn all_wait_once_and_one_reports_all_of_it() {
    let quorate = Arc::default();
    let server = cluster(&quorate);
    let client = server.client();
    let before = Instant::now();
    let mut long = 0;
    for writer in writers(&client) {
        let error = writer.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoQuorum);
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
    let error = write(&client, LockDomain::Ha).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoQuorum);
    assert_eq!(before.elapsed(), Duration::ZERO, "no second wait");

    quorate.store(true, Ordering::SeqCst);
    write(&client, LockDomain::Ha).await.unwrap();
    quorate.store(false, Ordering::SeqCst);
    let before = Instant::now();
    write(&client, LockDomain::Ha).await.unwrap_err();
    assert!(before.elapsed() > Duration::from_secs(50), "a new wait");
}

/// The lock is let go in the moment in which the wait was in vain: whoever got it then would have no time left, and say only that.
#[tokio::test(start_paused = true)]
async fn a_queued_writer_reports_the_quorum_and_not_the_timeout() {
    let server = cluster(&Arc::default());
    let client = server.client();
    let first = tokio::spawn({
        let client = client.clone();
        async move { write(&client, LockDomain::Ha).await }
    });
    while !server.lines().iter().any(|line| line.starts_with("PUT")) {
        tokio::task::yield_now().await;
    }
    let mut call = call();
    call.deadline += Duration::from_secs(1);
    let Err(error) = client.permit(LockDomain::Ha, &call).await else { panic!("it has a turn") };
    assert_eq!((error.kind(), error.is_echo()), (ErrorKind::NoQuorum, true));
    assert_eq!(first.await.unwrap().unwrap_err().kind(), ErrorKind::NoQuorum);
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

#[tokio::test(start_paused = true)]
async fn the_votes_of_a_qdevice_count_and_its_host_is_named() {
    const QDEVICE: &str = r#"{"Model":"Net","Algorithm":"LMS","QNetd host":"10.0.0.9:5403","State":"Connect failed"}"#;
    let server = Fake::start(|seen| match seen.path.as_str() {
        "/cluster/config/qdevice" => ok(QDEVICE),
        path => reply(path, false),
    });
    let error = write(&server.client(), LockDomain::Ha).await.unwrap_err();
    let note = "It has 1 of 5 votes (online: pve1; offline: pve2, pve3; QDevice on 10.0.0.9 with 2 votes: Connect failed). \
                Waited 60 s for quorum.";
    assert_eq!(error.note(), Some(note));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_pveproxy_gave_up_is_tried_again_where_there_is_no_quorum() {
    let (quorate, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (seen_quorate, seen_refused) = (quorate.clone(), refused.clone());
    let server = Fake::start(move |seen| {
        let quorate = seen_quorate.load(Ordering::SeqCst);
        let is_write = !seen.path.starts_with("/cluster/status") && !seen.path.starts_with("/cluster/config");
        if is_write && !quorate {
            seen_refused.store(true, Ordering::SeqCst);
            return status(596, "Broken pipe");
        }
        reply(seen.path.as_str(), quorate)
    });
    let client = server.client();
    let writer = {
        let client = client.clone();
        tokio::spawn(async move { write(&client, LockDomain::Ha).await })
    };
    while !refused.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(!writer.is_finished());
    quorate.store(true, Ordering::SeqCst);
    writer.await.unwrap().unwrap();

    // With quorum it may have been carried out.
    let server = Fake::start(|seen| match seen.path.as_str() {
        "/cluster/ha/resources/vm:1" => status(596, "Broken pipe"),
        path => reply(path, true),
    });
    assert_eq!(write(&server.client(), LockDomain::Ha).await.unwrap_err().kind(), ErrorKind::Ambiguous);
}

#[tokio::test(start_paused = true)]
async fn what_exists_after_a_create_that_pveproxy_gave_up_may_be_its_own() {
    const PATH: &str = "/cluster/ha/resources";
    let (posts, looks) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let server = Fake::start(move |seen| match seen.path.as_str() {
        PATH if posts.fetch_add(1, Ordering::SeqCst) == 0 => status(596, "Broken pipe"),
        PATH => die("create resource failed: resource ID 'vm:1' already defined"),
        "/cluster/status" => reply("/cluster/status", looks.fetch_add(1, Ordering::SeqCst) > 3),
        path => reply(path, false),
    });
    let (client, call) = (server.client(), call());
    let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
    let error = client.post(PATH, &Params::new(), &permit, &call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error:?}");
}
