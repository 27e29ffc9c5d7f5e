//! The `provider "pve"` block.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tf_block;

/// The Proxmox VE cluster to manage, and how to log in.
///
/// Every argument can also come from the environment. The ways to log in (API token; ticket; user name and password)
/// are never mixed: the provider uses the one set here, else the one in `PROXMOX_VE_*`, else the one in Telmate's
/// `PM_*`. If `ca_certificate`, `tls_fingerprint` or `insecure` is set here, the environment variables of all three are
/// ignored.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderBlock {
    /// URL of one node's API, `https://pve1.example.com:8006`, with or without `/api2/json`. Without a port, the
    /// provider tries 443 and 8006, and sends the credentials only to a server that answers like Proxmox VE.
    /// Environment: `PROXMOX_VE_ENDPOINT`, `PM_API_URL`.
    pub endpoint: Option<String>,
    /// URLs of other nodes of the cluster. The provider tries them in turn when a node can't be reached. Environment:
    /// `PROXMOX_VE_FALLBACK_ENDPOINTS`, separated by commas.
    pub fallback_endpoints: Option<Vec<String>>,
    /// An API token, `USER@REALM!TOKENID=SECRET`. Recommended. Environment: `PROXMOX_VE_API_TOKEN`, or
    /// `PM_API_TOKEN_ID` with `PM_API_TOKEN_SECRET`.
    #[tf(sensitive)]
    pub api_token: Option<String>,
    /// A user with its realm, such as `root@pam`. Environment: `PROXMOX_VE_USERNAME`, `PM_USER`.
    pub username: Option<String>,
    /// The user's password. Environment: `PROXMOX_VE_PASSWORD`, `PM_PASS`.
    #[tf(sensitive)]
    pub password: Option<String>,
    /// A one-time password (TOTP) of the user. A code is valid for one login, and one run of the CLI logs in several
    /// times: use an API token instead. Environment: `PROXMOX_VE_OTP`, `PM_OTP`.
    #[tf(sensitive)]
    pub otp: Option<String>,
    /// An existing ticket. Needs `csrf_prevention_token`. Environment: `PROXMOX_VE_AUTH_TICKET`.
    #[tf(sensitive)]
    pub auth_ticket: Option<String>,
    /// The token that belongs to `auth_ticket`. Environment: `PROXMOX_VE_CSRF_PREVENTION_TOKEN`.
    #[tf(sensitive)]
    pub csrf_prevention_token: Option<String>,
    /// A CA certificate to trust beside the system's: the path of a PEM file, or the PEM itself. A node has it as
    /// `/etc/pve/pve-root-ca.pem`. Environment: `PROXMOX_VE_CA_CERTIFICATE`.
    pub ca_certificate: Option<String>,
    /// The SHA-256 fingerprint of the node's certificate, as the web interface shows it. Only a server with exactly this
    /// certificate is trusted then. Environment: `PROXMOX_VE_TLS_FINGERPRINT`.
    pub tls_fingerprint: Option<String>,
    /// Whether to skip the verification of the server's certificate. A man in the middle can then read the credentials
    /// and change the cluster; prefer `tls_fingerprint`. Environment: `PROXMOX_VE_INSECURE`, `PM_TLS_INSECURE`.
    pub insecure: Option<bool>,
    /// How long one request may take, such as `"30s"`. Unset means 60 seconds. Environment: `PROXMOX_VE_REQUEST_TIMEOUT`.
    #[schemars(extend("format" = "timeout"))]
    pub request_timeout: Option<String>,
    /// How often a wait for the cluster looks at it, such as `"5s"`. Unset means 2 seconds. Environment:
    /// `PROXMOX_VE_POLL_INTERVAL`.
    #[schemars(extend("format" = "timeout"))]
    pub poll_interval: Option<String>,
    /// Whether a create adopts an existing object that equals its configuration, with a warning, instead of failing.
    /// Environment: `PROXMOX_VE_ADOPT_EXISTING`.
    pub adopt_existing: Option<bool>,
    /// Names of plan-time checks to disable, such as `["single-node-placement"]`; the guide on plan-time checks lists
    /// them. Environment: `PROXMOX_VE_IGNORE_PREFLIGHT`, separated by commas.
    #[schemars(extend("uniqueItems" = true))]
    pub ignore_preflight: Option<Vec<String>>,
    /// How to log in to nodes, for the resources without an HTTP API.
    #[tf(block = "single")]
    pub ssh: Option<Ssh>,
}

