//! One connection: at most 100 requests, closed after 5 idle seconds and after every error.

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, PRAGMA, SERVER};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::Shared;
use super::body;
use crate::auth::Credentials;
use crate::error::{ApiError, ApiResult};
use crate::pipeline::{Request, render_extjs, render_json};
use crate::route::{Method, Reply};
use crate::site::Door;

const IDLE: Duration = Duration::from_secs(5);
const MAX_REQUESTS: u32 = 100;
const MAX_HEADERS: usize = 64;

/// The connection breaks off without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was cut")]
struct Cut;

pub(super) async fn run(stream: TcpStream, peer: SocketAddr, tls: TlsAcceptor, door: Door, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut first = [0u8; 1];
    let peeked = tokio::time::timeout(IDLE, stream.peek(&mut first)).await;
    match peeked {
        // 0x16 opens a TLS handshake; anything else is plain HTTP.
        Ok(Ok(1)) if first[0] == 0x16 => {}
        Ok(Ok(1)) => return redirect(stream).await,
        _ => return,
    }
    // The emulator's own address has the control plane, too, which is always there.
    let has_power = has_power(&shared, &door);
    if door != shared.door && !has_power {
        return;
    }
    let Ok(Ok(stream)) = tokio::time::timeout(IDLE, tls.accept(stream)).await else {
        return;
    };
    let served = AtomicU32::new(0);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let control = request.uri().path().starts_with("/emulator/");
        let before = served.fetch_add(u32::from(!control), Ordering::Relaxed);
        if before == 0 && !control {
            shared.control.counters.connection();
        }
        let last = before + 1 >= MAX_REQUESTS;
        let (shared, door) = (shared.clone(), door.clone());
        async move {
            if control {
                return Ok(control_answer(&shared, peer, request).await);
            }
            if !self::has_power(&shared, &door) {
                return Err(Cut);
            }
            let mut response = answer(&shared, &door, request).await?;
            if last || response.status().as_u16() >= 400 {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Cut>(response)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_headers(MAX_HEADERS)
            .title_case_headers(true)
            .serve_connection(TokioIo::new(stream), service)
    );
    // An error here is a client that went away or a cut that was asked for.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = shared.stop.cancelled() => {}
    }
}

/// Plain HTTP on the TLS port is redirected.
async fn redirect(mut stream: TcpStream) {
    let mut buffer = [0u8; 4096];
    let Ok(read) = stream.peek(&mut buffer).await else {
        return;
    };
    let head = String::from_utf8_lossy(&buffer[..read]);
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or("/"));
    let host = head.lines().find_map(|l| l.strip_prefix("Host: ")).unwrap_or("localhost");
    let status = if matches!(method, "GET" | "HEAD") { "301 Moved Permanently" } else { "308 Permanent Redirect" };
    let answer = format!(
        "HTTP/1.1 {status}\r\nLocation: https://{host}{path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// The control plane is for local callers only.
async fn control_answer(
    shared: &Arc<Shared>,
    peer: SocketAddr,
    request: hyper::Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, incoming) = request.into_parts();
    if !peer.ip().is_loopback() {
        return respond(403, "", r#"{"error":"local callers only"}"#.to_owned(), true);
    }
    let body = body::read(&head, incoming).await;
    if head.uri.path() == crate::control::NOTIFICATIONS {
        // The list is one of deliveries that have ended.
        shared.cluster.deliveries().await;
    }
    let (status, text) = crate::control::handle(shared, &head.method, head.uri.path(), body).await;
    respond(status, "", text, true)
}

/// Whether the node behind a door is there. The look brings everything up to now, the certificate that is shown among it.
fn has_power(shared: &Shared, door: &Door) -> bool {
    match door {
        Door::Main => true,
        Door::Node(node) => shared.cluster.world_of(node).is_up(node),
    }
}

async fn answer(
    shared: &Arc<Shared>,
    door: &Door,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, incoming) = request.into_parts();
    let raw_path = head.uri.path().to_owned();
    let Some(method) = Method::parse(head.method.as_str()) else {
        let error = ApiError::proxy(501, &format!("method '{}' not available", head.method));
        return Ok(finish(shared, &head, render_json(&Err(error))));
    };
    let path = percent_decode_str(&raw_path).decode_utf8_lossy().into_owned();
    let (format, path) = match split(&path) {
        Ok(found) => found,
        Err(error) => return Ok(finish(shared, &head, render_json(&Err(error)))),
    };
    let body = body::read(&head, incoming).await;
    let params = body.and_then(|body| body::params(&head, method, &body));
    let asked = (method == Method::Get).then(|| path.clone());
    let credentials = Credentials::read(&head.headers);
    let request = Request { method, path, credentials, params, lock_fault: None, door: door.clone() };
    let mut result = guarded(shared, request).await?;
    if let (Some(path), Ok(reply)) = (asked, &mut result) {
        shared.control.additions.complete(&path, &mut reply.data);
    }
    if result.as_ref().is_err_and(|e| e.code == 401) && shared.cluster.world().clock.is_running() {
        tokio::time::sleep(shared.options.failed_login_delay).await;
    }
    let rendered = if format == "extjs" { render_extjs(&result) } else { render_json(&result) };
    Ok(finish(shared, &head, rendered))
}

