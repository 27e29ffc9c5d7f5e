//! The retry table, row by row, over the wire.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::fake::Fake;
use super::server::{Reply, call, die, ok, status};
use crate::client::{Client, Collection, Error, ErrorKind, LockDomain, Params};

const PATH: &str = "/cluster/ha/resources/vm:100";

/// Answers one after the other, the last one for ever.
fn script(replies: impl IntoIterator<Item = Reply>) -> Fake {
    let replies = Mutex::new(VecDeque::from_iter(replies));
    Fake::start(move |_| {
        let mut replies = replies.lock().unwrap();
        replies.pop_front().unwrap_or_else(|| ok("null"))
    })
}

async fn put(client: &Client) -> Result<Value, Error> {
    let call = call();
    let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
    client.put(PATH, &Params::new(), &permit, &call).await
}

async fn post(client: &Client) -> Result<Value, Error> {
    let call = call();
    let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
    let path = Collection::HaResources.path();
    client.post(path, &Params::new(), &permit, &call).await
}

/// A write is not cut off by the end of its call, but the answer is not waited for much longer than that.
#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_ends_with_its_call() {
    let server = script([Reply::Hang]);
    let (client, mut call) = (server.client(), call());
    call.deadline = Instant::now() + Duration::from_secs(20);
    let permit = client.permit(LockDomain::Ha, &call).await.unwrap();
    let started = Instant::now();
    let error = client.put(PATH, &Params::new(), &permit, &call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    assert_eq!(started.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_read_survives_whatever_passes() {
    let server = script([
        status(595, "Connection refused"),
        status(596, "Connection timed out"),
        status(599, "Too many redirections"),
        Reply::Close,
        Reply::Hang,
        status(502, "Bad Gateway"),
        ok(r#"{"sid":"vm:100"}"#),
    ]);
    let mut call = call();
    call.deadline += Duration::from_secs(600);
    let found: Value = server.client().get(PATH, &call).await.unwrap();
    assert_eq!(found["sid"], "vm:100");
    assert_eq!(server.lines().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_never_answered_leaves_nothing_in_the_dark() {
    let server = Fake::start(|_| status(596, "Connection timed out"));
    let error = server.client().get::<Value>(PATH, &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unanswered, "{error}");
    assert!(error.tries() > 10, "{}", error.tries());
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_not_executed_is_sent_again() {
    for reply in [
        status(595, "No route to host"),
        die("create resource failed: cfs-lock 'domain-ha' error: got lock request timeout"),
    ] {
        let server = script([reply]);
        put(&server.client()).await.unwrap();
        assert_eq!(server.lines().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_write_is_sent_once_and_said_to_be_ambiguous() {
    let replies = || {
        [
            status(596, "Connection timed out"),
            status(597, "body"),
            status(599, "x"),
            status(504, "Gateway Timeout"),
            Reply::Close,
            Reply::Hang,
            Reply::Answer(200, "OK".into(), "<html>".into()),
            die("update resources config failed: 'domain-ha'-locked command timed out - aborting"),
        ]
    };
    for reply in replies() {
        let server = script([reply]);
        let error = put(&server.client()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error}");
        let writes = server.lines().iter().filter(|line| !line.starts_with("GET ")).count();
        assert_eq!(writes, 1, "{error}");
    }
    for reply in replies() {
        let server = script([reply]);
        let error = post(&server.client()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error}");
        let writes = server.lines().iter().filter(|line| !line.starts_with("GET ")).count();
        assert_eq!(writes, 1, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_ours_to_explain_is_never_sent_again() {
    let invalid = Reply::Answer(
        400,
        "Parameter verification failed.".into(),
        r#"{"data":null,"message":"Parameter verification failed.\n","errors":{"state":"bad"}}"#.into(),
    );
    let replies = [
        (invalid, ErrorKind::Invalid),
        (status(403, "Permission check failed (/, Sys.Console)"), ErrorKind::Forbidden),
        (status(401, "Authentication failed!"), ErrorKind::Unauthorized),
        (status(501, "Method 'PUT /x' not implemented"), ErrorKind::NotImplemented),
        (die("types does not match"), ErrorKind::Refused),
        (die("detected modified configuration - file changed by other user? Try again."), ErrorKind::StaleDigest),
        (die("update resources config failed: no such resource 'vm:100'"), ErrorKind::Absent),
        (die("service 'vm:100' in error state, must be disabled and fixed first"), ErrorKind::ResourceInErrorState),
    ];
    for (reply, kind) in replies {
        let server = script([reply]);
        let error = put(&server.client()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(server.lines().len(), 1, "{error}");
        if kind == ErrorKind::Invalid {
            assert_eq!(error.errors()["state"], "bad");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_body_speaks_by_its_status_line() {
    let reply = Reply::Answer(500, "no such resource 'vm:100'".into(), String::new());
    let server = script([reply]);
    let found: Option<Value> = server.client().find(PATH, &call()).await.unwrap();
    assert_eq!(found, None);
}

#[tokio::test(start_paused = true)]
async fn retries_end_with_the_call() {
    let server = Fake::start(|_| die("cfs-lock 'domain-ha' error: got lock request timeout"));
    let before = Instant::now();
    let error = put(&server.client()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LockTimeout);
    assert!(error.tries() > 10, "{}", error.tries());
    assert!(error.waited() > Duration::from_secs(50));
    assert!(before.elapsed() <= Duration::from_secs(60));
    assert_eq!(server.lines().len(), error.tries() as usize);
}

const NEGATIVE: &str = "create ha rule failed: 400 Rule 'apart' is invalid.\n\
                        resources: rule defines more resources than available nodes";
const THREE: &str = r#"[{"type":"cluster","name":"c","quorate":1},
    {"type":"node","name":"a","online":1},{"type":"node","name":"b","online":1},
    {"type":"node","name":"c","online":1}]"#;

#[tokio::test(start_paused = true)]
async fn a_negative_rule_waits_until_the_manager_status_has_all_nodes() {
    let asked = Mutex::new(0);
    let server = Fake::start(move |seen| match seen.path.as_str() {
        "/cluster/status" => ok(THREE),
        "/cluster/ha/status/manager_status" => {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            ok(r#"{"manager_status":{"node_status":{}},"quorum":{"quorate":"1"}}"#)
        }
        _ => die(NEGATIVE),
    });
    let error = post(&server.client()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooEarly);
    assert!(error.tries() > 5);
    drop(server);

    let server = Fake::start(|seen| match seen.path.as_str() {
        "/cluster/status" => ok(THREE),
        "/cluster/ha/status/manager_status" => {
            ok(r#"{"manager_status":{"node_status":{"a":"online","b":"online","c":"online"}}}"#)
        }
        _ => die(NEGATIVE),
    });
    let error = post(&server.client()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RuleConflict);
    // Once more after the look that found all nodes, and no third time.
    assert_eq!(error.tries(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_registers_the_nodes_right_after_a_refusal_is_no_conflict() {
    let posts = Mutex::new(0);
    let server = Fake::start(move |seen| match seen.path.as_str() {
        "/cluster/status" => ok(THREE),
        "/cluster/ha/status/manager_status" => {
            ok(r#"{"manager_status":{"node_status":{"a":"online","b":"online","c":"online"}}}"#)
        }
        _ => {
            let mut posts = posts.lock().unwrap();
            *posts += 1;
            if *posts == 1 { die(NEGATIVE) } else { ok("null") }
        }
    });
    post(&server.client()).await.unwrap();
}
