//! Connections: none to be had, closed by the server, reused.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

use super::server::{Reply, Server, call, die, ok};
use crate::client::transport::Transport;
use crate::client::{Call, Certificate, Client, Endpoint, Error, ErrorKind, LockDomain, Obstacle, Params};
use crate::source::cause;

const PATH: &str = "/cluster/ha/resources/vm:100";

/// Answers one after the other, the last one for ever.
async fn script(replies: impl IntoIterator<Item = Reply>) -> Server {
    let replies = Mutex::new(VecDeque::from_iter(replies));
    Server::start(move |_| {
        let mut replies = replies.lock().unwrap();
        replies.pop_front().unwrap_or_else(|| ok("null"))
    })
    .await
}

async fn put(client: &Client, call: &Call) -> Result<Value, Error> {
    let permit = client.permit(LockDomain::Ha, call).await.unwrap();
    client.put(PATH, &Params::new(), &permit, call).await
}

#[tokio::test]
async fn a_write_on_a_reused_connection_is_not_sent_twice() {
    let server = script([ok("{}"), Reply::Close]).await;
    let client = server.client();
    client.get::<Value>(PATH, &call()).await.unwrap();
    let error = put(&client, &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    assert_eq!(server.lines().len(), 2);
    assert_eq!(server.connections(), 1);
}

/// An endpoint without a listener; the socket reserves the port.
fn closed_port() -> (Endpoint, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let endpoint = Endpoint::parse(&format!("https://127.0.0.1:{port}")).unwrap();
    (endpoint, socket)
}

#[tokio::test]
async fn the_next_endpoint_is_used_when_the_first_is_unreachable_and_stays() {
    let server = script([]).await;
    let (first, second) = (closed_port(), closed_port());
    let mut settings = server.settings();
    settings.endpoint = first.0;
    settings.fallback_endpoints = vec![second.0, server.endpoint()];
    let client = Client::new(settings).unwrap();
    put(&client, &call()).await.unwrap();
    assert_eq!(client.inner.transport.endpoint(), 2);
    put(&client, &call()).await.unwrap();
    assert_eq!(client.inner.transport.endpoint(), 2);
    assert_eq!(server.lines().len(), 2);
}

#[tokio::test]
async fn no_endpoint_is_reachable() {
    let server = script([]).await;
    let closed = closed_port();
    let mut settings = server.settings();
    settings.endpoint = closed.0;
    let client = Client::new(settings).unwrap();
    // Long enough for a try on any machine, and no time is left for the one after the pause.
    let call = Call::within(Duration::from_secs(2), CancellationToken::new());
    let error = put(&client, &call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable(Obstacle::Connect));
    assert!(error.message().contains("https://127.0.0.1:"), "{error}");
    assert!(error.message().contains("refused"), "{error}");
    let refused = cause::<std::io::Error>(&error).map(std::io::Error::kind);
    assert_eq!(refused, Some(std::io::ErrorKind::ConnectionRefused));
    assert!(error.tries() < 20, "after the last endpoint there is a pause: {error}");
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn a_name_that_means_nothing() {
    let server = script([]).await;
    let mut settings = server.settings();
    settings.endpoint = Endpoint::parse("https://pve1.invalid:8006").unwrap();
    let client = Client::new(settings).unwrap();
    let error = client.once("/version", &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable(Obstacle::Dns), "{error}");
}

#[tokio::test]
async fn plain_http_on_the_other_side_is_no_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let server = script([]).await;
    let mut settings = server.settings();
    settings.endpoint = Endpoint::parse(&format!("https://127.0.0.1:{port}")).unwrap();
    let client = Client::new(settings).unwrap();
    let error = client.once("/version", &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable(Obstacle::Tls), "{error}");
    // The connector wraps it in an I/O error, twice.
    let io = cause::<std::io::Error>(&error).and_then(std::io::Error::get_ref);
    let tls = io.and_then(|io| io.downcast_ref::<std::io::Error>()).and_then(std::io::Error::get_ref);
    assert!(tls.is_some_and(|tls| tls.is::<rustls::Error>()), "{error:?}");
}

#[tokio::test]
async fn a_server_in_the_way_is_reported_and_not_asked_again() {
    for (answer, note) in [
        (
            "HTTP/1.1 302 Found\r\nLocation: https://auth.example.com/?rd=x\r\nContent-Length: 0\r\n\r\n",
            "auth.example.com/",
        ),
        ("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n", "Basic"),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 32\r\n\r\n<html><title>Blocked</title></a>", "Blocked"),
    ] {
        let server = script([Reply::Raw(answer), Reply::Raw(answer)]).await;
        let client = server.client();
        for error in [client.get::<Value>(PATH, &call()).await.unwrap_err(), put(&client, &call()).await.unwrap_err()] {
            assert_eq!((error.kind(), error.tries()), (ErrorKind::Foreign, 1), "{error}");
            assert!(error.note().unwrap().contains(note) && !error.quote().contains("PVE"), "{error}");
        }
    }
}

#[tokio::test]
async fn an_endpoint_on_the_port_of_the_web_is_pointed_to_the_right_one() {
    let server = script([]).await;
    let mut settings = server.settings();
    settings.endpoint = Endpoint::parse("https://pve1.example.com:443").unwrap();
    settings.fallback_endpoints = vec![server.endpoint()];
    let client = Client::new(settings).unwrap();
    let note = |kind, path: &str, endpoint| {
        let error = Error::new(kind, &reqwest::Method::GET, path, "x");
        client.inner.transport.hint(endpoint, error).note().is_some_and(|note| note.contains("pve1.example.com:8006"))
    };
    for kind in [
        ErrorKind::Unreachable(Obstacle::Connect),
        ErrorKind::Certificate(Certificate::UnknownIssuer),
        ErrorKind::Foreign,
    ] {
        assert!(note(kind, PATH, 0) && !note(kind, PATH, 1), "{kind:?}");
    }
    assert!(note(ErrorKind::UnexpectedResponse, "/version", 0) && !note(ErrorKind::UnexpectedResponse, PATH, 0));
    assert!(!note(ErrorKind::Unreachable(Obstacle::Proxy), PATH, 0) && !note(ErrorKind::NoQuorum, PATH, 0));
}

/// A client whose endpoint may be either of two, with the credentials and trust of `server`.
fn between(server: &Server, candidates: [Endpoint; 2]) -> Client {
    let settings = server.settings();
    let transport = Transport::new(&settings).unwrap().between(candidates);
    Client::over(transport, settings.credentials)
}

#[tokio::test]
async fn credentials_go_only_to_what_answers_like_proxmox() {
    let realms = || ok(r#"[{"realm":"pam","type":"pam"},{"realm":"pve","type":"pve"}]"#);
    let node = Server::start(move |seen| if seen.path == "/access/domains" { realms() } else { ok("{}") }).await;
    let page = Reply::Raw("HTTP/1.1 200 OK\r\nContent-Length: 32\r\n\r\n<html><title>Welcome</title></a>");
    let page = std::sync::Arc::new(Mutex::new(Some(page)));
    let other = {
        let page = page.clone();
        Server::with_identity(
            node.identity.clone(),
            super::server::at_once(move |_| page.lock().unwrap().take().unwrap_or_else(|| ok("[]"))),
        )
        .await
    };
    let (closed, _socket) = closed_port();
    for first in [other.endpoint(), other.endpoint(), closed.clone()] {
        let client = between(&node, [first, node.endpoint()]);
        client.get::<Value>(PATH, &call()).await.unwrap();
        client.get::<Value>(PATH, &call()).await.unwrap();
    }
    // Where both are nodes, the first is asked.
    let client = between(&node, [node.endpoint(), other.endpoint()]);
    client.get::<Value>(PATH, &call()).await.unwrap();
    assert_eq!((node.count("GET /access/domains"), node.count(&format!("GET {PATH}"))), (4, 7));
    assert!(other.seen().iter().all(|seen| seen.path == "/access/domains"), "{:?}", other.lines());
    for seen in node.seen().iter().chain(&other.seen()).filter(|seen| seen.path == "/access/domains") {
        assert!(!format!("{seen:?}").contains("canary"), "{seen:?}");
    }
    // Where neither is one, both are named, and a write is known not to have been sent.
    let client = between(&node, [other.endpoint(), closed]);
    let error = client.once("/version", &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Foreign);
    assert!(error.note().unwrap().contains("neither 443 nor 8006"), "{error}");
}

#[tokio::test]
async fn connections_closed_after_an_error_cost_nothing() {
    let server = script([ok("null"), die("types does not match"), ok("null")]).await;
    let client = server.client();
    put(&client, &call()).await.unwrap();
    put(&client, &call()).await.unwrap_err();
    put(&client, &call()).await.unwrap();
    assert_eq!(server.lines().len(), 3);
    assert_eq!(server.connections(), 2);
}

/// In real time, since it is about the clocks of two sides: the server closes after 5 s.
#[tokio::test]
async fn connections_closed_for_idleness_cost_nothing() {
    let server = script([]).await;
    let client = server.client();
    put(&client, &call()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5200)).await;
    put(&client, &call()).await.unwrap();
    assert_eq!(server.lines().len(), 2);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn an_answer_without_end_is_an_error() {
    let server = script([Reply::Answer(200, "OK".into(), "x".repeat(17 << 20))]).await;
    let error = server.client().get::<Value>(PATH, &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
    assert_eq!(server.lines().len(), 1);
}
