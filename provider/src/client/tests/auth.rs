//! Tickets: obtained, renewed, refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::fake::Fake;
use super::server::{Reply, Seen, call, ok};
use crate::client::{Client, Credentials, ErrorKind, LockDomain, Params};

const LOGIN: &str = "POST /access/ticket";
pub(super) const PASSWORD: &str = "canary-password";
const CHALLENGE: &str = "PVE:!tfa!%7B%22totp%22%3Atrue%7D:6742AB01::c2ln";

fn ticket(number: usize) -> String {
    format!("PVE:root@pam:{number:08X}::c2ln")
}

fn granted(number: usize) -> Reply {
    let ticket = ticket(number);
    ok(&format!(r#"{{"username":"root@pam","ticket":"{ticket}","CSRFPreventionToken":"csrf{number}","cap":{{}}}}"#))
}

fn unauthorized() -> Reply {
    Reply::Answer(401, "Authentication failed!".into(), String::new())
}

fn cookie(number: usize) -> String {
    let ticket = ticket(number);
    let escaped = percent_encoding::utf8_percent_encode(&ticket, percent_encoding::NON_ALPHANUMERIC);
    format!("PVEAuthCookie={escaped}")
}

fn with(server: &Fake, credentials: Credentials) -> Client {
    server.client_of(credentials)
}

pub(super) fn password(otp: Option<&str>) -> Credentials {
    Credentials::password("root@pam", PASSWORD.into(), otp.map(Into::into)).unwrap()
}

/// Logs in with the password or any ticket, and counts.
fn cluster() -> Fake {
    let logins = AtomicUsize::new(0);
    Fake::start(move |seen| match seen.line().as_str() {
        LOGIN => granted(logins.fetch_add(1, Ordering::SeqCst) + 1),
        _ => ok("null"),
    })
}

fn logins(server: &Fake) -> Vec<Seen> {
    let mut seen = server.seen();
    seen.retain(|seen| seen.line() == LOGIN);
    seen
}

#[tokio::test(start_paused = true)]
async fn one_login_serves_all() {
    let server = cluster();
    let client = with(&server, password(None));
    let readers: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.get::<Value>("/nodes", &call()).await })
        })
        .collect();
    for reader in readers {
        reader.await.unwrap().unwrap();
    }
    let permit = client.permit(LockDomain::Ha, &call()).await.unwrap();
    let (params, call) = (Params::new(), call());
    client.put("/x", &params, &permit, &call).await.unwrap();

    let logins = logins(&server);
    assert_eq!(logins.len(), 1);
    assert_eq!(logins[0].form["username"], "root@pam");
    assert_eq!(logins[0].form["password"], PASSWORD);
    assert!(!logins[0].headers.contains_key("cookie"));
    let seen = server.seen();
    let (read, write) = (&seen[1], seen.last().unwrap());
    assert_eq!(read.headers["cookie"], cookie(1));
    assert!(!read.headers.contains_key("csrfpreventiontoken"));
    assert_eq!(write.headers["cookie"], cookie(1));
    assert_eq!(write.headers["csrfpreventiontoken"], "csrf1");
    assert!(!write.headers.contains_key("authorization"));
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_renewed_by_itself_before_it_expires() {
    let server = cluster();
    let client = with(&server, password(None));
    for _ in 0..3 {
        client.get::<Value>("/nodes", &call()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(50 * 60)).await;
    }
    let logins = logins(&server);
    assert_eq!(logins.len(), 2);
    assert_eq!(logins[1].form["password"], ticket(1));
    assert_eq!(server.seen().last().unwrap().headers["cookie"], cookie(2));
}

