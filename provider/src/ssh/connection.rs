//! One connection: reached, its host's key checked, logged in to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::client::{self, Handle, Handler};
use russh::keys::{HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Channel, Preferred};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::address::Address;
use super::error::{Error, ErrorKind, HostKey};
use super::host_keys::{HostKeys, Trusted, line};
use super::login::{Credentials, Denied};

/// How long reaching, key exchange and login may take together. sshd itself waits for 120 s.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(20);

/// Silence after which the other side is asked for a sign of life, and how often without response: a node that was fenced says
/// nothing any more.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const KEEP_ALIVE_MAX: usize = 3;

/// sshd allows ten sessions per connection (`MaxSessions`).
const SESSIONS: usize = 8;

/// How often, and how soon again, a session is asked for when the host says that it has no more.
const FULL_TRIES: u32 = 5;
const FULL_PAUSE: Duration = Duration::from_millis(50);

/// A host one is logged in to.
pub(super) struct Connection {
    handle: Handle<Peer>,
    sessions: Semaphore,
    /// Found dead by a command, perhaps before russh noticed.
    buried: AtomicBool,
    /// `USER@ADDRESS:PORT`.
    pub(super) host: String,
}

/// The host to connect to, and the user to log in as.
pub(super) struct Target<'a> {
    /// The node it is about, or the jump host's address.
    pub(super) node: &'a str,
    pub(super) address: &'a Address,
    /// Another name that the host may be known by.
    pub(super) alias: Option<&'a str>,
    pub(super) host_keys: &'a HostKeys,
    pub(super) credentials: Credentials<'a>,
}

impl Connection {
    /// Connects, directly or through another host.
    ///
    /// # Errors
    ///
    /// Nothing has been run whatever the error is.
    pub(super) async fn open(target: &Target<'_>, through: Option<&Connection>) -> Result<Self, Error> {
        match tokio::time::timeout(LOGIN_TIMEOUT, target.connect(through)).await {
            Ok(result) => result,
            Err(_) => {
                Err(target.error(ErrorKind::Unreachable, format!("no response within {} s", LOGIN_TIMEOUT.as_secs())))
            }
        }
    }

    /// Whether it is known to be of no use any more.
    pub(super) fn is_dead(&self) -> bool {
        self.buried.load(Ordering::Relaxed) || self.handle.is_closed()
    }

    /// Notes that it is of no use any more.
    pub(super) fn bury(&self) {
        self.buried.store(true, Ordering::Relaxed);
    }

