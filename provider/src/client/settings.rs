//! The settings of a connection, parsed: an invalid one is refused before anything is sent.

use std::time::Duration;

use super::credentials::{Credentials, Flaw};
use super::endpoint::Endpoint;
use super::trust::Trust;
use crate::source::Source;

/// How a cluster is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node (or load balancer) that is asked.
    pub endpoint: Endpoint,
    /// Asked instead, in this order, when the one before could not be reached.
    pub fallback_endpoints: Vec<Endpoint>,
    pub credentials: Credentials,
    pub trust: Trust,
    /// How long one request may take.
    pub request_timeout: Duration,
}

/// Proxmox needs up to 10 s for a lock and 30 s to reach another node.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The endpoint is no URL.
    #[error("`{0}` is not a URL such as `https://pve1.example.org:8006`")]
    NotAUrl(String),
    /// The endpoint is not https.
    #[error(
        "`{0}` is not an https:// URL. Proxmox serves its API over TLS only, and credentials are never sent in clear text"
    )]
    NotHttps(String),
    /// The endpoint holds a user name or a password.
    #[error("the endpoint must not contain a user name or a password")]
    CredentialsInUrl,
    /// The endpoint has a query or fragment.
    #[error("`{0}` has a query or a fragment, which an endpoint must not have")]
    QueryInUrl(String),
    /// The token is not of Proxmox's form.
    #[error("an API token has the form `USER@REALM!TOKENID=SECRET`; this one {0}")]
    Token(Flaw),
    /// A ticket or its CSRF token is not of Proxmox's form.
    #[error("a ticket has the form `PVE:USER@REALM:…`, and needs its CSRF prevention token")]
    Ticket,
    /// The user name is invalid.
    #[error("a user name has the form `USER@REALM`, for example `root@pam`; `{0}` {1}")]
    Username(String, Flaw),
    /// The user name is the id of an API token.
    #[error(
        "`{0}` is the id of an API token, not a user. Set the whole token: `api_token`, PROXMOX_VE_API_TOKEN, or \
         PM_API_TOKEN_ID with PM_API_TOKEN_SECRET"
    )]
    TokenAsUsername(String),
    /// The CA certificate can't be read.
    #[error("the CA certificate can't be used: {reason}")]
    CaCertificate {
        /// In words.
        reason: String,
        /// The error of the file system or of the TLS library, if there was one.
        #[source]
        cause: Option<Source>,
    },
    /// The fingerprint is not SHA-256.
    #[error("`{0}` is not a SHA-256 fingerprint (32 pairs of hex digits)")]
    Fingerprint(String),
    /// TLS could not be set up.
    #[error("TLS can't be set up: {0}")]
    Tls(String, #[source] Source),
}
