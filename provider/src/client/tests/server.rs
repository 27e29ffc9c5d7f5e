//! A server that speaks HTTP/1.1 over TLS the way pveproxy does, and gives the answers of a test.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub(super) use super::identity::Identity;
use crate::client::{Call, Client, Credentials, DEFAULT_REQUEST_TIMEOUT, Endpoint, Settings, Trust};

pub(crate) const TOKEN: &str = "root@pam!ci=11111111-canary-token-2222";
const IDLE: Duration = Duration::from_secs(5);

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) form: BTreeMap<String, String>,
}

impl Seen {
    /// `GET /version`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

pub(crate) enum Reply {
    /// Status, reason and body.
    Answer(u16, String, String),
    /// The whole answer as it goes over the wire, after which the connection is closed.
    Raw(&'static str),
    /// The connection is closed without an answer.
    Close,
    /// Nothing, for ever.
    Hang,
}

pub(crate) fn ok(data: &str) -> Reply {
    Reply::Answer(200, "OK".into(), format!(r#"{{"data":{data}}}"#))
}

/// What pveproxy answers to a Perl `die`.
pub(crate) fn die(text: &str) -> Reply {
    status(500, text)
}

pub(crate) fn status(status: u16, text: &str) -> Reply {
    let body = serde_json::json!({"data": null, "message": format!("{text}\n")});
    let reason = text.lines().next().unwrap_or_default();
    Reply::Answer(status, reason.into(), body.to_string())
}

type Answering = Pin<Box<dyn Future<Output = Reply> + Send>>;
pub(crate) type Handler = Arc<dyn Fn(Seen) -> Answering + Send + Sync>;

pub(crate) fn at_once(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Handler {
    Arc::new(move |seen| {
        let reply = handler(&seen);
        Box::pin(async move { reply })
    })
}

pub(crate) struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
    pub(super) identity: Identity,
    task: JoinHandle<()>,
}

impl Server {
    /// A server that answers with `handler`, at once.
    pub(crate) async fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_identity(Identity::valid(), at_once(handler)).await
    }

    /// A server that answers with `handler`, when it is ready.
    pub(crate) async fn start_async<F>(handler: impl Fn(Seen) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |seen| Box::pin(handler(seen)));
        Self::with_identity(Identity::valid(), handler).await
    }

    pub(super) async fn with_identity(identity: Identity, handler: Handler) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = identity.acceptor();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let connections: Arc<AtomicUsize> = Arc::default();
        let task = tokio::spawn({
            let (seen, connections) = (seen.clone(), connections.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::SeqCst);
                    let (acceptor, handler, seen) = (acceptor.clone(), handler.clone(), seen.clone());
                    tokio::spawn(serve(stream, acceptor, handler, seen));
                }
            }
        });
        Self { port, seen, connections, identity, task }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("https://127.0.0.1:{}", self.port)).unwrap()
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            endpoint: self.endpoint(),
            fallback_endpoints: Vec::new(),
            credentials: Credentials::token(SecretString::from(TOKEN)).unwrap(),
            trust: Trust::Pin(self.identity.fingerprint),
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.settings()).unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The requests as `METHOD PATH`.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    /// How many requests began with this.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|seen| *seen == line).count()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A call that lasts for a minute.
pub(crate) fn call() -> Call {
    Call::within(Duration::from_secs(60), CancellationToken::new())
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, handler: Handler, log: Arc<Mutex<Vec<Seen>>>) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    while let Ok(Some(seen)) = tokio::time::timeout(IDLE, request(&mut stream)).await {
        log.lock().unwrap().push(seen.clone());
        let (status, reason, body) = match handler(seen).await {
            Reply::Answer(status, reason, body) => (status, reason, body),
            Reply::Raw(text) => {
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
                return;
            }
            Reply::Close => return,
            Reply::Hang => std::future::pending().await,
        };
        let close = if status >= 400 { "Connection: close\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json;charset=UTF-8\r\n\
             {close}Content-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all((head + &body).as_bytes()).await.is_err() {
            return;
        }
        let _ = stream.flush().await;
        if status >= 400 {
            let _ = stream.shutdown().await;
            return;
        }
    }
    let _ = stream.shutdown().await;
}

async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head = loop {
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..length]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = bytes[head + 4..].to_vec();
    while body.len() < length {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        body.extend_from_slice(&chunk[..read]);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Some(Seen {
        method: method.to_owned(),
        path: path.trim_start_matches("/api2/json").to_owned(),
        query: query.to_owned(),
        headers,
        form: url::form_urlencoded::parse(&body).into_owned().collect(),
    })
}
