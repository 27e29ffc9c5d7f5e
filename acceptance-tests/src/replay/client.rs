//! A client that writes the request's bytes itself and reads the answer without interpreting it.

use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::trust::Trust;

/// A server that requests go to.
pub(super) struct Client {
    connector: TlsConnector,
    address: String,
    name: ServerName<'static>,
}

/// An answer, with its status line as it was sent.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Why no answer was had.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address isn't `https://HOST:PORT`.
    #[error("not an address to connect to: {0}")]
    Address(String),
    #[error("connection: {0}")]
    Connection(#[from] std::io::Error),
    /// What came isn't an HTTP answer.
    #[error("not an HTTP answer: {0}")]
    Malformed(String),
}

impl Client {
    /// A client for `endpoint`, trusting only the authority whose certificate is given as PEM.
    pub(super) fn new(endpoint: &str, authority_pem: &str) -> Result<Self, ClientError> {
        let bad = || ClientError::Address(endpoint.to_owned());
        let address = endpoint.strip_prefix("https://").ok_or_else(bad)?.trim_end_matches('/').to_owned();
        let host = address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']'])).ok_or_else(bad)?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| bad())?;
        let config = Trust::Authority(authority_pem.to_owned()).config();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), address, name })
    }

    /// The `Host` header.
    pub(super) fn host(&self) -> &str {
        &self.address
    }

    /// Sends the bytes over a connection of their own and reads the answer to its end.
    pub(super) async fn send(&self, request: &[u8]) -> Result<Answer, ClientError> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let mut stream = self.connector.connect(self.name.clone(), stream).await?;
        stream.write_all(request).await?;
        stream.flush().await?;
        let mut received = Vec::new();
        match stream.read_to_end(&mut received).await {
            // pveproxy closes without TLS's own goodbye.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
            other => {
                other?;
            }
        }
        parse(&received)
    }
}

fn parse(received: &[u8]) -> Result<Answer, ClientError> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    let malformed = |text: String| ClientError::Malformed(text);
    let length = match head.parse(received).map_err(|error| malformed(error.to_string()))? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Err(malformed("the connection ended within the header".to_owned())),
    };
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|header| (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let declared = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = received[length..].to_vec();
    if headers.iter().any(|(name, value)| name == "transfer-encoding" && value.contains("chunked")) {
        body = join_chunks(&body).ok_or_else(|| malformed("broken chunks".to_owned()))?;
    }
    if declared.is_some_and(|declared: usize| declared != body.len()) {
        return Err(malformed(format!("{} bytes of body, {declared:?} were announced", body.len())));
    }
    Ok(Answer { status: head.code.unwrap_or_default(), reason: reason(received), headers, body })
}

/// The reason phrase as sent; httparse gives none when it holds anything but ASCII, and Proxmox's error texts may.
fn reason(received: &[u8]) -> String {
    let line = received.split(|byte| *byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(line).splitn(3, ' ').nth(2).unwrap_or_default().to_owned()
}

fn join_chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim(), 16).ok()?;
        rest = rest.get(end + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_line_is_kept_as_sent() {
        let answer =
            parse(b"HTTP/1.1 500 no such resource 'vm:1'\r\nServer: x\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        assert_eq!((answer.status, answer.reason.as_str()), (500, "no such resource 'vm:1'"));
        assert_eq!(answer.headers[0], ("server".to_owned(), "x".to_owned()));
        assert_eq!(answer.body, b"{}");
    }

    #[test]
    fn chunks_are_joined_and_truncation_is_seen() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        assert_eq!(parse(chunked).unwrap().body, b"abc");
        assert!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\nServer").is_err());
    }
}