    /// A channel for one command, and the right to it.
    ///
    /// # Errors
    ///
    /// In russh's words; nothing has been run.
    pub(super) async fn session(&self) -> Result<(Channel<client::Msg>, SemaphorePermit<'_>), russh::Error> {
        let permit = self.sessions.acquire().await.map_err(|_| russh::Error::Disconnect)?;
        let mut tries = 0;
        loop {
            match self.handle.channel_open_session().await {
                Ok(channel) => return Ok((channel, permit)),
                // sshd frees a session a moment after it has reported its end; it may also allow fewer than usual.
                Err(russh::Error::ChannelOpenFailure(_)) if tries < FULL_TRIES || self.is_shared() => {
                    tries += 1;
                    tokio::time::sleep(FULL_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether another command is under way on it.
    fn is_shared(&self) -> bool {
        self.sessions.available_permits() + 1 < SESSIONS
    }
}

impl Target<'_> {
    async fn connect(&self, through: Option<&Connection>) -> Result<Connection, Error> {
        let trusted = self.host_keys.of(self.address, self.alias).map_err(|error| {
            let message = format!("the known_hosts file can't be read: {error}");
            self.error(ErrorKind::HostKey(HostKey::Unknown), message).because(error)
        })?;
        let Address { host, port } = self.address;
        match through {
            None => {
                let stream = TcpStream::connect((host.as_str(), *port))
                    .await
                    .map_err(|error| self.error(ErrorKind::Unreachable, error.to_string()).because(error))?;
                // Commands are short: waiting to fill a packet only costs time.
                let _ = stream.set_nodelay(true);
                self.over(stream, trusted).await
            }
            Some(jump) => {
                let channel =
                    jump.handle.channel_open_direct_tcpip(host.clone(), u32::from(*port), "127.0.0.1", 0).await;
                let channel = channel.map_err(|error| {
                    let message = format!("not through {}: {}", jump.host, words(&error));
                    self.error(ErrorKind::Unreachable, message).because(error)
                })?;
                self.over(channel.into_stream(), trusted).await
            }
        }
    }

    async fn over<S>(&self, stream: S, trusted: Trusted) -> Result<Connection, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = client::Config {
            preferred: Preferred { key: trusted.algorithms().into(), ..Preferred::default() },
            keepalive_interval: Some(KEEP_ALIVE),
            keepalive_max: KEEP_ALIVE_MAX,
            nodelay: true,
            ..client::Config::default()
        };
        let shown = Arc::new(OnceLock::new());
        let consulted = trusted.consulted.clone();
        let peer = Peer { trusted, shown: Arc::clone(&shown) };
        let mut handle = match client::connect_stream(Arc::new(config), stream, peer).await {
            Ok(handle) => handle,
            Err(error) => return Err(self.not_greeted(error, shown.get(), &consulted)),
        };
        self.credentials.log_in(&mut handle).await.map_err(|denied| self.denied(denied))?;
        Ok(Connection { handle, sessions: Semaphore::new(SESSIONS), buried: AtomicBool::new(false), host: self.host() })
    }

    fn not_greeted(&self, error: russh::Error, shown: Option<&(PublicKey, HostKey)>, consulted: &str) -> Error {
        if let Some((key, problem)) = shown {
            return self.untrusted(key, *problem, consulted);
        }
        let kind = match error {
            russh::Error::NoCommonAlgo { .. } => ErrorKind::Algorithms,
            _ => ErrorKind::Unreachable,
        };
        self.error(kind, words(&error)).because(error)
    }

    fn untrusted(&self, key: &PublicKey, problem: HostKey, consulted: &str) -> Error {
        let fingerprint = key.fingerprint(HashAlg::Sha256);
        let shown = format!("the host showed the {} key {fingerprint}", key.algorithm());
        let line = line(self.address, key);
        let consulted = if consulted.is_empty() { "no host keys were given" } else { consulted };
        let note = match problem {
            HostKey::Unknown => format!(
                "The key of host {} is unknown ({consulted}). Compare the fingerprint {fingerprint} with the output of \
                 `ssh-keygen -lf /etc/ssh/ssh_host_{}_key.pub` in the console of the node. If they are equal, add this \
                 line to the known_hosts file or to `host_keys`:\n{line}",
                self.address,
                file_part(key),
            ),
            HostKey::Changed => format!(
                "The host {} has another known key ({consulted}). Either it was reinstalled, or the connection may be \
                 intercepted. Only if the console of the node shows the fingerprint {fingerprint}, replace its lines \
                 by this one:\n{line}",
                self.address,
            ),
            HostKey::Revoked => {
                format!(
                    "The key {fingerprint} is marked @revoked ({consulted}). Nothing is sent to a host that uses it."
                )
            }
        };
        self.error(ErrorKind::HostKey(problem), shown).with_note(note)
    }

    fn denied(&self, denied: Denied) -> Error {
        let user = self.credentials.username;
        match denied {
            Denied::Nothing => self.error(ErrorKind::Login, "no way to log in is configured").with_note(
                "Set `private_key_file` or `private_key` in the `ssh` block, or use an agent: `agent = true` with \
                 SSH_AUTH_SOCK set.",
            ),
            Denied::Refused { tried, takes } => {
                let takes = if takes.is_empty() { "nothing else".to_owned() } else { takes.join(", ") };
                self.error(ErrorKind::Login, format!("the login of {user} was refused")).with_note(format!(
                    "Tried: {}. The host accepts: {takes}. The public key has to be in the file authorized_keys of \
                     {user}; on Proxmox VE that of root is /etc/pve/priv/authorized_keys.",
                    tried.join("; "),
                ))
            }
            Denied::Broken { tried, error } => self
                .error(
                    ErrorKind::Login,
                    format!("the host closed the connection during the login as {user} ({})", words(&error)),
                )
                .with_note(format!(
                    "Tried: {}. sshd closes the connection after a few attempts (MaxAuthTries): set the one key to \
                     use.",
                    tried.join("; ")
                ))
                .because(error),
        }
    }

    fn host(&self) -> String {
        format!("{}@{}", self.credentials.username, self.address)
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(kind, self.node, message).at(&self.host())
    }
}

/// What russh says, in words for users.
pub(super) fn words(error: &russh::Error) -> String {
    match error {
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::SendError | russh::Error::RecvError => {
            "the other side closed the connection".to_owned()
        }
        russh::Error::Version => "the server is not an SSH server".to_owned(),
        other => other.to_string(),
    }
}

/// What sshd's own key files have in their names.
fn file_part(key: &PublicKey) -> &'static str {
    match key.algorithm() {
        russh::keys::Algorithm::Rsa { .. } => "rsa",
        russh::keys::Algorithm::Ecdsa { .. } => "ecdsa",
        _ => "ed25519",
    }
}

/// The other side, as russh calls us about it.
pub(super) struct Peer {
    trusted: Trusted,
    /// The key that was refused, and why.
    shown: Arc<OnceLock<(PublicKey, HostKey)>>,
}

impl Handler for Peer {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        // Certificates are not asked for, so that this is a plain key.
        let key = key.public_key();
        match self.trusted.check(&key) {
            Ok(()) => Ok(true),
            Err(problem) => {
                let _ = self.shown.set((key, problem));
                Ok(false)
            }
        }
    }
}
