//! Authentication: an API token, or a ticket that is obtained and renewed.
//!
//! A ticket lives for two hours and is renewed at half of that, by presenting itself as the
//! password. Everything secret stays inside this module and the headers, which are marked
//! sensitive; nothing of it is ever logged.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::credentials::{Credentials, Who};
use super::error::{Error, ErrorKind};
use super::{Client, Params, attempt};
use crate::call::Call;

const LOGIN: &str = "/access/ticket";
const CSRF: HeaderName = HeaderName::from_static("csrfpreventiontoken");
const RENEW_AFTER: Duration = Duration::from_secs(3600);
const RENEW_AGAIN: Duration = Duration::from_secs(300);
const LIFETIME: Duration = Duration::from_secs(7200);

pub(super) struct Auth {
    credentials: Credentials,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<Arc<Session>>,
    /// Counts the sessions, so that of many requests refused with the same ticket one renews it.
    serial: u64,
    /// When a renewal that failed is tried again.
    again: Option<Instant>,
    /// The session was refused; its ticket may still buy a new one.
    suspect: bool,
    /// Proxmox's refusal of these credentials. It delays each answer to a failed login by 3 s and
    /// may lock a second factor after some, so that it is asked once.
    refused: Option<Error>,
}

struct Session {
    username: String,
    ticket: SecretString,
    cookie: HeaderValue,
    csrf: HeaderValue,
    renew: Instant,
    end: Instant,
}

/// The headers of one request, and the session they are from.
pub(super) struct Stamp {
    pub(super) headers: HeaderMap,
    serial: Option<u64>,
}

impl Stamp {
    /// Whether another session could do better after a 401.
    pub(super) fn is_renewable(&self) -> bool {
        self.serial.is_some()
    }
}

impl Auth {
    pub(super) fn new(credentials: Credentials) -> Self {
        let state = State { session: given_session(&credentials), ..State::default() };
        Self { credentials, state: Mutex::new(state) }
    }

    /// Forgets the session, and that a login was refused: a node without `/etc/pve` refuses the right ones, too.
    pub(super) async fn begin_anew(&self) {
        let mut state = self.state.lock().await;
        *state = State { session: given_session(&self.credentials), serial: state.serial + 1, ..State::default() };
    }

    pub(super) fn who(&self) -> Who {
        self.credentials.who()
    }

    /// The headers for a request, after a login or a renewal if that is due.
    pub(super) async fn stamp(&self, client: &Client, method: &Method, call: &Call) -> Result<Stamp, Error> {
        if let Credentials::Token(token) = &self.credentials {
            let text = format!("PVEAPIToken={}", token.0.expose_secret());
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, sensitive(&text).ok_or_else(unusable)?);
            return Ok(Stamp { headers, serial: None });
        }
        let mut state = call.bound(self.state.lock()).await.map_err(|ended| attempt::over(ended, method, LOGIN))?;
        let session = self.current(&mut state, client, call).await?;
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, session.cookie.clone());
        if *method != Method::GET {
            headers.insert(CSRF, session.csrf.clone());
        }
        Ok(Stamp { headers, serial: Some(state.serial) })
    }

    /// Forgets the session that a request was refused with, unless another request already did.
    pub(super) async fn discard(&self, stamp: &Stamp) {
        let mut state = self.state.lock().await;
        if stamp.serial != Some(state.serial) {
            return;
        }
        state.serial += 1;
        if self.can_log_in_again() {
            state.session = None;
        } else {
            // There is no password (left) behind it: the last attempt is to present it as one.
            state.suspect = true;
        }
    }

    async fn current(&self, state: &mut State, client: &Client, call: &Call) -> Result<Arc<Session>, Error> {
        if let Some(error) = &state.refused {
            return Err(error.clone());
        }
        if let Some(session) = state.session.clone() {
            let now = Instant::now();
            let due = session.renew.max(state.again.unwrap_or(session.renew));
            if now < due && !state.suspect {
                return Ok(session);
            }
            match self.renew(&session, client, call).await {
                Ok(renewed) => return Ok(state.open(renewed)),
                Err(error) => {
                    let refused = error.kind() == ErrorKind::Unauthorized;
                    let usable = now < session.end && !state.suspect;
                    if usable && !(refused && self.can_log_in_again()) {
                        tracing::warn!(%error, "the ticket could not be renewed; using the old one");
                        state.again = Some(now + RENEW_AGAIN);
                        return Ok(session);
                    }
                    if !refused {
                        return Err(error);
                    }
                }
            }
        }
        match self.login(client, call).await {
            Ok(session) => Ok(state.open(session)),
            Err(error) => {
                if matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::SecondFactor) {
                    state.refused = Some(error.clone());
                }
                Err(error)
            }
        }
    }

    /// A one-time password is good once.
    fn can_log_in_again(&self) -> bool {
        matches!(self.credentials, Credentials::Password { otp: None, .. })
    }

    async fn renew(&self, session: &Session, client: &Client, call: &Call) -> Result<Session, Error> {
        let mut params = Params::new();
        params.set("username", &session.username).set("password", session.ticket.expose_secret());
        grant(client, &params, call).await?.session()
    }

    async fn login(&self, client: &Client, call: &Call) -> Result<Session, Error> {
        let Credentials::Password { username, password, otp } = &self.credentials else {
            let message = "the ticket has expired";
            return Err(Error::new(ErrorKind::Unauthorized, &Method::POST, LOGIN, message));
        };
        let mut params = Params::new();
        params.set("username", username).set("password", password.expose_secret());
        let first = grant(client, &params, call).await?;
        if !first.needs_second_factor() {
            return first.session();
        }
        let Some(otp) = otp else {
            let message = format!("{username} needs a second factor to log in, and `otp` is not set");
            return Err(Error::new(ErrorKind::SecondFactor, &Method::POST, LOGIN, message));
        };
        let challenge = first.ticket.as_deref().unwrap_or_default();
        let otp = otp.expose_secret().trim();
        let typed = if otp.contains(':') { otp.to_owned() } else { format!("totp:{otp}") };
        params.set("tfa-challenge", challenge).set("password", typed);
        grant(client, &params, call).await?.session()
    }
}

