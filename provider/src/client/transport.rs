//! One request, one answer: connections, endpoints, and what it means if there is no answer.
//!
//! pveproxy speaks HTTP/1.1, closes a connection that was idle for 5 s, and closes it after every
//! status of 400 or more. A pooled connection is therefore dropped after 4 s.

use std::error::Error as StdError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pve_schemas::rest::{Params, is_plain};
use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use super::endpoint::Endpoint;
use super::error::{Error, ErrorKind, Obstacle};
use super::settings::{Settings, SettingsError};
use super::trust::Trust;
use super::version::VERSION;
use super::{port, tls};
use crate::source::Source;

const IDLE: Duration = Duration::from_secs(4);
/// All that may be in use at once are kept: an apply reads back what it creates beside the next writes, and a connection that
/// is closed after each of those reads costs a handshake.
const IDLE_CONNECTIONS: usize = PARALLEL;
/// pveproxy has 3 workers; more requests at once only wait in its queue.
const PARALLEL: usize = 8;
/// Time for two more tries of the kernel, and little enough that several nodes can be tried while one waits for an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// pmxcfs limits a file to 1 MiB, so that no list comes near this.
const ANSWER_LIMIT: usize = 16 << 20;

const USER_AGENT: &str = concat!("terraform-provider-pve/", env!("CARGO_PKG_VERSION"));

#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) params: &'a Params,
}

/// What came back, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

pub(super) struct Transport {
    wire: Wire,
    endpoints: Vec<Target>,
    current: AtomicUsize,
    slots: Semaphore,
    pub(super) timeout: Duration,
    pub(super) trust: Trust,
}

/// An endpoint, and where it is.
struct Target {
    endpoint: Endpoint,
    /// What it may mean, where it names no port, and which of that it does.
    candidates: Option<[Endpoint; 2]>,
    found: OnceCell<Endpoint>,
}

impl Target {
    fn new(endpoint: Endpoint) -> Self {
        Self { candidates: endpoint.candidates(), endpoint, found: OnceCell::new() }
    }
}

enum Wire {
    Https(reqwest::Client),
    /// Answers without a network, for tests whose clock is paused.
    #[cfg(test)]
    Script(Script),
}

#[cfg(test)]
pub(super) type Script = Box<
    dyn Fn(Request<'_>, HeaderMap) -> futures_util::future::BoxFuture<'static, Result<Answer, Error>> + Send + Sync,
>;

impl Transport {
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let mut endpoints = vec![settings.endpoint.clone()];
        endpoints.extend(settings.fallback_endpoints.iter().cloned());
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(&settings.trust)?)
            .user_agent(USER_AGENT)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .connect_timeout(CONNECT_TIMEOUT.min(settings.request_timeout));
        // HTTPS_PROXY and the like are obeyed, except for this very machine, where no proxy leads.
        if endpoints.iter().all(Endpoint::is_loopback) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| SettingsError::Tls(causes(&error), Source::new(error)))?;
        Ok(Self {
            wire: Wire::Https(http),
            endpoints: endpoints.into_iter().map(Target::new).collect(),
            current: AtomicUsize::new(0),
            slots: Semaphore::new(PARALLEL),
            timeout: settings.request_timeout,
            trust: settings.trust.clone(),
        })
    }

    #[cfg(test)]
    pub(super) fn scripted(settings: &Settings, script: Script) -> Self {
        let mut transport = Self::new(settings).expect("a fake's settings");
        transport.wire = Wire::Script(script);
        transport
    }

    /// Makes the first endpoint one that may be either of the two.
    #[cfg(test)]
    pub(super) fn between(mut self, candidates: [Endpoint; 2]) -> Self {
        self.endpoints[0].candidates = Some(candidates);
        self
    }

    pub(super) fn has_fallback(&self) -> bool {
        self.endpoints.len() > 1
    }

    /// Where an endpoint is; one that names no port is looked for, once.
    async fn locate(&self, endpoint: usize) -> Result<&Endpoint, Error> {
        let target = &self.endpoints[endpoint];
        match &target.candidates {
            Some(candidates) => target.found.get_or_try_init(|| port::find(self, candidates)).await,
            None => Ok(&target.endpoint),
        }
    }

    pub(super) fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// The endpoint that answers at present, as a number for [`Transport::leave`].
    pub(super) fn endpoint(&self) -> usize {
        self.current.load(Ordering::Relaxed) % self.endpoints.len()
    }

    /// What to add to a failure at an endpoint on the port of the web at large.
    pub(super) fn hint(&self, endpoint: usize, error: Error) -> Error {
        let is_elsewhere = match error.kind() {
            ErrorKind::Unreachable(obstacle) => obstacle != Obstacle::Proxy,
            ErrorKind::Certificate(_) | ErrorKind::Foreign => true,
            ErrorKind::UnexpectedResponse | ErrorKind::NotImplemented => error.path() == VERSION,
            _ => false,
        };
        let target = &self.endpoints[endpoint];
        let is_elsewhere = is_elsewhere && target.candidates.is_none();
        match target.endpoint.on_its_own_port().filter(|_| is_elsewhere) {
            Some(right) => error.with_note(format!(
                "Port 443 was tried; a node of Proxmox VE listens on 8006: `endpoint = \"{right}\"`."
            )),
            None => error,
        }
    }

    /// Switches to the next endpoint, unless another request already left this one.
    pub(super) fn leave(&self, endpoint: usize) {
        if self.endpoints.len() < 2 {
            return;
        }
        let next = (endpoint + 1) % self.endpoints.len();
        let moved = self.current.compare_exchange(endpoint, next, Ordering::Relaxed, Ordering::Relaxed);
        if moved.is_ok() {
            tracing::warn!(
                from = %self.endpoints[endpoint].endpoint,
                to = %self.endpoints[next].endpoint,
                "the endpoint can't be reached; trying the next one"
            );
        }
    }

    /// One of the few requests that may be under way at once.
    pub(super) async fn slot(&self, method: &Method, path: &str) -> Result<SemaphorePermit<'_>, Error> {
        let closed = |_| Error::new(ErrorKind::Stopped, method, path, "the client is closed");
        self.slots.acquire().await.map_err(closed)
    }

    /// Sends a request once and takes the answer in.
    pub(super) async fn exchange(
        &self,
        request: Request<'_>,
        headers: HeaderMap,
        endpoint: usize,
        limit: Duration,
        _slot: SemaphorePermit<'_>,
    ) -> Result<Answer, Error> {
        let endpoint = self.locate(endpoint).await?;
        self.exchange_at(request, headers, endpoint, limit).await
    }

    /// The same at a certain address, beside the few that may be under way at once.
    pub(super) async fn exchange_at(
        &self,
        request: Request<'_>,
        headers: HeaderMap,
        endpoint: &Endpoint,
        limit: Duration,
    ) -> Result<Answer, Error> {
        let Request { method, path, .. } = request;
        if !is_plain(path) {
            let message = "the path names no object";
            return Err(Error::new(ErrorKind::Invalid, method, path, message));
        }
        let started = tokio::time::Instant::now();
        let exchange = async {
            match &self.wire {
                Wire::Https(http) => https(http, request, headers, endpoint).await,
                #[cfg(test)]
                Wire::Script(script) => script(request, headers).await,
            }
        };
        let result = tokio::time::timeout(limit, exchange).await.unwrap_or_else(|_| {
            let message = format!("no response within {} s", limit.as_secs());
            Err(Error::new(ErrorKind::Ambiguous, method, path, message))
        });
        tracing::debug!(
            %method,
            path,
            status = result.as_ref().ok().map(|answer| answer.status),
            milliseconds = started.elapsed().as_millis() as u64,
            "request"
        );
        result
    }
}

