//! Proxmox over SSH, for what has no HTTP API.
//!
//! This layer is independent of Terraform and of Proxmox's HTTP API: it has hosts and their keys, logins, commands and their
//! output, and files of the cluster. A host whose key is not trusted is never sent anything, and nothing is ever
//! written to the user's own files. A value gets into a command line through one function, and a secret never does.
//!
//! # Use
//!
//! * [`Ssh::new`] takes a [`Config`] and connects to nothing. An `Ssh` is cheap to clone; all clones share one connection
//!   per node, opened when the first command needs it and opened anew when it has died.
//! * Every operation takes a [`Call`]: a deadline and a stop token. A command that changes nothing says so by
//!   [`Command::reading`]: it is repeated when the connection was cut, and dropped at once on a stop. Any other that
//!   has begun is waited for up to 5 s after a stop; if its exit status does not arrive, the error is
//!   [`ErrorKind::Ambiguous`]: look what is there, then decide.
//! * A non-zero exit code is an answer, not an error, until [`Output::success`] makes it one.
//! * Files below `/etc/pve` are changed by [`ClusterFile::edit`], under Proxmox's own lock; other files by
//!   [`node_file::replace`].
//!
//! ```no_run
//! # use terraform_provider_pve::call::Call;
//! # use terraform_provider_pve::ssh::{Command, Error, Line, Ssh};
//! # async fn set_up(ssh: &Ssh, call: &Call) -> Result<(), Error> {
//! let status = ssh.run("pve1", &Command::new("pvecm").arg("status").reading(), call).await?.success()?;
//! let setup = Command::new("pvecm").args(["qdevice", "setup", "10.0.0.9"]);
//! ssh.run_with("pve1", &setup, call, &mut |line: Line<'_>| tracing::info!("{}", line.text())).await?.success()?;
//! # Ok(())
//! # }
//! ```

mod address;
mod cluster_file;
mod command;
mod config;
mod connection;
mod error;
mod host_keys;
mod identity;
mod login;
pub mod node_file;
mod output;
mod pool;
mod quote;
mod run;
mod shared_reads;
#[cfg(test)]
mod tests;
mod texts;
mod votes;

use std::fmt;
use std::sync::Arc;

pub use address::{Address, Locate};
pub use cluster_file::{ClusterFile, Drafted, Edit};
pub use command::Command;
pub use config::{Config, DEFAULT_COMMAND_TIMEOUT, Jump};
pub use error::{Error, ErrorKind, HostKey};
pub use host_keys::{HostKeys, LineError};
pub use identity::{Identity, IdentityError};
pub use output::{Line, Output};
pub use quote::{Nul, quote};
pub use texts::{NoLogin, no_login};
pub use votes::votes;

use futures_util::future::BoxFuture;

use crate::call::{Call, Ended};
use pool::Pool;
use run::Broken;
use shared_reads::SharedReads;

/// How often a command is begun anew after its connection turned out dead.
const TRIES: u32 = 3;

/// The nodes' shells.
#[derive(Clone)]
pub struct Ssh {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    pool: Pool,
    locate: Arc<dyn Locate>,
    reads: SharedReads,
}

impl Ssh {
    /// Nodes' shells, reached as `config` says; addresses that it doesn't name are asked of `locate`. Nothing is sent yet.
    #[must_use]
    pub fn new(config: Config, locate: Arc<dyn Locate>) -> Self {
        Self { inner: Arc::new(Inner { config, pool: Pool::default(), locate, reads: SharedReads::default() }) }
    }

    /// Runs a command on a node, whatever its exit code.
    ///
    /// # Errors
    ///
    /// What the connection meets; a command that has begun and whose exit status does not arrive is [`ErrorKind::Ambiguous`].
    pub async fn run(&self, node: &str, command: &Command, call: &Call) -> Result<Output, Error> {
        self.run_with(node, command, call, &mut |_| ()).await
    }

    /// Runs a command on a node, telling each line as it is printed.
    ///
    /// # Errors
    ///
    /// As [`Ssh::run`].
    pub fn run_with<'a>(
        &'a self,
        node: &'a str,
        command: &'a Command,
        call: &'a Call,
        on_line: &'a mut (dyn FnMut(Line<'_>) + Send),
    ) -> BoxFuture<'a, Result<Output, Error>> {
        // On the heap: a connection's future is 20 KB, and each caller that held it would need that much stack.
        Box::pin(self.run_tries(node, command, call, on_line))
    }

    async fn run_tries(
        &self,
        node: &str,
        command: &Command,
        call: &Call,
        on_line: &mut (dyn FnMut(Line<'_>) + Send),
    ) -> Result<Output, Error> {
        let config = &self.inner.config;
        let sent = command
            .line(config.sudo)
            .map_err(|nul| Error::new(ErrorKind::Invalid, node, format!("{nul}: {command}")))?;
        let mut tries = 1;
        loop {
            let connection = self.connection(node, call).await?;
            let task = run::Task { connection: &connection, node, command, sent: &sent, config };
            match task.run(call, on_line).await {
                Ok(output) => return Ok(output),
                Err(Broken { dead, begun, error }) => {
                    if dead {
                        connection.bury();
                    }
                    let again = dead && tries < TRIES && (!begun || command.is_reading()) && !call.is_over();
                    if !again {
                        return Err(error);
                    }
                    tries += 1;
                    tracing::warn!(node, command = %command, reason = error.message(), "the SSH connection is \
                                                                                        reopened");
                }
            }
        }
    }
}

impl fmt::Debug for Ssh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ssh").finish_non_exhaustive()
    }
}

/// The error for a call that ended before anything was done.
fn over(ended: Ended, node: &str) -> Error {
    match ended {
        Ended::Stopped => Error::new(ErrorKind::Stopped, node, "stopped"),
        Ended::Expired => Error::new(ErrorKind::Expired, node, "the time ran out"),
    }
}
