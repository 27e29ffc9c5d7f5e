//! Logging in: keys first, then the agent's, then the password.

use std::path::Path;
use std::sync::Arc;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};
use russh::{MethodKind, MethodSet};
use secrecy::{ExposeSecret, SecretString};

use super::connection::Peer;
use super::identity::Identity;

/// A login method.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credentials<'a> {
    pub(super) username: &'a str,
    pub(super) identities: &'a [Identity],
    pub(super) agent: Option<&'a Path>,
    pub(super) password: Option<&'a SecretString>,
}

/// Why no way was accepted.
#[derive(Debug)]
pub(super) enum Denied {
    /// There is no way at all.
    Nothing,
    /// All were refused; what was tried, and what the server would take.
    Refused { tried: Vec<String>, takes: Vec<String> },
    /// The connection broke over it.
    Broken { tried: Vec<String>, error: russh::Error },
}

impl Credentials<'_> {
    pub(super) async fn log_in(&self, peer: &mut Handle<Peer>) -> Result<(), Denied> {
        if self.identities.is_empty() && self.agent.is_none() && self.password.is_none() {
            return Err(Denied::Nothing);
        }
        let mut attempt = Attempt { peer, username: self.username, tried: Vec::new(), takes: None };
        match attempt.all(self).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Denied::Refused {
                tried: attempt.tried,
                takes: attempt
                    .takes
                    .iter()
                    .flat_map(|set| set.iter())
                    .map(|kind| <&str>::from(kind).to_owned())
                    .collect(),
            }),
            Err(error) => Err(Denied::Broken { tried: attempt.tried, error }),
        }
    }
}

struct Attempt<'a> {
    peer: &'a mut Handle<Peer>,
    username: &'a str,
    tried: Vec<String>,
    takes: Option<MethodSet>,
}

impl Attempt<'_> {
    async fn all(&mut self, credentials: &Credentials<'_>) -> Result<bool, russh::Error> {
        for identity in credentials.identities {
            self.tried.push(identity.name());
            let hash = self.rsa_hash().await?;
            let key = PrivateKeyWithHashAlg::new(Arc::clone(&identity.0), hash);
            let result = self.peer.authenticate_publickey(self.username, key).await?;
            if self.has_logged_in(result) {
                return Ok(true);
            }
        }
        if let Some(socket) = credentials.agent
            && self.agent(socket).await?
        {
            return Ok(true);
        }
        match credentials.password {
            Some(password) => self.password(password.expose_secret()).await,
            None => Ok(false),
        }
    }

    fn has_logged_in(&mut self, result: AuthResult) -> bool {
        match result {
            AuthResult::Success => true,
            AuthResult::Failure { remaining_methods, .. } => {
                self.takes = Some(remaining_methods);
                false
            }
        }
    }

    /// The strongest hash for RSA signatures that the server takes. One that doesn't announce it is an old one, but even those
    /// of the Debian releases below Proxmox VE 8 and 9 support SHA-2.
    async fn rsa_hash(&self) -> Result<Option<HashAlg>, russh::Error> {
        Ok(self.peer.best_supported_rsa_hash().await?.flatten().or(Some(HashAlg::Sha512)))
    }

    async fn agent(&mut self, socket: &Path) -> Result<bool, russh::Error> {
        let place = socket.display();
        #[cfg(unix)]
        let connected = AgentClient::connect_uds(socket).await;
        #[cfg(windows)]
        let connected = AgentClient::connect_named_pipe(socket).await;
        let mut agent = match connected {
            Ok(agent) => agent,
            Err(error) => {
                self.tried.push(format!("the agent at {place}, which can't be reached ({error})"));
                return Ok(false);
            }
        };
        let identities = match agent.request_identities().await {
            Ok(identities) => identities,
            Err(error) => {
                self.tried.push(format!("the agent at {place}, which does not list its keys ({error})"));
                return Ok(false);
            }
        };
        if identities.is_empty() {
            self.tried.push(format!("the agent at {place}, which holds no key"));
        }
        let hash = self.rsa_hash().await?;
        for identity in identities {
            let (result, name) = match identity {
                AgentIdentity::PublicKey { key, .. } => {
                    let name = format!("{} key {} of the agent", key.algorithm(), key.fingerprint(HashAlg::Sha256));
                    let hash = if key.algorithm().is_rsa() { hash } else { None };
                    (self.peer.authenticate_publickey_with(self.username, key, hash, &mut agent).await, name)
                }
                AgentIdentity::Certificate { certificate, .. } => {
                    let name = format!("certificate `{}` of the agent", certificate.key_id());
                    (self.peer.authenticate_certificate_with(self.username, certificate, hash, &mut agent).await, name)
                }
            };
            match result {
                Ok(result) => {
                    self.tried.push(name);
                    if self.has_logged_in(result) {
                        return Ok(true);
                    }
                }
                // The agent declined to sign, as after a confirmation that was not given.
                Err(error) => self.tried.push(format!("{name}, with which it did not sign ({error})")),
            }
            if self.peer.is_closed() {
                return Err(russh::Error::Disconnect);
            }
        }
        Ok(false)
    }

    async fn password(&mut self, password: &str) -> Result<bool, russh::Error> {
        let asks = self.takes.as_ref().is_some_and(|takes| {
            takes.contains(&MethodKind::KeyboardInteractive) && !takes.contains(&MethodKind::Password)
        });
        if !asks {
            self.tried.push("the password".to_owned());
            let result = self.peer.authenticate_password(self.username, password).await?;
            if self.has_logged_in(result) {
                return Ok(true);
            }
        }
        let asks = self.takes.as_ref().is_some_and(|takes| takes.contains(&MethodKind::KeyboardInteractive));
        if asks { self.answer(password).await } else { Ok(false) }
    }

    /// A server that leaves the password to PAM asks for it in a dialogue.
    async fn answer(&mut self, password: &str) -> Result<bool, russh::Error> {
        self.tried.push("the password, as an answer to the server's question".to_owned());
        let mut step = self.peer.authenticate_keyboard_interactive_start(self.username, None).await?;
        for _ in 0..4 {
            let prompts = match step {
                KeyboardInteractiveAuthResponse::Success => return Ok(true),
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, .. } => {
                    self.takes = Some(remaining_methods);
                    return Ok(false);
                }
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            // An echoed prompt is not for the password: a second factor, which cannot be given.
            let answers = prompts.iter().map(|prompt| if prompt.echo { String::new() } else { password.to_owned() });
            step = self.peer.authenticate_keyboard_interactive_respond(answers.collect()).await?;
        }
        Ok(false)
    }
}