async fn https(
    http: &reqwest::Client,
    request: Request<'_>,
    headers: HeaderMap,
    endpoint: &Endpoint,
) -> Result<Answer, Error> {
    let Request { method, path, params } = request;
    let mut builder = http.request(method.clone(), endpoint.url(path)).headers(headers);
    let wire = params.pairs();
    if *method == Method::GET || *method == Method::DELETE {
        // pveproxy ignores the body of a DELETE.
        if !wire.is_empty() {
            builder = builder.query(&wire);
        }
    } else {
        builder = builder.form(&wire);
    }
    let answer = match builder.send().await {
        Ok(response) => take(response).await,
        Err(error) => Err(error.into()),
    };
    answer.map_err(|failure| failure.typed(method, path, endpoint))
}

/// Why there is no answer.
enum Failure {
    Http(reqwest::Error),
    TooLong,
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error)
    }
}

impl Failure {
    fn typed(self, method: &Method, path: &str, endpoint: &Endpoint) -> Error {
        let error = match self {
            Self::TooLong => {
                let message = format!("the response is longer than {} MiB", ANSWER_LIMIT >> 20);
                // A read has no usable response; the outcome of a write is unknown.
                let kind = if *method == Method::GET { ErrorKind::UnexpectedResponse } else { ErrorKind::Ambiguous };
                return Error::new(kind, method, path, message);
            }
            Self::Http(error) => error.without_url(),
        };
        let kind = if error.is_connect() {
            if let Some(tls) = tls_error(&error) {
                let kind = tls::refusal(tls).map_or(ErrorKind::Unreachable(Obstacle::Tls), ErrorKind::Certificate);
                let message = format!("{endpoint}: {}", tls::words(tls));
                return Error::new(kind, method, path, message).because(error);
            }
            ErrorKind::Unreachable(if error.is_dns() { Obstacle::Dns } else { Obstacle::Connect })
        } else {
            ErrorKind::Ambiguous
        };
        Error::new(kind, method, path, format!("{endpoint}: {}", causes(&error))).because(error)
    }
}

async fn take(mut response: Response) -> Result<Answer, Failure> {
    let status = response.status();
    let headers = response.headers().clone();
    let reason = response
        .extensions()
        .get::<hyper::ext::ReasonPhrase>()
        .map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned())
        .or_else(|| status.canonical_reason().map(str::to_owned))
        .unwrap_or_default();
    let announced = response.content_length().unwrap_or(0);
    if announced > ANSWER_LIMIT as u64 {
        return Err(Failure::TooLong);
    }
    let mut body = BytesMut::with_capacity(announced as usize);
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(Failure::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status: status.as_u16(), reason, headers, body: body.freeze() })
}

/// The TLS error in a chain of causes; it hides inside `io::Error`, which does not name it as its
/// source.
fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(inner) = inner
            && let Some(tls) = tls_error(inner)
        {
            return Some(tls);
        }
        cause = error.source();
    }
    None
}

/// An error with its causes, outermost first, without repeating what a cause repeats.
fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}
