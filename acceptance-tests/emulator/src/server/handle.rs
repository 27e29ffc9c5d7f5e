//! A running emulator, for the test that has started it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Access, Shared};
use crate::pipeline::Cluster;
use crate::ssh;

/// A running emulator; it ends when this is dropped.
pub struct Handle {
    pub(super) endpoint: String,
    pub(super) api_token: Option<String>,
    pub(super) password: Option<String>,
    pub(super) ca_pem: String,
    pub(super) ca_file: PathBuf,
    pub(super) fingerprint: String,
    pub(super) standalone: BTreeMap<String, Access>,
    pub(super) ssh: Option<ssh::Access>,
    pub(super) shared: Arc<Shared>,
}

impl Handle {
    /// `https://127.0.0.1:PORT`
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// root@pam's API token, `USER@REALM!NAME=SECRET`.
    #[must_use]
    pub fn api_token(&self) -> Option<&str> {
        self.api_token.as_deref()
    }

    /// `root@pam`
    #[must_use]
    pub fn username(&self) -> &'static str {
        "root@pam"
    }

    /// root@pam's password.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The file with the CA certificate.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// SHA-256 fingerprint of the certificate served.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// How the nodes are reached that were in no cluster at the start.
    #[must_use]
    pub fn standalone(&self) -> &BTreeMap<String, Access> {
        &self.standalone
    }

    /// How its nodes are reached over SSH, if they are.
    #[must_use]
    pub fn ssh(&self) -> Option<&ssh::Access> {
        self.ssh.as_ref()
    }

    /// The commands that were run on its machines, and what is to go wrong with them.
    #[must_use]
    pub fn commands(&self) -> &crate::control::commands::Commands {
        &self.shared.control.commands
    }

    /// Runs a command line on a machine as root, past SSH.
    #[must_use]
    pub fn execute(&self, machine: &str, line: &str, stdin: &str) -> crate::machine::Outcome {
        let request = crate::machine::Request {
            machine: machine.to_owned(),
            user: "root".to_owned(),
            line: line.to_owned(),
            stdin: stdin.to_owned(),
            environment: Default::default(),
        };
        crate::machine::execute(&self.shared.cluster, &self.shared.control.commands, &request)
    }

    /// The cluster, for tests that look behind the API.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.shared.cluster
    }

    /// The faults in wait.
    #[must_use]
    pub fn faults(&self) -> &crate::control::faults::Faults {
        &self.shared.control.faults
    }

    /// What was asked of it.
    #[must_use]
    pub fn counters(&self) -> &crate::control::counters::Counters {
        &self.shared.control.counters
    }

    /// Ends it and waits until all its connections are closed.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}
