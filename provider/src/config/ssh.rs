//! From the `ssh` block and `PROXMOX_VE_SSH_*` to how nodes are logged in to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pve_schemas::{ProviderBlock, provider_block};
use secrecy::SecretString;

use super::environment::{Environment, flag};
use crate::framework::{Diagnostics, Path};
use crate::ssh::{Address, Config, DEFAULT_COMMAND_TIMEOUT, HostKeys, Identity, Jump};

/// Reads the `ssh` block and the environment.
pub(super) struct Reader<'a> {
    environment: &'a Environment,
    /// Whether the files that are named are read. They need not be there for a validation.
    files: bool,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Reader<'a> {
    /// A reader that blames what it finds wrong in `diagnostics`.
    pub(super) fn new(environment: &'a Environment, files: bool, diagnostics: &'a mut Diagnostics) -> Self {
        Self { environment, files, diagnostics }
    }

    /// How nodes are logged in to; `None` if neither the block nor the environment says anything of SSH, or if something
    /// is wrong with it.
    pub(super) fn read(mut self, block: &ProviderBlock) -> Option<Config> {
        if block.ssh.is_none() && !self.environment.speaks_of_ssh() {
            return None;
        }
        let block = block.ssh.clone().unwrap_or_default();
        let passphrase =
            self.text(block.private_key_passphrase.as_ref(), "PRIVATE_KEY_PASSPHRASE").map(SecretString::from);
        let identities = self.identities(&block, passphrase.as_ref());
        let username = self.text(block.username.as_ref(), "USERNAME").unwrap_or_else(|| "root".to_owned());
        let port = self.port(block.port);
        let agent = self.agent(&block, !identities.is_empty());
        let host_keys = self.host_keys(&block);
        let command_timeout = match self.text(block.command_timeout.as_ref(), "COMMAND_TIMEOUT") {
            None => DEFAULT_COMMAND_TIMEOUT,
            Some(text) => pve_schemas::value::duration(&text).unwrap_or_else(|| {
                self.blame("command_timeout", format!("{text:?} is not a duration such as 1m"));
                DEFAULT_COMMAND_TIMEOUT
            }),
        };
        let jump = block.jump_host.as_ref().map(|jump| self.jump(jump, &username, &host_keys, passphrase.as_ref()));
        let config = Config {
            sudo: self.switch(block.sudo, "sudo") == Some(true),
            password: self.text(block.password.as_ref(), "PASSWORD").map(SecretString::from),
            nodes: self.nodes(&block, port),
            username,
            port,
            identities,
            agent,
            command_timeout,
            host_keys,
            jump,
        };
        (!self.diagnostics.has_error()).then_some(config)
    }

    fn identities(&mut self, block: &provider_block::Ssh, passphrase: Option<&SecretString>) -> Vec<Identity> {
        let given = block.private_key.is_some() || block.private_key_file.is_some();
        // Chosen whole: a key in the environment doesn't stand beside one that is written here.
        let (pem, file) = if given {
            (block.private_key.clone(), block.private_key_file.clone())
        } else {
            (self.text(None, "PRIVATE_KEY"), self.text(None, "PRIVATE_KEY_FILE"))
        };
        if pem.is_some() && file.is_some() {
            for name in ["private_key", "private_key_file"] {
                self.blame(name, "`private_key` and `private_key_file` are both given. Keep one of them".to_owned());
            }
            return Vec::new();
        }
        let (name, text) = match (pem, file) {
            (Some(pem), _) => ("private_key", pem),
            (None, Some(file)) if self.files => match std::fs::read_to_string(self.expand(&file)) {
                Ok(text) => ("private_key_file", text),
                Err(error) => {
                    self.blame("private_key_file", format!("{file} can't be read: {error}"));
                    return Vec::new();
                }
            },
            _ => return Vec::new(),
        };
        self.identity(&path(name), &text, passphrase).into_iter().collect()
    }

    fn identity(&mut self, at: &Path, text: &str, passphrase: Option<&SecretString>) -> Option<Identity> {
        Identity::parse(text, passphrase)
            .map_err(|error| self.blame_at(at.clone(), format!("The private key can't be used: {error}")))
            .ok()
    }

    /// The agent is asked if that is wanted; if nothing is said and there is no key, then where there is one.
    fn agent(&mut self, block: &provider_block::Ssh, other_key: bool) -> Option<PathBuf> {
        let wanted = self.switch(block.agent, "agent");
        let named = self.text(block.agent_socket.as_ref(), "AUTH_SOCK").or_else(|| self.text(None, "AGENT_SOCKET"));
        let named_here = named.is_some();
        let socket = named.or_else(|| self.environment.variable("SSH_AUTH_SOCK"));
        match (wanted, socket) {
            (Some(false), _) => None,
            (Some(true), None) => {
                self.blame(
                    "agent",
                    "There is no agent: SSH_AUTH_SOCK is not set. Start one (`eval $(ssh-agent)`, `ssh-add`), or name its socket as \
                     `agent_socket`"
                        .to_owned(),
                );
                None
            }
            (Some(true), Some(socket)) => Some(self.expand(&socket)),
            (None, Some(socket)) if named_here || !other_key => Some(self.expand(&socket)),
            (None, _) => None,
        }
    }

    fn host_keys(&mut self, block: &provider_block::Ssh) -> HostKeys {
        let lines = match &block.host_keys {
            Some(lines) => lines.clone(),
            None => {
                self.text(None, "HOST_KEYS").map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default()
            }
        };
        let file = self.text(block.known_hosts_file.as_ref(), "KNOWN_HOSTS_FILE").map(|file| self.expand(&file));
        if let Some(file) = file.as_ref().filter(|_| self.files)
            && let Err(error) = std::fs::metadata(file)
        {
            self.blame("known_hosts_file", format!("{} can't be read: {error}", file.display()));
        }
        let file = file.or_else(|| lines.is_empty().then(|| self.own_known_hosts()).flatten());
        HostKeys::new(&lines, file).unwrap_or_else(|error| {
            self.blame("host_keys", error.to_string());
            HostKeys::default()
        })
    }

    fn jump(
        &mut self,
        jump: &provider_block::JumpHost,
        username: &str,
        host_keys: &HostKeys,
        passphrase: Option<&SecretString>,
    ) -> Jump {
        let at = path("jump_host");
        let own = jump.private_key.as_ref().and_then(|text| self.identity(&at.field("private_key"), text, passphrase));
        let host_keys = match &jump.host_keys {
            None => host_keys.clone(),
            Some(lines) => HostKeys::new(lines, None).unwrap_or_else(|error| {
                self.blame_at(at.field("host_keys"), error.to_string());
                HostKeys::default()
            }),
        };
        Jump {
            address: Address::new(&jump.address, jump.port.and_then(|port| u16::try_from(port).ok()).unwrap_or(22)),
            username: jump.username.clone().unwrap_or_else(|| username.to_owned()),
            identities: own.into_iter().collect(),
            host_keys,
        }
    }

    fn nodes(&mut self, block: &provider_block::Ssh, port: u16) -> BTreeMap<String, Address> {
        let mut nodes = BTreeMap::new();
        for (index, node) in block.node.iter().flatten().enumerate() {
            let own = node.port.and_then(|port| u16::try_from(port).ok()).unwrap_or(port);
            if nodes.insert(node.name.clone(), Address::new(&node.address, own)).is_some() {
                self.blame_at(path("node").index(index), format!("The node {} is given twice", node.name));
            }
        }
        nodes
    }

    fn port(&mut self, given: Option<i64>) -> u16 {
        let text = given.map(|port| port.to_string()).or_else(|| self.text(None, "PORT"));
        let Some(text) = text else { return 22 };
        text.parse().ok().filter(|port| *port != 0).unwrap_or_else(|| {
            self.blame("port", format!("{text:?} is not a port, 1 to 65535"));
            22
        })
    }

    fn switch(&mut self, given: Option<bool>, name: &str) -> Option<bool> {
        if given.is_some() {
            return given;
        }
        let text = self.text(None, &name.to_uppercase())?;
        let value = flag(&text);
        if value.is_none() {
            self.blame(name, format!("The environment says {text:?} for it; it must be true or false"));
        }
        value
    }

    fn text(&self, given: Option<&String>, name: &str) -> Option<String> {
        given.filter(|text| !text.is_empty()).cloned().or_else(|| self.environment.get(&format!("SSH_{name}"), &[]))
    }

    /// The path, `~` being the home folder. Core's own `pathexpand` does the same.
    fn expand(&self, text: &str) -> PathBuf {
        let home = self.environment.variable("HOME").map(PathBuf::from);
        match (text.strip_prefix('~'), home) {
            (Some(""), Some(home)) => home,
            (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
            _ => PathBuf::from(text),
        }
    }

    fn own_known_hosts(&self) -> Option<PathBuf> {
        self.environment.variable("HOME").map(|home| PathBuf::from(home).join(".ssh").join("known_hosts"))
    }

    fn blame(&mut self, argument: &str, problem: String) {
        self.blame_at(path(argument), problem);
    }

    fn blame_at(&mut self, at: Path, problem: String) {
        self.diagnostics.error_at(at, "Invalid ssh block", format!("{problem}. Nothing was sent."));
    }
}

fn path(argument: &str) -> Path {
    Path::attribute("ssh").field(argument)
}
