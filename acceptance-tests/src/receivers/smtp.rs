//! The SMTP server: takes every login and every recipient but those that are to be refused.

use super::Inbox;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;

/// `AUTH PLAIN` with the password `wrong` ends in this.
const WRONG_PASSWORD: &str = "wrong";

pub(super) async fn serve(stream: TcpStream, inbox: Inbox) -> io::Result<()> {
    let mut stream = BufStream::new(stream);
    let mut dialogue: Vec<Value> = Vec::new();
    let outcome = converse(&mut stream, &mut dialogue).await;
    inbox.entries().push(json!({"listener": "smtp", "dialogue": dialogue}));
    outcome
}

async fn converse(stream: &mut BufStream<TcpStream>, dialogue: &mut Vec<Value>) -> io::Result<()> {
    say(stream, "220 receiver ESMTP").await?;
    while let Some(line) = line(stream).await? {
        dialogue.push(json!(line));
        let command = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match command.as_str() {
            "EHLO" => say(stream, "250-receiver\r\n250 AUTH PLAIN LOGIN").await?,
            "AUTH" if has_wrong_password(&line) => say(stream, "535 5.7.8 bad credentials").await?,
            "AUTH" => say(stream, "235 welcome").await?,
            "RCPT" if line.contains("<refused@") => say(stream, "550 no such user").await?,
            "DATA" => {
                say(stream, "354 go on").await?;
                dialogue.push(json!({"data": data(stream).await?}));
                say(stream, "250 taken").await?;
            }
            "QUIT" => {
                say(stream, "221 bye").await?;
                return Ok(());
            }
            _ => say(stream, "250 fine").await?,
        }
    }
    Ok(())
}

/// The lines of a mail.
async fn data(stream: &mut BufStream<TcpStream>) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    while let Some(line) = line(stream).await? {
        match line.strip_prefix('.') {
            Some("") => break,
            Some(stuffed) => lines.push(stuffed.to_owned()),
            None => lines.push(line),
        }
    }
    Ok(lines)
}

async fn line(stream: &mut BufStream<TcpStream>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
}

async fn say(stream: &mut BufStream<TcpStream>, answer: &str) -> io::Result<()> {
    stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    stream.flush().await
}

/// The login is base64 of a NUL, the user, a NUL and the password.
fn has_wrong_password(line: &str) -> bool {
    let login = line.rsplit(' ').next().and_then(|login| STANDARD.decode(login).ok()).unwrap_or_default();
    login.rsplit(|byte| *byte == 0).next() == Some(WRONG_PASSWORD.as_bytes())
}
