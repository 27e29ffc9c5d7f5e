//! The client of Proxmox's API over HTTPS.
//!
//! This layer is independent of Terraform: it has requests and answers, credentials and
//! certificates, failures and what they mean. It is the only one that parses Proxmox's texts, and
//! the only one that repeats a request.
//!
//! # Use
//!
//! * [`Client::new`] takes [`Settings`] and sends nothing. A client is cheap to clone; all clones
//!   share connections, session, queues and lists.
//! * Every operation takes a [`Call`]: a deadline and a stop token. Reads are dropped as soon as
//!   either ends; a write in flight is waited for up to 5 s after a stop.
//! * Refresh reads with [`Client::list`]: one request per [`Collection`], shared by all who ask
//!   within a few seconds, ended by the first own write to its lock domain.
//! * [`Client::get_shared`] shares one object's answer in the same way, for as long as its reader says.
//! * Fresh reads with [`Client::get`], or [`Client::find`] where absence is an answer. Only they
//!   return a `digest` worth sending.
//! * Writes ([`Client::post`], [`Client::put`], [`Client::delete`]) need a [`DomainPermit`] in their
//!   [`LockDomain`], taken *before* the read that a write is compared with:
//!
//! ```no_run
//! # use terraform_provider_pve::client::{Call, Client, Collection, LockDomain, Error, Params, Target};
//! # async fn update(client: &Client, call: &Call) -> Result<(), Error> {
//! let permit = client.permit(LockDomain::Ha, call).await?;
//! let now: serde_json::Value = client.get(&Collection::HaResources.object("vm:100"), call).await?;
//! let mut params = Params::new();
//! params.set("max_restart", 3).delete("comment");
//! if let Some(digest) = now["digest"].as_str() {
//!     params.set("digest", digest);
//! }
//! client.put(Target::Object(Collection::HaResources, "vm:100"), &params, &permit, call).await?;
//! # Ok(())
//! # }
//! ```
//!
//! * A failure is an [`Error`]; decide by [`Error::kind`], never by its text. An
//!   [ambiguous](ErrorKind::Ambiguous) write is not repeated here: read the object and compare.
//! * A rule that is refused because of another rule ([`ErrorKind::RuleConflict`], [`ErrorKind::Unmanaged`])
//!   may be a matter of order inside one apply: [`Client::pass`] lets others write first.
//! * Before a create, [`Client::present`] returns whether the object exists, for one list per walk. After it,
//!   [`Client::find_written`] reads it back, for one list per ten creates.

mod answer;
mod attempt;
mod auth;
mod certificate;
mod credentials;
mod crm;
mod domain;
mod endpoint;
mod error;
mod flight;
mod foreign;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod hostile;
mod membership;
mod permissions;
mod pinned;
mod port;
mod presence;
mod quorum;
mod read_back;
mod settings;
mod shared;
mod snapshot;
mod target;
#[cfg(test)]
pub(crate) mod tests;
mod texts;
mod tls;
mod transport;
mod trust;
mod version;
pub mod wire;

use std::fmt;
use std::sync::{Arc, OnceLock};

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How many reads of single objects, such as guests, are under way at once.
pub const AT_ONCE: usize = 8;

pub use crate::call::Call;
pub use credentials::{Credentials, Flaw, Ticket, Token, Who};
pub use domain::DomainPermit;
pub use endpoint::Endpoint;
pub use error::{Certificate, Error, ErrorKind, Obstacle};
pub use permissions::Permissions;
pub use pve_schemas::rest::{Collection, LockDomain, Params, path};
pub use quorum::Vain;
pub use settings::{DEFAULT_REQUEST_TIMEOUT, Settings, SettingsError};
pub use snapshot::{LIST_LIFE, Listing};
pub use target::Target;
pub use trust::{Fingerprint, Trust};
pub use version::{NodeVersion, NodeVersions, Version};

use answer::Success;
use attempt::Nature;
use flight::SingleFlight;
use transport::{Request, Transport};

#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Transport,
    auth: auth::Auth,
    quorum: quorum::Quorum,
    domains: domain::Domains,
    lists: SingleFlight<Collection, Arc<Listing>>,
    answers: SingleFlight<String, Arc<shared::SharedAnswer>>,
    presence: presence::Presence,
    read_backs: read_back::ReadBacks,
    versions: SingleFlight<(), Version>,
    node_versions: SingleFlight<(), NodeVersions>,
    /// Set once the groups of a PVE 9 cluster are known to be gone.
    migrated: OnceLock<()>,
}

