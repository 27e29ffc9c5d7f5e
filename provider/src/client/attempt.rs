//! The retry table: what is tried again, how long, and what is handed to the caller.
//!
//! A read may be repeated whatever happened to it. A write is repeated only where it certainly was
//! not executed; of an ambiguous one only the caller can find out, by reading and comparing.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::future::BoxFuture;
use reqwest::Method;
use reqwest::header::HeaderMap;
use tokio::time::Instant;

use super::answer::{self, Success};
use super::error::{Error, ErrorKind};
use super::quorum::GAVE_UP;
use super::transport::Request;
use super::{Client, crm};
use crate::call::{Call, Ended, Waiting};

const FIRST_DELAY: Duration = Duration::from_millis(200);
const LAST_DELAY: Duration = Duration::from_secs(5);
/// How long a write in flight is waited for after a stop.
const WRITE_GRACE_TIMEOUT: Duration = Duration::from_secs(5);
/// The least that a write is given once it is sent, so that a deadline that is near does not make
/// every write ambiguous.
const LEAST_FOR_A_WRITE: Duration = Duration::from_secs(15);

/// How a request is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// Changes nothing: may be repeated, may be dropped.
    Read,
    /// Changes something: never repeated unless certainly not executed, never dropped in flight.
    Write,
    /// Obtains a ticket: repeatable, but carries no credentials of its own.
    Login,
}

/// One try of a request.
struct Try<'a> {
    nature: Nature,
    request: Request<'a>,
    headers: HeaderMap,
    endpoint: usize,
}

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Return,
    Retry,
    /// Retry, elsewhere if there is an elsewhere.
    RetryElsewhere,
    Renew,
    AwaitQuorum,
    AwaitCrm,
}

fn next(nature: Nature, kind: ErrorKind) -> Next {
    use super::error::Obstacle::Proxy;
    match (nature, kind) {
        (_, ErrorKind::Unreachable(Proxy)) => Next::Retry,
        (_, ErrorKind::Unreachable(_)) => Next::RetryElsewhere,
        (Nature::Read | Nature::Login, ErrorKind::Ambiguous) => Next::Retry,
        (Nature::Read | Nature::Write, ErrorKind::Unauthorized) => Next::Renew,
        (Nature::Write, ErrorKind::LockTimeout) => Next::Retry,
        (Nature::Write, ErrorKind::NoQuorum) => Next::AwaitQuorum,
        (Nature::Write, ErrorKind::TooEarly) => Next::AwaitCrm,
        _ => Next::Return,
    }
}

/// The delays between tries: exponential with jitter, 200 ms to 5 s.
pub(super) struct Delays(ExponentialBackoff);

impl Delays {
    pub(super) fn new() -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(FIRST_DELAY)
            .with_max_delay(LAST_DELAY)
            .without_max_times()
            .with_jitter();
        Self(builder.build())
    }

    pub(super) fn next(&mut self) -> Duration {
        self.0.next().unwrap_or(LAST_DELAY).min(LAST_DELAY)
    }
}

impl Client {
    /// Sends a request, again where the table says so, until the call ends.
    pub(super) async fn run(&self, nature: Nature, request: Request<'_>, call: &Call) -> Result<Success, Error> {
        self.try_all(nature, request, call).await.map_err(|error| match (nature, error.kind()) {
            // What changes nothing leaves nothing in the dark, whether it was carried out or not.
            (Nature::Read | Nature::Login, ErrorKind::Ambiguous) => error.with_kind(ErrorKind::Unanswered),
            _ => error,
        })
    }

