//! The session of a client: logs in, and runs commands.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::sync::Arc;

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handle, Handler, Msg, PublicKeyOffer, VerifiedPublicKey};
use russh::{Channel, ChannelId, Sig};
use tokio_util::sync::CancellationToken;

use crate::machine::{self, End, Request};
use crate::server::Shared;

/// The users there are: root, and one who has to use sudo.
const USERS: [&str; 2] = ["root", "terraform"];
/// `SSH_EXTENDED_DATA_STDERR`
const STDERR: u32 = 1;

pub(super) struct Session {
    shared: Arc<Shared>,
    node: String,
    cut: CancellationToken,
    user: String,
    channels: HashMap<ChannelId, Running>,
}

/// A channel: what came in, and what is to be run once all has.
#[derive(Default)]
struct Running {
    line: Option<String>,
    stdin: Vec<u8>,
    environment: BTreeMap<String, String>,
    ended: bool,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, node: String, cut: CancellationToken) -> Self {
        Self { shared, node, cut, user: String::new(), channels: HashMap::new() }
    }

    fn accept(&mut self, user: &str, key: &PublicKey) -> Auth {
        if USERS.contains(&user) && self.shared.accounts.contains(key) {
            self.user = user.to_owned();
            return Auth::Accept;
        }
        Auth::reject()
    }

    /// Runs the channel's command if it has all it waits for.
    fn run_if_ready(&mut self, channel: ChannelId, handle: Handle) {
        let Some(running) = self.channels.get_mut(&channel) else { return };
        let ready = |line: &mut String| running.ended || !machine::reads_stdin(line);
        let Some(line) = running.line.take_if(ready) else { return };
        let request = Request {
            machine: self.node.clone(),
            user: self.user.clone(),
            line,
            stdin: String::from_utf8_lossy(&running.stdin).into_owned(),
            environment: std::mem::take(&mut running.environment),
        };
        tokio::spawn(run(self.shared.clone(), request, self.cut.clone(), channel, handle));
    }
}

async fn run(shared: Arc<Shared>, request: Request, cut: CancellationToken, channel: ChannelId, handle: Handle) {
    let outcome = machine::execute(&shared.cluster, &shared.control.commands, &request);
    let outcome = tokio::select! {
        outcome = machine::finished(&shared.cluster, outcome) => outcome,
        () = shared.stop.cancelled() => return,
        () = cut.cancelled() => return,
    };
    if shared.options.log {
        // No more of it than which program: the rest may be secret.
        let first = request.line.split_whitespace().next().unwrap_or_default();
        let line = format!("ssh {}@{} {first} {:?}\n", request.user, request.machine, outcome.end);
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
    if shared.cluster.world().clock.is_running() {
        tokio::time::sleep(outcome.delay()).await;
    }
    let code = match outcome.end {
        End::Exit(code) => u32::try_from(code).unwrap_or(255),
        End::Cut => return cut.cancel(),
        End::Hang => return,
    };
    if !outcome.stdout.is_empty() {
        let _ = handle.data(channel, outcome.stdout.into_bytes()).await;
    }
    if !outcome.stderr.is_empty() {
        let _ = handle.extended_data(channel, STDERR, outcome.stderr.into_bytes()).await;
    }
    let _ = handle.exit_status_request(channel, code).await;
    let _ = handle.eof(channel).await;
    let _ = handle.close(channel).await;
}

impl Handler for Session {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        let known = USERS.contains(&user) && self.shared.accounts.contains(offer.public_key);
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.accept(user, key.public_key))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let known = self.shared.cluster.world_of(&self.node).credentials().1;
        if USERS.contains(&user) && known.as_deref() == Some(password) {
            self.user = user.to_owned();
            return Ok(Auth::Accept);
        }
        Ok(Auth::reject())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), Running::default());
        reply.accept().await;
        Ok(())
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        // Debian's sshd takes the locale over, nothing else.
        if name == "LANG" || name.starts_with("LC_") {
            if let Some(running) = self.channels.get_mut(&channel) {
                running.environment.insert(name.to_owned(), value.to_owned());
            }
            return session.channel_success(channel);
        }
        session.channel_failure(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)?;
        if let Some(running) = self.channels.get_mut(&channel) {
            running.line = Some(String::from_utf8_lossy(data).into_owned());
        }
        self.run_if_ready(channel, session.handle());
        Ok(())
    }

    /// A login without a command asks for a shell, and gets the answer to an empty command line.
    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        self.exec_request(channel, b"", session).await
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        if let Some(running) = self.channels.get_mut(&channel) {
            running.stdin.extend_from_slice(data);
        }
        Ok(())
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        session: &mut russh::server::Session,
    ) -> Result<(), Self::Error> {
        if let Some(running) = self.channels.get_mut(&channel) {
            running.ended = true;
        }
        self.run_if_ready(channel, session.handle());
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut russh::server::Session) -> Result<(), Self::Error> {
        self.channels.remove(&channel);
        Ok(())
    }

    /// sshd passes signals on: what still runs on the node ends. A `pvecm add` does not: in a session of root sshd sends no signal, and a
    /// user can't signal what sudo has started.
    async fn signal(&mut self, _: ChannelId, _: Sig, _: &mut russh::server::Session) -> Result<(), Self::Error> {
        if let Some(machine) = self.shared.cluster.world_of(&self.node).machines.get_mut(&self.node) {
            machine.processes.clear();
        }
        Ok(())
    }
}
