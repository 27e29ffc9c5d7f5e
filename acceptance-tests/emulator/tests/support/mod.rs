//! A client that sees what goes over the wire.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::sync::Arc;

use pve_emulator::{Emulator, Handle, Options};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub type Connection = TlsStream<TcpStream>;

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn data(&self) -> Value {
        self.json()["data"].clone()
    }

    pub fn closes(&self) -> bool {
        self.head.to_ascii_lowercase().contains("connection: close")
    }
}

pub async fn start() -> Handle {
    Emulator::start(Options::default()).await.unwrap()
}

pub async fn connect(handle: &Handle) -> Connection {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(handle.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address(handle)).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

pub fn address(handle: &Handle) -> String {
    handle.endpoint().trim_start_matches("https://").to_owned()
}

/// Sends a request over an open connection; `None` if it is cut before an answer.
pub async fn exchange(connection: &mut Connection, head: &str, body: &str) -> Option<Answer> {
    let request = format!("{head}\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    // What is too large is answered, and the connection closed, before all of it is sent.
    let _ = connection.write_all(request.as_bytes()).await;
    read(connection).await
}

pub async fn read(connection: &mut Connection) -> Option<Answer> {
    let mut seen = Vec::new();
    let end = loop {
        if let Some(end) = seen.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        let mut buffer = [0u8; 4096];
        match connection.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(n) => seen.extend_from_slice(&buffer[..n]),
        }
    };
    let head = String::from_utf8_lossy(&seen[..end]).into_owned();
    let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = seen[end + 4..].to_vec();
    let mut rest = vec![0u8; length.unwrap_or(0usize) - body.len()];
    connection.read_exact(&mut rest).await.ok()?;
    body.extend(rest);
    let mut line = head.lines().next().unwrap().splitn(3, ' ').skip(1);
    let status = line.next().unwrap().parse().unwrap();
    Some(Answer { status, reason: line.next().unwrap_or_default().to_owned(), head, body })
}

/// A call over a connection of its own, with root@pam's token.
pub async fn call(handle: &Handle, method: &str, path: &str, form: &str) -> Option<Answer> {
    let token = handle.api_token().unwrap().to_owned();
    call_with(handle, method, path, &format!("Authorization: PVEAPIToken={token}"), form).await
}

/// A call with another header.
pub async fn call_with(handle: &Handle, method: &str, path: &str, header: &str, form: &str) -> Option<Answer> {
    let mut connection = connect(handle).await;
    let content = "Content-Type: application/x-www-form-urlencoded";
    exchange(&mut connection, &format!("{method} /api2/json{path} HTTP/1.1\r\n{header}\r\n{content}"), form).await
}

/// A call of the control plane.
pub async fn control(handle: &Handle, action: &str, body: Value) -> Value {
    let mut connection = connect(handle).await;
    let head = format!("POST /emulator/{action} HTTP/1.1");
    let answer = exchange(&mut connection, &head, &body.to_string()).await.unwrap();
    assert_eq!(answer.status, 200, "{action}: {}", String::from_utf8_lossy(&answer.body));
    answer.json()
}
