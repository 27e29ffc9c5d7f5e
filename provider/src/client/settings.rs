//! How a cluster is reached, parsed: whatever is wrong with it shows before anything is sent.

use std::fmt;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// How a cluster is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The node (or load balancer) that is asked.
    pub endpoint: Endpoint,
    /// Asked instead, in this order, when the one before could not be reached.
    pub fallback_endpoints: Vec<Endpoint>,
    /// Who asks.
    pub credentials: Credentials,
    /// Whom to believe.
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
    #[error("`{0}` has a query or a fragment, which an endpoint can't have")]
    QueryInUrl(String),
    /// The token is not of Proxmox's form.
    #[error("an API token has the form `USER@REALM!TOKENID=SECRET`")]
    Token,
    /// A ticket or its CSRF token is not of Proxmox's form.
    #[error("a ticket has the form `PVE:USER@REALM:…`, and needs its CSRF prevention token")]
    Ticket,
    /// The user name lacks the realm.
    #[error("`{0}` has no realm; write `USER@REALM`, for example `root@pam`")]
    Username(String),
    /// The CA certificate can't be read.
    #[error("the CA certificate can't be used: {0}")]
    CaCertificate(String),
    /// The fingerprint is not SHA-256.
    #[error("`{0}` is not a SHA-256 fingerprint (32 pairs of hex digits)")]
    Fingerprint(String),
    /// TLS could not be set up.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
}

