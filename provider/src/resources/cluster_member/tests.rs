//! The order of requests of a join by the API, over two servers: the member and the joining node.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pve_schemas::ClusterMember;
use pve_schemas::notification::pairs::Secret;

use super::*;
use crate::client::tests::server::{Reply, Seen, Server, ok, status};
use crate::client::{Client, Credentials};
use crate::framework::{Context, Stop};
use crate::session::{Configured, SshAccess};

const PEER: &str = "hunter2-peer";
const ROOT: &str = "hunter2-root";
const POST: &str = "POST /cluster/config/join";
const TASK: &str = "UPID:pvb:000001A5:000B5A8E:6B0AA086:clusterjoin::root@pam:";

/// The answers of the member: `looks` counts how often its status is asked for, and the node is there from the look `joined` on.
fn member(seen: &Seen, looks: &AtomicUsize, joined: usize) -> Reply {
    let is_there = looks.load(Ordering::SeqCst) > joined;
    match (seen.line().as_str(), is_there) {
        ("GET /cluster/status", false) => {
            looks.fetch_add(1, Ordering::SeqCst);
            ok(r#"[{"type":"cluster","name":"newclu","quorate":1},{"type":"node","name":"pva","local":1,"online":1}]"#)
        }
        ("GET /cluster/status", true) => {
            ok(r#"[{"type":"cluster","name":"newclu","quorate":1},{"type":"node","name":"pva","local":1,"online":1},
            {"type":"node","name":"pvb","online":1}]"#)
        }
        ("GET /cluster/config/nodes", false) => {
            ok(r#"[{"name":"pva","nodeid":"1","quorum_votes":"1","ring0_addr":"10.99.0.11"}]"#)
        }
        ("GET /cluster/config/nodes", true) => {
            ok(r#"[{"name":"pva","nodeid":"1","quorum_votes":"1"},{"name":"pvb","nodeid":"2","quorum_votes":"1"}]"#)
        }
        ("GET /cluster/config/totem", _) => ok(r#"{"cluster_name":"newclu","config_version":"1"}"#),
        ("GET /cluster/config/join", _) => {
            ok(r#"{"nodelist":[{"name":"pva","pve_addr":"10.99.0.11","pve_fp":"AA:BB"}],"preferred_node":"pva"}"#)
        }
        ("GET /version" | "GET /nodes/pvb/version", _) => ok(r#"{"version":"9.2.11","release":"9.2","repoid":"x"}"#),
        ("GET /cluster/config/qdevice", _) => ok("{}"),
        ("POST /access/ticket", _) => ticket(),
        _ => ok("[]"),
    }
}

/// The answers of a node on its own, with these guests.
fn joiner(seen: &Seen, guests: &str) -> Reply {
    match seen.line().as_str() {
        "POST /access/ticket" => ticket(),
        POST => ok(&format!("{TASK:?}")),
        "GET /cluster/status" => ok(r#"[{"type":"node","name":"pvb","local":1,"online":1,"ip":"10.99.0.12"}]"#),
        "GET /cluster/config/totem" => ok("null"),
        "GET /cluster/resources" => ok(guests),
        "GET /version" => ok(r#"{"version":"9.2.11","release":"9.2","repoid":"x"}"#),
        line if line.ends_with("/status") => ok(r#"{"status":"running"}"#),
        _ => ok("[]"),
    }
}

fn ticket() -> Reply {
    ok(r#"{"username":"root@pam","ticket":"PVE:root@pam:6B0AA086::x","CSRFPreventionToken":"6B0AA086:x"}"#)
}

/// The join of pvb, which is at `joiner`.
fn planned(joiner: &Server) -> ClusterMember {
    let secret = |text: &str| Some(Secret(text.to_owned()));
    let address = joiner.endpoint().to_string().replace("https://", "");
    ClusterMember { root_password_wo: secret(ROOT), peer_password_wo: secret(PEER), ..testing::member("pvb", &address) }
}

/// Runs the create against `client`, that of the member.
async fn create(client: Client, planned: &ClusterMember) -> Result<(), Failure> {
    let mut configured = Configured::new(client, SshAccess::Absent, false, BTreeSet::new());
    configured.pace = Duration::from_millis(1);
    let cx = Context::new(Instant::now() + Duration::from_secs(60), Stop::new());
    let op = OpContext { configured: Arc::new(configured), cx: &cx, permit: None };
    join::run(&op, planned).await
}

/// A client of the member that trusts both servers.
fn client(member: &Server, credentials: Option<Credentials>) -> Client {
    let mut settings = member.settings();
    settings.trust = crate::client::Trust::Anyone;
    settings.credentials = credentials.unwrap_or(settings.credentials);
    Client::new(settings).unwrap()
}

#[tokio::test]
async fn a_join_is_checked_then_sent_once_and_watched_at_the_member() {
    let looks = AtomicUsize::new(0);
    let there = Server::start(move |seen| member(seen, &looks, 3)).await;
    let alone = Server::start(|seen| joiner(seen, "[]")).await;
    create(client(&there, None), &planned(&alone)).await.unwrap();
    let sent: Vec<Seen> = alone.seen().into_iter().filter(|seen| seen.line() == POST).collect();
    assert_eq!(sent.len(), 1);
    let form = |name: &str| sent[0].form.get(name).map(String::as_str);
    assert_eq!(
        (form("hostname"), form("fingerprint"), form("password")),
        (Some("10.99.0.11"), Some("AA:BB"), Some(PEER))
    );
    // Everything was asked before: guests, links, what keeps the node from joining.
    let lines = alone.lines();
    let at = |line: &str| lines.iter().position(|seen| seen == line).unwrap_or_else(|| panic!("{line}: {lines:?}"));
    for asked in
        ["GET /cluster/resources", "GET /cluster/config/totem", "GET /nodes/pvb/network", "GET /nodes/pvb/tasks"]
    {
        assert!(at(asked) < at(POST), "{asked}");
    }
    // The member is only read, and its last answer is that of the node itself.
    let lines = there.lines();
    assert!(lines.iter().all(|line| line.starts_with("GET ")), "{lines:?}");
    assert_eq!(lines.last().map(String::as_str), Some("GET /nodes/pvb/version"));
    // The password of the joining node is sent to it alone.
    let has = |server: &Server| server.seen().iter().any(|seen| seen.form.values().any(|value| value == ROOT));
    assert!(has(&alone) && !has(&there));
}

#[tokio::test]
async fn a_node_with_guests_is_sent_nothing() {
    let looks = AtomicUsize::new(0);
    let there = Server::start(move |seen| member(seen, &looks, 3)).await;
    let alone = Server::start(|seen| joiner(seen, r#"[{"node":"pvb","vmid":100,"type":"qemu"}]"#)).await;
    let failure = create(client(&there, None), &planned(&alone)).await.unwrap_err();
    assert!(failure.detail.contains("guests (100)"), "{}", failure.detail);
    assert_eq!(alone.count(POST), 0);
}

#[tokio::test]
async fn a_lost_response_is_looked_for_and_not_sent_again() {
    let looks = AtomicUsize::new(0);
    let there = Server::start(move |seen| member(seen, &looks, 3)).await;
    let alone = Server::start(|seen| if seen.line() == POST { Reply::Close } else { joiner(seen, "[]") }).await;
    create(client(&there, None), &planned(&alone)).await.unwrap();
    assert_eq!(alone.count(POST), 1);
    // One that has left no trace is not sent again, either: the next apply finds out.
    let looks = AtomicUsize::new(0);
    let there = Server::start(move |seen| member(seen, &looks, 1000)).await;
    let failure = create(client(&there, None), &planned(&alone)).await.unwrap_err();
    assert!(failure.detail.contains("the response to the join was lost"), "{}", failure.detail);
    assert_eq!(alone.count(POST), 2);
}

#[tokio::test]
async fn a_member_is_not_joined_again() {
    let looks = AtomicUsize::new(1);
    let there = Server::start(move |seen| member(seen, &looks, 0)).await;
    let alone = Server::start(|seen| joiner(seen, "[]")).await;
    create(client(&there, None), &planned(&alone)).await.unwrap();
    assert_eq!(alone.lines(), [""; 0]);
}

#[tokio::test]
async fn a_member_that_refuses_everyone_for_a_while_is_asked_again() {
    let (looks, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let there = Server::start(move |seen| {
        // As while /etc/pve is away: tickets and logins are refused.
        let turn = asked.fetch_add(1, Ordering::SeqCst);
        if (30..40).contains(&turn) { status(401, "Authentication failed!") } else { member(seen, &looks, 8) }
    })
    .await;
    let alone = Server::start(|seen| joiner(seen, "[]")).await;
    let credentials = Credentials::password("root@pam", "hunter2".into(), None).unwrap();
    create(client(&there, Some(credentials)), &planned(&alone)).await.unwrap();
    assert!(there.count("POST /access/ticket") > 1);
    assert_eq!(alone.count(POST), 1);
}

#[tokio::test]
async fn a_task_that_fails_is_quoted() {
    let looks = AtomicUsize::new(0);
    let there = Server::start(move |seen| member(seen, &looks, 1000)).await;
    let alone = Server::start(|seen| match seen.line().as_str() {
        line if line.starts_with("GET /nodes/pvb/tasks/") && line.ends_with("/status") => {
            ok(r#"{"status":"stopped","exitstatus":"401 authentication failure"}"#)
        }
        line if line.ends_with("/log") => ok(r#"[{"n":1,"t":"Establishing API connection with host '10.99.0.11'"}]"#),
        _ => joiner(seen, "[]"),
    })
    .await;
    let failure = create(client(&there, None), &planned(&alone)).await.unwrap_err();
    let text = failure.detail;
    assert!(
        text.contains("  Establishing API connection") && text.contains("PVE: 401 authentication failure"),
        "{text}"
    );
}