/// The session of a ticket that was obtained already.
fn given_session(credentials: &Credentials) -> Option<Arc<Session>> {
    let Credentials::Ticket(given) = credentials else { return None };
    let age = age(given.ticket.expose_secret());
    Session::new(given.username()?, given.ticket.clone(), &given.csrf, age).map(Arc::new)
}

impl State {
    fn open(&mut self, session: Session) -> Arc<Session> {
        let session = Arc::new(session);
        self.serial += 1;
        self.suspect = false;
        self.again = None;
        self.session = Some(session.clone());
        session
    }
}

impl Session {
    fn new(username: String, ticket: SecretString, csrf: &SecretString, age: Duration) -> Option<Self> {
        let escaped = utf8_percent_encode(ticket.expose_secret(), NON_ALPHANUMERIC);
        let now = Instant::now();
        Some(Self {
            username,
            cookie: sensitive(&format!("PVEAuthCookie={escaped}"))?,
            csrf: sensitive(csrf.expose_secret())?,
            ticket,
            renew: now + RENEW_AFTER.saturating_sub(age),
            end: now + LIFETIME.saturating_sub(age),
        })
    }
}

/// What Proxmox answers to a login.
#[derive(Deserialize)]
struct Grant {
    username: Option<String>,
    ticket: Option<String>,
    #[serde(rename = "CSRFPreventionToken")]
    csrf: Option<String>,
    #[serde(rename = "NeedTFA", default)]
    need_tfa: serde_json::Value,
}

impl Grant {
    fn needs_second_factor(&self) -> bool {
        super::wire::flag(&self.need_tfa) == Some(true)
            || self.ticket.as_deref().is_some_and(|ticket| ticket.starts_with("PVE:!tfa!"))
    }

    fn session(self) -> Result<Session, Error> {
        let complete = (self.username, self.ticket, self.csrf);
        let (Some(username), Some(ticket), Some(csrf)) = complete else {
            return Err(unusable());
        };
        Session::new(username, ticket.into(), &csrf.into(), Duration::ZERO).ok_or_else(unusable)
    }
}

/// Asks for a ticket. Nothing of the answer but its success is ever shown.
async fn grant(client: &Client, params: &Params, call: &Call) -> Result<Grant, Error> {
    let success = Box::pin(client.login(LOGIN, params, call)).await?;
    success.typed().map_err(|_| unusable())
}

fn unusable() -> Error {
    let message = "the response to the login has no usable ticket";
    Error::new(ErrorKind::UnexpectedResponse, &Method::POST, LOGIN, message)
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The age of a ticket `PVE:USER:HEXTIME::SIGNATURE` by this machine's clock.
fn age(ticket: &str) -> Duration {
    let issued = ticket
        .split(':')
        .nth(2)
        .and_then(|time| u64::from_str_radix(time, 16).ok())
        .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    issued.and_then(|issued| SystemTime::now().duration_since(issued).ok()).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_whose_time_is_no_time_is_new() {
        for ticket in ["PVE:root@pam:FFFFFFFFFFFFFFFF::x", "PVE:root@pam:x::x", "PVE", ""] {
            assert_eq!(age(ticket), Duration::ZERO, "{ticket}");
        }
        assert!(age("PVE:root@pam:00000001::x") > Duration::from_secs(1_000_000_000));
    }
}