    async fn try_all(&self, nature: Nature, request: Request<'_>, call: &Call) -> Result<Success, Error> {
        let started = Instant::now();
        let mut delays = Delays::new();
        let mut tries = 0;
        let mut renewed = false;
        let mut hops = 0;
        let mut last: Option<Error> = None;
        let mut waiting: Option<Waiting> = None;
        let mut gave_up = false;
        let mut crm_was_complete = false;
        loop {
            match (call.ended(), last.take()) {
                (None, before) => last = before,
                // The pause took all that was left: the last failure is still the reason.
                (Some(Ended::Expired), Some(failure)) => return Err(failure.with_effort(tries, started.elapsed())),
                (Some(ended), before) => return Err(after(before, over(ended, request.method, request.path))),
            }
            let stamp = match nature {
                Nature::Login => None,
                _ => Some(self.inner.auth.stamp(self, request.method, call).await?),
            };
            let headers = stamp.as_ref().map(|stamp| stamp.headers.clone());
            let endpoint = self.inner.transport.endpoint();
            tries += 1;
            let headers = headers.unwrap_or_default();
            let tried = self.attempt(Try { nature, request, headers, endpoint }, call);
            let result = match &mut waiting {
                Some(waiting) => waiting.during(tried).await,
                None => tried.await,
            };
            let error = match result {
                Ok(success) => {
                    if nature == Nature::Write {
                        self.inner.quorum.seen();
                    }
                    return Ok(success);
                }
                Err(error) => after(last.take(), error).with_effort(tries, started.elapsed()),
            };
            let error =
                if nature == Nature::Write { Box::pin(self.judged_by_quorum(error, call)).await } else { error };
            // Quorum may have been lost only after the write was carried out: what exists then may be its own.
            let error = match error.kind() {
                ErrorKind::Exists if gave_up => error.with_kind(ErrorKind::Ambiguous),
                kind => {
                    gave_up |= kind == ErrorKind::NoQuorum && error.status() == Some(GAVE_UP);
                    error
                }
            };
            last = Some(error.clone());
            match next(nature, error.kind()) {
                Next::Return => return Err(error),
                Next::Renew => {
                    let Some(stamp) = stamp.filter(|stamp| stamp.is_renewable() && !renewed) else {
                        return Err(error);
                    };
                    renewed = true;
                    self.inner.auth.discard(&stamp).await;
                }
                Next::AwaitQuorum => Box::pin(self.await_quorum_for(error, &mut delays, started, call)).await?,
                Next::AwaitCrm => {
                    let is_complete = Box::pin(crm::lists_fewer_nodes(self, call)).await == Some(false);
                    match (is_complete, crm_was_complete) {
                        (true, true) => return Err(error.with_kind(ErrorKind::RuleConflict)),
                        // The CRM may have registered the nodes between the refusal and this look.
                        (true, false) => crm_was_complete = true,
                        (false, _) => pause(delays.next(), error, started, call).await?,
                    }
                }
                Next::Retry => {
                    let what = (error.kind() == ErrorKind::LockTimeout).then_some("the cluster's lock");
                    let tried = pause(delays.next(), error, started, call);
                    match what {
                        Some(what) => {
                            waiting.get_or_insert_with(|| call.waiting_since(started, what)).during(tried).await?;
                        }
                        None => tried.await?,
                    }
                }
                Next::RetryElsewhere => {
                    self.inner.transport.leave(endpoint);
                    hops += 1;
                    if hops % self.inner.transport.endpoints() == 0 {
                        pause(delays.next(), error, started, call).await?;
                    }
                }
            }
        }
    }

    /// One try, without any retry, for questions that are asked while something else is retried.
    pub(super) async fn once(&self, path: &str, call: &Call) -> Result<Success, Error> {
        let params = super::Params::new();
        let request = Request { method: &Method::GET, path, params: &params };
        let stamp = self.inner.auth.stamp(self, request.method, call).await?;
        let endpoint = self.inner.transport.endpoint();
        self.attempt(Try { nature: Nature::Read, request, headers: stamp.headers, endpoint }, call).await
    }

    fn attempt<'a>(&'a self, tried: Try<'a>, call: &'a Call) -> BoxFuture<'a, Result<Success, Error>> {
        // On the heap: reqwest's future is most of what a request needs, and each caller would hold it on its stack.
        let endpoint = tried.endpoint;
        let sent = self.send(tried, call);
        Box::pin(async move { sent.await.map_err(|error| self.inner.transport.hint(endpoint, error)) })
    }

    async fn send(&self, tried: Try<'_>, call: &Call) -> Result<Success, Error> {
        let Try { nature, request, headers, endpoint } = tried;
        let Request { method, path, .. } = request;
        let transport = &self.inner.transport;
        let limit = match nature {
            Nature::Write => transport.timeout.min(call.left().max(LEAST_FOR_A_WRITE)),
            _ => transport.timeout,
        };
        // Until there is a slot nothing is in flight.
        let slot = call.bound(transport.slot(method, path)).await.map_err(|ended| over(ended, method, path))??;
        let exchange = transport.exchange(request, headers, endpoint, limit, slot);
        let answer = match nature {
            Nature::Write => tokio::select! {
                biased;
                answer = exchange => answer?,
                () = write_grace(call) => {
                    let message = format!("no response within {} s after the stop", WRITE_GRACE_TIMEOUT.as_secs());
                    return Err(Error::new(ErrorKind::Ambiguous, method, path, message));
                }
            },
            _ => call.bound(exchange).await.map_err(|ended| over(ended, method, path))??,
        };
        let success = answer::judge(method, path, answer)?;
        // Of a read an unreadable body is all there is; a write with one may have been executed.
        match success.data() {
            Ok(_) => Ok(success),
            Err(error) if nature == Nature::Write => {
                Err(answer::unexpected(method, path, error).with_kind(ErrorKind::Ambiguous))
            }
            Err(error) => Err(answer::unexpected(method, path, error)),
        }
    }
}