impl Client {
    /// A client for a cluster. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// TLS can't be set up with these settings.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let transport = Transport::new(&settings)?;
        Ok(Self::over(transport, settings.credentials))
    }

    fn over(transport: Transport, credentials: Credentials) -> Self {
        let inner = Inner {
            transport,
            auth: auth::Auth::new(credentials),
            quorum: quorum::Quorum::new(),
            domains: domain::Domains::default(),
            lists: SingleFlight::default(),
            answers: SingleFlight::default(),
            presence: presence::Presence::default(),
            read_backs: read_back::ReadBacks::default(),
            versions: SingleFlight::default(),
            node_versions: SingleFlight::default(),
            migrated: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Who asks, without anything secret.
    #[must_use]
    pub fn who(&self) -> Who {
        self.inner.auth.who()
    }

    /// Whether another endpoint is asked when the first one does not respond.
    #[must_use]
    pub fn has_fallback(&self) -> bool {
        self.inner.transport.has_fallback()
    }

    /// Forgets the session and that a login was refused, for a wait for a node that restarts `/etc/pve`: until that is back, it
    /// refuses every ticket, token and login with 401.
    pub async fn log_in_anew(&self) {
        self.inner.auth.begin_anew().await;
    }

    /// A client of a machine that is not in this cluster yet, with the trust anchors of this one unless `pin` is given.
    ///
    /// # Errors
    ///
    /// TLS can't be set up.
    pub fn of_another(
        &self,
        endpoint: Endpoint,
        credentials: Credentials,
        pin: Option<Fingerprint>,
    ) -> Result<Self, SettingsError> {
        let transport = &self.inner.transport;
        Self::new(Settings {
            endpoint,
            fallback_endpoints: Vec::new(),
            credentials,
            trust: pin.map_or_else(|| transport.trust.clone(), Trust::Pin),
            request_timeout: transport.timeout,
        })
    }

    /// What the user or token may do; `None` if it can't be learnt.
    pub async fn permissions(&self, call: &Call) -> Option<Permissions> {
        Permissions::parse(&self.list(Collection::Permissions, call).await.ok()?.object().ok()?)
    }

    /// Reads a path, fresh.
    ///
    /// # Errors
    ///
    /// What Proxmox refuses, what does not get through until the call ends, and an answer that is
    /// not a `T`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, call: &Call) -> Result<T, Error> {
        self.get_with(path, &Params::new(), call).await
    }

    /// Reads a path with query parameters, fresh.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn get_with<T: DeserializeOwned>(&self, path: &str, params: &Params, call: &Call) -> Result<T, Error> {
        let success = self.read(path, params, call).await?;
        success.typed().map_err(|error| answer::unexpected(&Method::GET, path, error))
    }

    /// Reads one object, fresh; `None` if Proxmox says that it does not exist.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn find<T: DeserializeOwned>(&self, path: &str, call: &Call) -> Result<Option<T>, Error> {
        match self.get(path, call).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates, or starts something.
    ///
    /// # Errors
    ///
    /// What Proxmox refuses; [`ErrorKind::Ambiguous`] if it may have been executed nevertheless.
    pub async fn post<'a>(
        &self,
        target: impl Into<Target<'a>>,
        params: &Params,
        permit: &DomainPermit,
        call: &Call,
    ) -> Result<Value, Error> {
        self.write(&Method::POST, target.into(), params, permit, call).await
    }

    /// Changes.
    ///
    /// # Errors
    ///
    /// As [`Client::post`].
    pub async fn put<'a>(
        &self,
        target: impl Into<Target<'a>>,
        params: &Params,
        permit: &DomainPermit,
        call: &Call,
    ) -> Result<Value, Error> {
        self.write(&Method::PUT, target.into(), params, permit, call).await
    }

    /// Deletes. What is absent already is an error of [`ErrorKind::Absent`] where Proxmox says so.
    ///
    /// # Errors
    ///
    /// As [`Client::post`].
    pub async fn delete<'a>(
        &self,
        target: impl Into<Target<'a>>,
        params: &Params,
        permit: &DomainPermit,
        call: &Call,
    ) -> Result<Value, Error> {
        self.write(&Method::DELETE, target.into(), params, permit, call).await
    }

    async fn read(&self, path: &str, params: &Params, call: &Call) -> Result<Success, Error> {
        let request = Request { method: &Method::GET, path, params };
        self.run(Nature::Read, request, call).await
    }

    async fn login(&self, path: &str, params: &Params, call: &Call) -> Result<Success, Error> {
        let request = Request { method: &Method::POST, path, params };
        self.run(Nature::Login, request, call).await
    }

    async fn write(
        &self,
        method: &Method,
        target: Target<'_>,
        params: &Params,
        permit: &DomainPermit,
        call: &Call,
    ) -> Result<Value, Error> {
        let path = target.path();
        let request = Request { method, path: &path, params };
        let writing = permit.begin();
        let result = self.run(Nature::Write, request, call).await;
        match &result {
            Ok(_) => self.inner.presence.written(method, target, params, true),
            // Refused for good: nothing has changed.
            Err(error) if !error.is_ambiguous() => {}
            Err(_) => self.inner.presence.written(method, target, params, false),
        }
        let success = result?;
        writing.succeeded();
        // Most writes answer null, some a task id, `schedule_now` an empty string.
        success.typed().map_err(|error| answer::unexpected(method, &path, error).with_kind(ErrorKind::Ambiguous))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
