//! From the `ssh` block and `PROXMOX_VE_SSH_*` to the configuration of SSH logins.

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
            Some(text) => pve_schemas::value::timeout(&text).unwrap_or_else(|| {
                self.blame("command_timeout", format!("{text:?} is not a duration of more than zero, such as 1m"));
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
        // Chosen whole: a key in the environment is not used beside one that is configured here.
        let (pem, file) = if given {
            (block.private_key.clone(), block.private_key_file.clone())
        } else {
            (self.text(None, "PRIVATE_KEY"), self.text(None, "PRIVATE_KEY_FILE"))
        };
        if pem.is_some() && file.is_some() {
            for name in ["private_key", "private_key_file"] {
                self.blame(name, "`private_key` and `private_key_file` are both set. Keep one of them".to_owned());
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

    /// The agent is used if that is configured; if it is left open and there is no key, then where an agent runs.
    fn agent(&mut self, block: &provider_block::Ssh, other_key: bool) -> Option<PathBuf> {
        let requested = self.switch(block.agent, "agent");
        let named = self.text(block.agent_socket.as_ref(), "AUTH_SOCK").or_else(|| self.text(None, "AGENT_SOCKET"));
        let named_here = named.is_some();
        let socket = named.or_else(|| self.environment.variable("SSH_AUTH_SOCK"));
        match (requested, socket) {
            (Some(false), _) => None,
            (Some(true), None) => {
                self.blame(
                    "agent",
                    "There is no agent: SSH_AUTH_SOCK is not set. Start one (`eval $(ssh-agent)`, `ssh-add`), or set \
                     its socket as `agent_socket`"
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
                self.blame_at(path("node").index(index), format!("The node {} is configured twice", node.name));
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
            self.blame(name, format!("Its environment variable is {text:?}; it must be true or false"));
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::framework::{Value, to_model};

    /// Made for these tests, and used nowhere else.
    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACCw2XKWT8EeBvGytH9cZa0vNTxpKX75bBR5Y5KvYl50QwAAAIiZ50Y+medG
PgAAAAtzc2gtZWQyNTUxOQAAACCw2XKWT8EeBvGytH9cZa0vNTxpKX75bBR5Y5KvYl50Qw
AAAEC/I84s6UgYN63bvSxUiRb2aE+hMQmUKGBnJPCFfPbotLDZcpZPwR4G8bK0f1xlrS81
PGkpfvlsFHljkq9iXnRDAAAABHRlc3QB
-----END OPENSSH PRIVATE KEY-----
";

    /// Its passphrase is `correct horse`.
    const ENCRYPTED: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDsFNZJI8
braC3NV3Ikqsz4AAAAAQAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIGSrHtW7arChjbCN
xhoh0XUNX439u1TnrlxUkFBiuaZoAAAAkFpTMAwyal8u3tNblsAVn3xagbX5IXNa00oDuF
xNzptFwcXMs4yOn6nUEUNJ2lcQeQEEh5apa+imIGBjl/lh7IxI95eoNW9efvuccJUf2mF1
k+qElHHEdbE1cm2KAz2/pk0Brfv3EIAMPwnkFc30cXiZ9Z9NGRQUlP21ymkQ/+vYAQ6Brh
KQ8SLdzJxUiu1DRQ==
-----END OPENSSH PRIVATE KEY-----
";

    const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILDZcpZPwR4G8bK0f1xlrS81PGkpfvlsFHljkq9iXnRD";

    fn text(text: &str) -> Value {
        Value::from(text)
    }

    fn texts(texts: &[&str]) -> Value {
        Value::List(texts.iter().copied().map(Value::from).collect())
    }

    /// What becomes of an `ssh` block of these members and this environment; where something is wrong, the paths of it.
    fn read(members: &[(&str, Value)], variables: &[(&str, &str)], files: bool) -> Result<Option<Config>, Vec<String>> {
        let block = match members {
            [] => ProviderBlock::default(),
            members => to_model(&Value::object([("ssh", Value::object(members.iter().cloned()))])).unwrap(),
        };
        let variables: BTreeMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let environment = Environment::from(variables);
        let mut diagnostics = Diagnostics::new();
        let config = Reader::new(&environment, files, &mut diagnostics).read(&block);
        let paths: Vec<String> =
            diagnostics.iter().map(|one| one.path.as_ref().map(ToString::to_string).unwrap_or_default()).collect();
        assert!(!diagnostics.iter().any(|one| one.detail.contains("PRIVATE KEY-----")), "no key in a message");
        if paths.is_empty() { Ok(config) } else { Err(paths) }
    }

    fn ready(members: &[(&str, Value)], variables: &[(&str, &str)]) -> Config {
        read(members, variables, true).unwrap().unwrap()
    }

    #[test]
    fn nothing_is_said_of_ssh() {
        let variables = [("SSH_AUTH_SOCK", "/run/agent"), ("HOME", "/root"), ("PROXMOX_VE_USERNAME", "root@pam")];
        assert!(read(&[], &variables, true).unwrap().is_none());
        assert!(read(&[], &[("PROXMOX_VE_SSH_USERNAME", "ops")], true).unwrap().is_some());
    }

    #[test]
    fn what_is_written_here_wins_over_the_environment() {
        let variables = [
            ("PROXMOX_VE_SSH_USERNAME", "ops"),
            ("PROXMOX_VE_SSH_PASSWORD", "hunter2"),
            ("PROXMOX_VE_SSH_PORT", "2222"),
            ("PROXMOX_VE_SSH_SUDO", "true"),
            ("PROXMOX_VE_SSH_COMMAND_TIMEOUT", "90s"),
            ("PROXMOX_VE_SSH_PRIVATE_KEY", KEY),
        ];
        let config = ready(&[], &variables);
        assert_eq!((config.username.as_str(), config.port, config.sudo), ("ops", 2222, true));
        assert_eq!((config.command_timeout.as_secs(), config.identities.len()), (90, 1));
        assert!(config.password.is_some());
        let config = ready(&[("username", text("root")), ("sudo", Value::Bool(false))], &variables);
        assert_eq!((config.username.as_str(), config.port, config.sudo), ("root", 2222, false));
        let wrong =
            [("PROXMOX_VE_SSH_PORT", "0"), ("PROXMOX_VE_SSH_SUDO", "ja"), ("PROXMOX_VE_SSH_COMMAND_TIMEOUT", "soon")];
        assert_eq!(read(&[], &wrong, true).unwrap_err(), ["ssh.port", "ssh.command_timeout", "ssh.sudo"]);
    }

    #[test]
    fn malformed_keys_are_refused() {
        let refused = |members: &[(&str, Value)]| read(members, &[], false).unwrap_err();
        assert_eq!(refused(&[("private_key", text("nonsense"))]), ["ssh.private_key"]);
        assert_eq!(refused(&[("private_key", text(&KEY[..120]))]), ["ssh.private_key"]);
        assert_eq!(refused(&[("private_key", text(ENCRYPTED))]), ["ssh.private_key"]);
        let wrong = [("private_key", text(ENCRYPTED)), ("private_key_passphrase", text("battery staple"))];
        assert_eq!(refused(&wrong), ["ssh.private_key"]);
        let right = [("private_key", text(ENCRYPTED)), ("private_key_passphrase", text("correct horse"))];
        assert_eq!(ready(&right, &[]).identities.len(), 1);
        let both = [("private_key", text(KEY)), ("private_key_file", text("~/.ssh/id_ed25519"))];
        assert_eq!(refused(&both), ["ssh.private_key", "ssh.private_key_file"]);
    }

    #[test]
    fn files_are_looked_for_at_home_and_only_when_they_are_needed() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("key"), KEY).unwrap();
        let variables = [("HOME", home.path().to_str().unwrap())];
        let config = ready(&[("private_key_file", text("~/key"))], &variables);
        assert_eq!(config.identities.len(), 1);
        assert_eq!(config.host_keys, HostKeys::new::<&str>(&[], Some(home.path().join(".ssh/known_hosts"))).unwrap());
        let absent = [("private_key_file", text("~/absent")), ("known_hosts_file", text("~/absent"))];
        assert_eq!(read(&absent, &variables, true).unwrap_err(), ["ssh.private_key_file", "ssh.known_hosts_file"]);
        assert!(read(&absent, &variables, false).is_ok(), "a validation doesn't need the files");
    }

    #[test]
    fn the_agent_is_used_where_that_is_configured() {
        let agent = |members: &[(&str, Value)], variables: &[(&str, &str)]| {
            ready(members, variables).agent.map(|path| path.display().to_string())
        };
        let socket = [("SSH_AUTH_SOCK", "/run/agent")];
        let here = Some("/run/agent".to_owned());
        assert_eq!(agent(&[("username", text("root"))], &socket), here);
        assert_eq!(agent(&[("private_key", text(KEY))], &socket), None);
        assert_eq!(agent(&[("private_key", text(KEY)), ("agent", Value::Bool(true))], &socket), here);
        assert_eq!(agent(&[("agent", Value::Bool(false))], &socket), None);
        assert_eq!(agent(&[("agent_socket", text("/mine"))], &socket), Some("/mine".to_owned()));
        assert_eq!(
            agent(&[("agent", Value::Bool(true))], &[("PROXMOX_VE_SSH_AUTH_SOCK", "/mine")]),
            Some("/mine".to_owned())
        );
        assert_eq!(read(&[("agent", Value::Bool(true))], &[], false).unwrap_err(), ["ssh.agent"]);
    }

    #[test]
    fn host_keys_nodes_and_the_jump_host() {
        assert_eq!(read(&[("host_keys", texts(&[HOST_KEY]))], &[], false).unwrap_err(), ["ssh.host_keys"]);
        let line = format!("pve1 {HOST_KEY}");
        let node = |name: &str| Value::object([("name", text(name)), ("address", text("10.0.0.1"))]);
        let jump = Value::object([("address", text("jump.example.com")), ("host_keys", texts(&["nonsense"]))]);
        let members = [
            ("host_keys", texts(&[&line])),
            ("node", Value::List(vec![node("pve1"), node("pve2"), node("pve1")])),
            ("jump_host", jump),
        ];
        assert_eq!(read(&members, &[], false).unwrap_err(), ["ssh.jump_host.host_keys", "ssh.node[2]"]);

        let jump = Value::object([("address", text("jump.example.com")), ("private_key", text(KEY))]);
        let config = ready(&[("host_keys", texts(&[&line])), ("username", text("ops")), ("jump_host", jump)], &[]);
        let jump = config.jump.unwrap();
        assert_eq!((jump.address, jump.username.as_str()), (Address::new("jump.example.com", 22), "ops"));
        assert_eq!((jump.identities.len(), jump.host_keys), (1, config.host_keys));
    }
}
