//! The HTTP server: one request for each connection.

use super::Inbox;
use serde_json::{Value, json};
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const MAX_HEADERS: usize = 64;

pub(super) async fn serve(mut stream: TcpStream, inbox: Inbox) -> io::Result<()> {
    let mut seen = Vec::new();
    let (mut entry, head_length, body_length) = loop {
        if stream.read_buf(&mut seen).await? == 0 {
            return Ok(());
        }
        if let Some(head) = head(&seen)? {
            break head;
        }
    };
    while seen.len() < head_length + body_length {
        if stream.read_buf(&mut seen).await? == 0 {
            break;
        }
    }
    entry["body"] = json!(String::from_utf8_lossy(&seen[head_length..]));
    let status = status(entry["target"].as_str().unwrap_or_default());
    inbox.entries().push(entry);
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// The request as far as its head says, the length of the head and that of the body.
fn head(bytes: &[u8]) -> io::Result<Option<(Value, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = request.parse(bytes).map_err(io::Error::other)? else { return Ok(None) };
    let pair = |header: &httparse::Header<'_>| {
        (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
    };
    let headers: Vec<(String, String)> = request.headers.iter().map(pair).collect();
    let body = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let entry =
        json!({"listener": "http", "method": request.method, "target": request.path, "headers": headers, "body": ""});
    Ok(Some((entry, length, body.unwrap_or(0))))
}

/// The status line, and the header line that belongs to it.
fn status(target: &str) -> &'static str {
    match target {
        _ if target.contains("fail") => "500 Internal Server Error",
        _ if target.contains("nothere") => "404 Not Found",
        _ if target.contains("redir") => "302 Found\r\nLocation: /after",
        _ => "200 OK",
    }
}
