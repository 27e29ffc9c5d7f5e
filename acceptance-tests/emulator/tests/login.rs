//! Tickets, tokens and second factors over time.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

mod support;

use pve_emulator::auth::totp;
use pve_emulator::{Emulator, Handle, Options, Seed};
use serde_json::{Value, json};
use support::{call, call_with, start};

async fn login(handle: &Handle, form: &str) -> (u16, Value) {
    let answer = call_with(handle, "POST", "/access/ticket", "X: y", form).await.unwrap();
    (answer.status, answer.data())
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn a_ticket_lives_two_hours_and_can_be_renewed() {
    let handle = start().await;
    let password = handle.password().unwrap().to_owned();
    let (status, first) = login(&handle, &format!("username=root%40pam&password={password}")).await;
    assert_eq!(status, 200);
    let ticket = first["ticket"].as_str().unwrap();
    let cookie = |ticket: &str| format!("Cookie: PVEAuthCookie={}", encoded(ticket));
    assert_eq!(call_with(&handle, "GET", "/version", &cookie(ticket), "").await.unwrap().status, 200);

    handle.cluster().world().advance(7000.0);
    let (status, second) = login(&handle, &format!("username=root%40pam&password={}", encoded(ticket))).await;
    assert_eq!(status, 200);
    handle.cluster().world().advance(300.0);
    let refused = call_with(&handle, "GET", "/version", &cookie(ticket), "").await.unwrap();
    assert_eq!((refused.status, refused.reason.as_str()), (401, "Authentication failed!"));
    let renewed = cookie(second["ticket"].as_str().unwrap());
    assert_eq!(call_with(&handle, "GET", "/version", &renewed, "").await.unwrap().status, 200);
    let csrf = second["CSRFPreventionToken"].as_str().unwrap();
    let write = format!("{renewed}\r\nCSRFPreventionToken: {csrf}");
    assert_eq!(call_with(&handle, "PUT", "/cluster/options", &write, "console=vv").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_in_a_second_step() {
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let seed = json!({
        "nodes": [{"node": "pve1", "nodeid": 1, "ring0_addr": "10.0.0.1"}],
        "users": [{"userid": "root@pam", "password": "p", "totp_secret": secret}],
    });
    let options = Options { seed: Some(Seed::parse(&seed.to_string()).unwrap()), ..Options::default() };
    let handle = Emulator::start(options).await.unwrap();
    let (status, first) = login(&handle, "username=root%40pam&password=p").await;
    assert_eq!((status, &first["NeedTFA"]), (200, &json!(1)));
    assert!(first.get("cap").is_none());
    let challenge = first["ticket"].as_str().unwrap();
    let half = format!("Cookie: PVEAuthCookie={}", encoded(challenge));
    let refused = call_with(&handle, "GET", "/version", &half, "").await.unwrap();
    assert_eq!((refused.status, refused.reason.as_str()), (401, "No ticket"));

    let code = totp::code(&totp::decode_base32(secret).unwrap(), handle.cluster().world().now());
    let second =
        |code: &str| format!("username=root%40pam&password=totp%3A{code}&tfa-challenge={}", encoded(challenge));
    assert_eq!(login(&handle, &second("000000")).await.0, 401);
    let (status, done) = login(&handle, &second(&code)).await;
    assert_eq!(status, 200);
    assert!(done["cap"].is_object());
    let one_step = format!("username=root%40pam&password=p&otp=totp%3A{code}");
    assert!(login(&handle, &one_step).await.1["cap"].is_object());
}

#[tokio::test]
async fn a_token_expires() {
    let handle = start().await;
    let expire = handle.cluster().world().now() + 100;
    let path = "/access/users/root%40pam/token/short";
    let made = call(&handle, "POST", path, &format!("privsep=0&expire={expire}")).await.unwrap().data();
    let header = format!("Authorization: PVEAPIToken=root@pam!short={}", made["value"].as_str().unwrap());
    assert_eq!(call_with(&handle, "GET", "/version", &header, "").await.unwrap().status, 200);
    handle.cluster().world().advance(101.0);
    assert_eq!(call_with(&handle, "GET", "/version", &header, "").await.unwrap().status, 401);
}
