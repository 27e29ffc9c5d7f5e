//! What pveproxy does below the API: connections, bodies, formats.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

mod support;

use std::time::{Duration, Instant};

use support::{address, call, connect, exchange, read, start};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn version(handle: &pve_emulator::Handle) -> String {
    format!("GET /api2/json/version HTTP/1.1\r\nAuthorization: PVEAPIToken={}", handle.api_token().unwrap())
}

#[tokio::test]
async fn a_connection_serves_a_hundred_requests() {
    let handle = start().await;
    let mut connection = connect(&handle).await;
    for n in 1..=100 {
        let answer = exchange(&mut connection, &version(&handle), "").await.unwrap();
        assert_eq!((answer.status, answer.closes()), (200, n == 100), "request {n}");
    }
    assert!(exchange(&mut connection, &version(&handle), "").await.is_none());
}

#[tokio::test]
async fn a_connection_is_closed_after_an_error() {
    let handle = start().await;
    let mut connection = connect(&handle).await;
    let answer = exchange(&mut connection, "GET /api2/json/nosuch HTTP/1.1", "").await.unwrap();
    assert_eq!((answer.status, answer.reason.as_str(), answer.closes()), (401, "No ticket", true));
    assert!(answer.body.is_empty());
    assert!(exchange(&mut connection, &version(&handle), "").await.is_none());
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_five_seconds() {
    let handle = start().await;
    let mut connection = connect(&handle).await;
    let since = Instant::now();
    exchange(&mut connection, &version(&handle), "").await.unwrap();
    assert!(read(&mut connection).await.is_none());
    assert!((5..60).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
}

#[tokio::test]
async fn plain_http_is_redirected() {
    let handle = start().await;
    for (method, status) in [("GET", "301 "), ("POST", "308 ")] {
        let mut stream = TcpStream::connect(address(&handle)).await.unwrap();
        stream.write_all(format!("{method} /x HTTP/1.1\r\nHost: h:1\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains("Location: https://h:1/x"), "{answer}");
    }
}

#[tokio::test]
async fn bodies_must_not_be_chunked_or_huge() {
    let handle = start().await;
    let put = version(&handle).replace("GET /api2/json/version", "PUT /api2/json/cluster/options");
    let mut connection = connect(&handle).await;
    let chunked = format!("{put}\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    connection.write_all(chunked.as_bytes()).await.unwrap();
    let answer = read(&mut connection).await.unwrap();
    assert_eq!((answer.status, answer.reason.as_str()), (501, "chunked transfer encoding not supported"));

    let mut connection = connect(&handle).await;
    let body = format!("description={}", "x".repeat(600 * 1024));
    let answer = exchange(&mut connection, &put, &body).await.unwrap();
    assert_eq!((answer.status, answer.reason.as_str()), (501, "for data too large"));
}

#[tokio::test]
async fn the_format_of_the_gui_is_always_200() {
    let handle = start().await;
    let mut connection = connect(&handle).await;
    let head = version(&handle).replace("/api2/json/version", "/api2/extjs/storage/nosuch");
    let answer = exchange(&mut connection, &head, "").await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["success"], 0);
    assert_eq!(answer.json()["status"], 500);
    assert_eq!(answer.json()["message"], "storage 'nosuch' does not exist\n");
}

#[tokio::test]
async fn ten_thousand_guests_are_no_burden() {
    let guests: Vec<_> = (0..10_000)
        .map(|i| serde_json::json!({"vmid": 1000 + i, "type": "qemu", "node": format!("pve{}", i % 3 + 1), "name": format!("vm{i}")}))
        .collect();
    let nodes: Vec<_> = (1..=3)
        .map(|i| serde_json::json!({"node": format!("pve{i}"), "nodeid": i, "ring0_addr": "10.0.0.1"}))
        .collect();
    let users = serde_json::json!([{"userid": "root@pam", "tokens": [{"tokenid": "t", "privsep": 0, "secret": "s"}]}]);
    let seed = serde_json::json!({"nodes": nodes, "guests": guests, "users": users});
    let options = pve_emulator::Options {
        seed: Some(pve_emulator::Seed::parse(&seed.to_string()).unwrap()),
        ..pve_emulator::Options::default()
    };
    let handle = pve_emulator::Emulator::start(options).await.unwrap();
    let since = Instant::now();
    let answer = call(&handle, "GET", "/cluster/resources?type=vm", "").await.unwrap();
    assert_eq!(answer.data().as_array().unwrap().len(), 10_000);
    assert!(since.elapsed() < Duration::from_secs(60), "{:?}", since.elapsed());
}
