//! A small receiver of alerts: an HTTP server on the loopback interface that keeps what is posted to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::Value as Json;

/// How long an alert that is on its way may take, in real time.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The running receiver; its thread ends with the program.
pub(crate) struct Alerts {
    url: String,
    received: Receiver<Json>,
}

impl Alerts {
    /// Starts it on a free port.
    pub(crate) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/alerts", listener.local_addr()?);
        let (sender, received) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Ok(alert) = receive(stream)
                    && sender.send(alert).is_err()
                {
                    return;
                }
            }
        });
        Ok(Self { url, received })
    }

    /// Where alerts are posted to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next alert.
    pub(crate) fn next(&self) -> Result<Json, String> {
        self.received.recv_timeout(TIMEOUT).map_err(|_| "no alert arrived".to_owned())
    }
}

/// One request with a JSON body, answered with 200.
fn receive(stream: TcpStream) -> std::io::Result<Json> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?;
    Ok(serde_json::from_slice(&body)?)
}