/// The base URL of an API, without `/api2/json`.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Parses `https://HOST:PORT`, with or without `/api2/json`.
    ///
    /// # Errors
    ///
    /// What is not https, or more than a base URL, is refused.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let text = text.trim();
        let mut url = Url::parse(text).map_err(|_| SettingsError::NotAUrl(text.to_owned()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SettingsError::CredentialsInUrl);
        }
        if url.scheme() != "https" {
            return Err(SettingsError::NotHttps(text.to_owned()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(SettingsError::NotAUrl(text.to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(SettingsError::QueryInUrl(text.to_owned()));
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/api2/json").unwrap_or(path);
        let path = path.trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Whether this is the machine we are on.
    pub(super) fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// The URL of a path below `/api2/json`.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/api2/json{path}", self.0.path().trim_end_matches('/')));
        url
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// An API token.
    Token(Token),
    /// A ticket that somebody obtained already.
    Ticket(Ticket),
    /// User name and password: a ticket is obtained and renewed.
    Password {
        /// `USER@REALM`.
        username: String,
        /// The password.
        password: SecretString,
        /// A one-time password of the second factor.
        otp: Option<SecretString>,
    },
}

impl Credentials {
    /// Parses an API token, `USER@REALM!TOKENID=SECRET`.
    ///
    /// # Errors
    ///
    /// Anything of another form is refused without repeating it.
    pub fn token(token: SecretString) -> Result<Self, SettingsError> {
        let text = token.expose_secret().trim();
        let (name, secret) = text.split_once('=').ok_or(SettingsError::Token)?;
        let (user, id) = name.split_once('!').ok_or(SettingsError::Token)?;
        let complete = user.split_once('@').is_some_and(|(name, realm)| !name.is_empty() && !realm.is_empty());
        if !complete || id.is_empty() || secret.is_empty() || !is_header_text(text) {
            return Err(SettingsError::Token);
        }
        Ok(Self::Token(Token(text.to_owned().into())))
    }

    /// Takes a ticket and its CSRF prevention token.
    ///
    /// # Errors
    ///
    /// What Proxmox did not issue in this form is refused without repeating it.
    pub fn ticket(ticket: SecretString, csrf: SecretString) -> Result<Self, SettingsError> {
        let parsed = Ticket {
            ticket: ticket.expose_secret().trim().to_owned().into(),
            csrf: csrf.expose_secret().trim().to_owned().into(),
        };
        let csrf = parsed.csrf.expose_secret();
        if parsed.username().is_none() || csrf.is_empty() || !is_header_text(csrf) {
            return Err(SettingsError::Ticket);
        }
        Ok(Self::Ticket(parsed))
    }

    /// Takes a user name with its realm, a password and perhaps a one-time password.
    ///
    /// # Errors
    ///
    /// A user name without realm is refused.
    pub fn password(username: &str, password: SecretString, otp: Option<SecretString>) -> Result<Self, SettingsError> {
        let username = username.trim();
        match username.rsplit_once('@') {
            Some((name, realm)) if !name.is_empty() && !realm.is_empty() => {
                Ok(Self::Password { username: username.to_owned(), password, otp })
            }
            _ => Err(SettingsError::Username(username.to_owned())),
        }
    }
}

/// An API token of the right form.
#[derive(Clone, Debug)]
pub struct Token(pub(super) SecretString);

/// A ticket with its CSRF prevention token.
#[derive(Clone, Debug)]
pub struct Ticket {
    pub(super) ticket: SecretString,
    pub(super) csrf: SecretString,
}

impl Ticket {
    /// The user a ticket `PVE:USER:TIME::SIGNATURE` is for.
    pub(super) fn username(&self) -> Option<String> {
        let user = self.ticket.expose_secret().strip_prefix("PVE:")?.split(':').next()?;
        let user = percent_encoding::percent_decode_str(user).decode_utf8().ok()?;
        (user.contains('@') && !user.starts_with('!')).then(|| user.into_owned())
    }
}

/// Whom to believe that they are the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The system's authorities, and these besides.
    Authorities(Vec<CertificateDer<'static>>),
    /// Exactly the certificate with this SHA-256 fingerprint, whoever signed it.
    Pin(Fingerprint),
    /// Anybody. Whoever is on the way can read the credentials.
    Anyone,
}

impl Trust {
    /// The system's authorities alone.
    #[must_use]
    pub fn system() -> Self {
        Self::Authorities(Vec::new())
    }

    /// The system's authorities and those of a PEM text, or of the file of that name.
    ///
    /// # Errors
    ///
    /// A file that can't be read, and a text without a certificate.
    pub fn with_ca(path_or_pem: &str) -> Result<Self, SettingsError> {
        let refuse = |reason: String| SettingsError::CaCertificate(reason);
        let file;
        let pem = if path_or_pem.contains("-----BEGIN") {
            path_or_pem.as_bytes()
        } else {
            let path = path_or_pem.trim();
            file = std::fs::read(path).map_err(|error| refuse(format!("{path}: {error}")))?;
            &file
        };
        let certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refuse(error.to_string()))?;
        if certificates.is_empty() {
            return Err(refuse("there is no PEM certificate in it".to_owned()));
        }
        Ok(Self::Authorities(certificates))
    }
}

/// The SHA-256 fingerprint of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub(super) [u8; 32]);

impl Fingerprint {
    /// Parses pairs of hex digits, with or without colons between them.
    ///
    /// # Errors
    ///
    /// What is not 32 pairs.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let refuse = || SettingsError::Fingerprint(text.to_owned());
        let digits: Vec<u8> = text.trim().bytes().filter(|byte| *byte != b':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return Err(refuse());
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(refuse)?;
        }
        Ok(Self(bytes))
    }

    /// The fingerprint of a certificate.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

/// As Proxmox writes it: upper-case pairs joined by colons.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_with_and_without_the_api_path_are_the_same() {
        for text in
            ["https://pve1:8006", "https://pve1:8006/", "https://pve1:8006/api2/json", "https://pve1:8006/api2/json/"]
        {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.url("/version").as_str(), "https://pve1:8006/api2/json/version");
            assert_eq!(endpoint.to_string(), "https://pve1:8006");
        }
        let behind = Endpoint::parse("https://proxy/pve").unwrap();
        assert_eq!(behind.url("/version").as_str(), "https://proxy/pve/api2/json/version");
    }

    #[test]
    fn endpoints_that_would_leak_are_refused() {
        let refused = |text| Endpoint::parse(text).unwrap_err();
        assert!(matches!(refused("http://pve1:8006"), SettingsError::NotHttps(_)));
        assert!(matches!(refused("pve1"), SettingsError::NotAUrl(_)));
        assert!(matches!(refused("pve1:8006"), SettingsError::NotHttps(_) | SettingsError::NotAUrl(_)));
        assert_eq!(refused("https://root:hunter2@pve1:8006"), SettingsError::CredentialsInUrl);
        assert!(matches!(refused("https://pve1:8006/?a=b"), SettingsError::QueryInUrl(_)));
    }

    #[test]
    fn tokens_are_parsed_and_not_repeated() {
        let token = |text: &str| Credentials::token(text.into());
        assert!(token("root@pam!ci=1234-secret").is_ok());
        for bad in [
            "root@pam!ci",
            "root!ci=hunter2",
            "@pam!ci=hunter2",
            "root@pam=hunter2",
            "root@pam!ci=",
            "root@pam!ci=hunter2\nX: y",
        ] {
            let error = token(bad).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{bad}");
        }
        let debug = format!("{:?}", token("root@pam!ci=hunter2").unwrap());
        assert!(!debug.contains("hunter2"), "{debug}");
    }

    #[test]
    fn fingerprints_survive_their_notations() {
        let pairs = vec!["aB"; 32];
        let colons = Fingerprint::parse(&pairs.join(":")).unwrap();
        assert_eq!(colons, Fingerprint::parse(&pairs.concat()).unwrap());
        assert_eq!(colons.to_string(), vec!["AB"; 32].join(":"));
        for bad in ["", "AB:CD", &"+1".repeat(32), &"zz".repeat(32)] {
            assert!(Fingerprint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ca_needs_a_certificate() {
        assert!(Trust::with_ca("/nonexistent/ca.pem").is_err());
        assert!(Trust::with_ca("-----BEGIN NOTHING-----\n-----END NOTHING-----\n").is_err());
    }
}