/// Runs the call with whatever faults are asked for around it.
async fn guarded(shared: &Arc<Shared>, mut request: Request) -> Result<ApiResult<Reply>, Cut> {
    let _counted = shared.control.counters.request(shared.cluster.paths(), request.method, &request.path);
    let fault = shared.control.faults.next(&request.door, request.method, &request.path);
    tokio::time::sleep(shared.options.latency).await;
    let Some(fault) = fault else {
        return carry_out(shared, request).await;
    };
    tokio::time::sleep(fault.delay).await;
    request.lock_fault = fault.lock;
    if let Some(edit) = fault.edit
        && let Err(refused) = shared.cluster.call_as_root(Method::Put, &edit.path, edit.params)
    {
        // The caller that requested the edit relies on it.
        return Ok(Err(refused));
    }
    if let Some(error) = fault.before {
        return Ok(Err(error));
    }
    if fault.cut_before {
        return Err(Cut);
    }
    let result = carry_out(shared, request).await?;
    if fault.cut_after {
        return Err(Cut);
    }
    if fault.hang {
        shared.stop.cancelled().await;
        return Err(Cut);
    }
    Ok(match fault.after {
        Some(error) => Err(error),
        None => result,
    })
}

/// A call is carried out by a worker of its own: it continues to wait for its lock when its client has disconnected.
async fn carry_out(shared: &Arc<Shared>, request: Request) -> Result<ApiResult<Reply>, Cut> {
    let worker = shared.clone();
    let worker = tokio::spawn(async move {
        tokio::select! {
            result = worker.cluster.answer(request) => Ok(result),
            () = worker.stop.cancelled() => Err(Cut),
        }
    });
    worker.await.unwrap_or(Err(Cut))
}

/// `/api2/json/version` → `json`, `/version`.
fn split(path: &str) -> Result<(String, String), ApiError> {
    let no_such = || ApiError::proxy(501, "no such uri");
    let rest = path.strip_prefix("/api2").ok_or_else(no_such)?.trim_start_matches('/');
    let (format, path) = rest.split_once('/').map_or((rest, "/".to_owned()), |(f, p)| (f, format!("/{p}")));
    match format {
        "json" | "extjs" => Ok((format.to_owned(), path)),
        "" => Err(no_such()),
        _ => Err(ApiError::proxy(501, &format!("no formatter for uri {path}"))),
    }
}

fn finish(
    shared: &Shared,
    head: &http::request::Parts,
    (status, reason, body, json): (u16, String, String, bool),
) -> Response<Full<Bytes>> {
    if shared.options.log {
        // Never the query, a header or a body: they may hold secrets.
        let line = format!("{} {} {status} {reason}\n", head.method, head.uri.path());
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
    respond(status, &reason, body, json)
}

fn respond(status: u16, reason: &str, body: String, json: bool) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    // Proxmox's own codes (595 …) are in range as well.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes())
        && status != 200
        && !reason.as_bytes().is_empty()
    {
        response.extensions_mut().insert(reason);
    }
    let headers = response.headers_mut();
    headers.insert(SERVER, HeaderValue::from_static("pve-api-daemon/3.0"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=0"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    if json {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    }
    response
}

// The service's error type must convert, and nothing else may fail.
impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