/// Resolves when a write in flight has been waited for long enough after a stop.
async fn write_grace(call: &Call) {
    call.stop.cancelled().await;
    tokio::time::sleep(WRITE_GRACE_TIMEOUT).await;
}

/// Waits before the next try, or gives up with the last failure when there is no time for one.
async fn pause(delay: Duration, error: Error, started: Instant, call: &Call) -> Result<(), Error> {
    let effort = |error: Error| {
        let tries = error.tries();
        error.with_effort(tries, started.elapsed())
    };
    if delay >= call.left() {
        return Err(effort(error));
    }
    tracing::warn!(
        reason = %error.quote(),
        tries = error.tries(),
        delay_milliseconds = delay.as_millis() as u64,
        "trying again"
    );
    match call.bound(tokio::time::sleep(delay)).await {
        Ok(()) => Ok(()),
        Err(Ended::Expired) => Err(effort(error)),
        Err(Ended::Stopped) => {
            let note = format!("Stopped while waiting to try again. Last response: {}", error.quote());
            Err(over(Ended::Stopped, error.method(), error.path()).with_note(note))
        }
    }
}

/// A call that ended in the middle of a try reports the failure of the try before.
fn after(last: Option<Error>, error: Error) -> Error {
    match last {
        Some(last) if matches!(error.kind(), ErrorKind::Stopped | ErrorKind::Expired) => {
            error.with_note(format!("Before that: {}", last.quote()))
        }
        _ => error,
    }
}

/// The error of a call that ended before its request was sent or while it only read.
pub(super) fn over(ended: Ended, method: &Method, path: &str) -> Error {
    let (kind, message) = match ended {
        Ended::Stopped => (ErrorKind::Stopped, "stopped"),
        Ended::Expired => (ErrorKind::Expired, "the operation timed out"),
    };
    Error::new(kind, method, path, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::error::{Certificate, Obstacle};

    #[test]
    fn the_table() {
        use Nature::{Login, Read, Write};
        let connect = ErrorKind::Unreachable(Obstacle::Connect);
        let proxy = ErrorKind::Unreachable(Obstacle::Proxy);
        let pin = ErrorKind::Certificate(Certificate::WrongPin);
        let rows = [
            (connect, Next::RetryElsewhere, Next::RetryElsewhere),
            (proxy, Next::Retry, Next::Retry),
            (pin, Next::Return, Next::Return),
            (ErrorKind::Ambiguous, Next::Retry, Next::Return),
            (ErrorKind::LockTimeout, Next::Return, Next::Retry),
            (ErrorKind::NoQuorum, Next::Return, Next::AwaitQuorum),
            (ErrorKind::TooEarly, Next::Return, Next::AwaitCrm),
            (ErrorKind::Unauthorized, Next::Renew, Next::Renew),
            (ErrorKind::StaleDigest, Next::Return, Next::Return),
            (ErrorKind::RuleConflict, Next::Return, Next::Return),
            (ErrorKind::Absent, Next::Return, Next::Return),
            (ErrorKind::Exists, Next::Return, Next::Return),
            (ErrorKind::Invalid, Next::Return, Next::Return),
            (ErrorKind::Forbidden, Next::Return, Next::Return),
            (ErrorKind::NotImplemented, Next::Return, Next::Return),
            (ErrorKind::Refused, Next::Return, Next::Return),
            (ErrorKind::Foreign, Next::Return, Next::Return),
        ];
        for (kind, read, write) in rows {
            assert_eq!(next(Read, kind), read, "{kind:?} of a read");
            assert_eq!(next(Write, kind), write, "{kind:?} of a write");
        }
        assert_eq!(next(Login, ErrorKind::Unauthorized), Next::Return);
    }

    #[test]
    fn delays_grow_and_stay_in_bounds() {
        let mut delays = Delays::new();
        for _ in 0..40 {
            let delay = delays.next();
            assert!((FIRST_DELAY..=LAST_DELAY).contains(&delay), "{delay:?}");
        }
    }
}