/// `ssh`
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ssh {
    /// The user on the nodes. Unset means `root`. Environment: `PROXMOX_VE_SSH_USERNAME`.
    pub username: Option<String>,
    /// A private key in PEM or OpenSSH form, unless `private_key_file` is given. Environment: `PROXMOX_VE_SSH_PRIVATE_KEY`.
    #[tf(sensitive)]
    pub private_key: Option<String>,
    /// The path of a private key; `~` is the home directory. Environment: `PROXMOX_VE_SSH_PRIVATE_KEY_FILE`.
    pub private_key_file: Option<String>,
    /// The passphrase of the private key. Environment: `PROXMOX_VE_SSH_PRIVATE_KEY_PASSPHRASE`.
    #[tf(sensitive)]
    pub private_key_passphrase: Option<String>,
    /// Whether to use the SSH agent, after the private key. Unset means: if there is one, and no private key is given.
    /// Environment: `PROXMOX_VE_SSH_AGENT`.
    pub agent: Option<bool>,
    /// The socket of the SSH agent. Environment: `PROXMOX_VE_SSH_AUTH_SOCK`, else `SSH_AUTH_SOCK`.
    pub agent_socket: Option<String>,
    /// The user's password, tried last. Environment: `PROXMOX_VE_SSH_PASSWORD`.
    #[tf(sensitive)]
    pub password: Option<String>,
    /// The port of SSH. Unset means 22. Environment: `PROXMOX_VE_SSH_PORT`.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i64>,
    /// Whether commands run through `sudo`, for a user other than root, who needs `NOPASSWD` for them. Environment: `PROXMOX_VE_SSH_SUDO`.
    pub sudo: Option<bool>,
    /// How long one command may take, such as `"5m"`. Unset means one minute, more for commands known to take long. Environment: `PROXMOX_VE_SSH_COMMAND_TIMEOUT`.
    #[schemars(extend("format" = "timeout"))]
    pub command_timeout: Option<String>,
    /// Host keys to accept, in the form of lines of `known_hosts`: `pve1.example.com ssh-ed25519 AAAA…`. A node is looked up by
    /// its address, then by its name. Any other key is refused. Environment: `PROXMOX_VE_SSH_HOST_KEYS`, by lines.
    pub host_keys: Option<Vec<String>>,
    /// The path of a `known_hosts` file; it is only read. Unset means `~/.ssh/known_hosts`, unless `host_keys` are given. Environment: `PROXMOX_VE_SSH_KNOWN_HOSTS_FILE`.
    pub known_hosts_file: Option<String>,
    /// The SSH address of a node, if it is not its address in the cluster.
    #[tf(block = "list")]
    pub node: Option<Vec<SshNode>>,
    /// A jump host: SSH connections to all nodes go through it.
    #[tf(block = "single")]
    pub jump_host: Option<JumpHost>,
}

/// `ssh.node`
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SshNode {
    /// The name of the node in the cluster.
    #[tf(required)]
    pub name: String,
    /// Its address.
    #[tf(required)]
    pub address: String,
    /// Its port, if not the one of the `ssh` block.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i64>,
}

/// `ssh.jump_host`
#[tf_block]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JumpHost {
    /// Its address.
    #[tf(required)]
    pub address: String,
    /// Its port. Unset means 22.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i64>,
    /// The user on it. Unset means the one of the `ssh` block.
    pub username: Option<String>,
    /// The private key for it. Unset means the ways to log in of the `ssh` block.
    #[tf(sensitive)]
    pub private_key: Option<String>,
    /// Host keys to accept, in the form of lines of `known_hosts`. Unset means those of the `ssh` block.
    pub host_keys: Option<Vec<String>>,
}