#[tokio::test(start_paused = true)]
async fn a_refused_ticket_is_replaced_once_for_all() {
    let logins = Arc::new(AtomicUsize::new(0));
    let server = Fake::start_async(move |seen| {
        let logins = logins.clone();
        async move {
            // All are under way before the first is refused.
            tokio::time::sleep(Duration::from_secs(1)).await;
            match seen.line().as_str() {
                LOGIN => granted(logins.fetch_add(1, Ordering::SeqCst) + 1),
                _ if seen.headers["cookie"] == cookie(1) => unauthorized(),
                _ => ok("null"),
            }
        }
    });
    let client = with(&server, password(None));
    let readers: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.get::<Value>("/nodes", &call()).await })
        })
        .collect();
    for reader in readers {
        reader.await.unwrap().unwrap();
    }
    assert_eq!(server.count(LOGIN), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_refusal_is_final() {
    let server = Fake::start(|seen| match seen.line().as_str() {
        LOGIN => granted(1),
        _ => unauthorized(),
    });
    let client = with(&server, password(None));
    let error = client.get::<Value>("/nodes", &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(server.count("GET /nodes"), 2);
    assert_eq!(server.count(LOGIN), 2);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_tried_once() {
    let server = Fake::start(|_| unauthorized());
    let client = with(&server, password(None));
    for _ in 0..5 {
        let error = client.get::<Value>("/nodes", &call()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
        assert_eq!(error.path(), "/access/ticket");
    }
    assert_eq!(server.lines(), [LOGIN]);
}

fn second_factor(seen: &Seen) -> Reply {
    let challenge =
        ok(&format!(r#"{{"username":"root@pam","ticket":"{CHALLENGE}","CSRFPreventionToken":"x","NeedTFA":1}}"#));
    if seen.line() != LOGIN {
        return ok("null");
    }
    match seen.form.get("tfa-challenge") {
        None if seen.form["password"] == PASSWORD => challenge,
        Some(given) if given == CHALLENGE && seen.form["password"] == "totp:123456" => granted(7),
        _ => unauthorized(),
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_factor_answers_the_challenge() {
    let server = Fake::start(second_factor);
    let client = with(&server, password(Some("123456")));
    client.get::<Value>("/nodes", &call()).await.unwrap();
    assert_eq!(server.seen().last().unwrap().headers["cookie"], cookie(7));

    let client = with(&server, password(Some("654321")));
    let error = client.get::<Value>("/nodes", &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);

    let client = with(&server, password(None));
    let error = client.get::<Value>("/nodes", &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SecondFactor);
}

/// Proxmox's tickets carry the time of their issue.
fn issued(ago: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("PVE:root@pam:{:08X}::c2ln", now.as_secs() - ago)
}

#[tokio::test(start_paused = true)]
async fn a_given_ticket_is_used_renewed_and_given_up() {
    let server = cluster();
    let fresh = Credentials::ticket(issued(60).into(), "given".into()).unwrap();
    let client = with(&server, fresh);
    client.get::<Value>("/nodes", &call()).await.unwrap();
    assert_eq!(server.count(LOGIN), 0);

    let old = issued(5400);
    let client = with(&server, Credentials::ticket(old.as_str().into(), "given".into()).unwrap());
    client.get::<Value>("/nodes", &call()).await.unwrap();
    let logins = logins(&server);
    assert_eq!(logins.len(), 1);
    assert_eq!(logins[0].form["username"], "root@pam");
    assert_eq!(logins[0].form["password"], old);

    let server = Fake::start(|_| unauthorized());
    let expired = Credentials::ticket(issued(60).into(), "given".into()).unwrap();
    let client = with(&server, expired);
    let error = client.get::<Value>("/nodes", &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert_eq!(server.count(LOGIN), 1);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_can_not_be_renewed_is_used_to_its_end() {
    let server = Fake::start(|seen| match seen.line().as_str() {
        LOGIN => unauthorized(),
        _ => ok("null"),
    });
    let old = Credentials::ticket(issued(5400).as_str().into(), "given".into()).unwrap();
    let client = server.client_of(old);
    for _ in 0..5 {
        client.get::<Value>("/nodes", &call()).await.unwrap();
    }
    assert_eq!(server.count(LOGIN), 1, "not with every request");
    tokio::time::sleep(Duration::from_secs(1900)).await;
    let error = client.get::<Value>("/nodes", &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test(start_paused = true)]
async fn a_password_replaces_a_ticket_that_can_not_be_renewed() {
    let logins = AtomicUsize::new(0);
    let server = Fake::start(move |seen| match seen.line().as_str() {
        LOGIN if seen.form["password"] == PASSWORD => granted(logins.fetch_add(1, Ordering::SeqCst) + 1),
        LOGIN => unauthorized(),
        _ => ok("null"),
    });
    let client = server.client_of(password(None));
    client.get::<Value>("/nodes", &call()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3700)).await;
    client.get::<Value>("/nodes", &call()).await.unwrap();
    assert_eq!(server.seen().last().unwrap().headers["cookie"], cookie(2));
    assert_eq!(server.count(LOGIN), 3);
}
