//! The joining node as it describes itself, before it has anything of the cluster.

use std::net::IpAddr;

use pve_schemas::ClusterMember;
use secrecy::SecretString;
use serde_json::Value as Json;

use crate::call::Call;
use crate::client::{Certificate, Credentials, Endpoint, ErrorKind, Fingerprint, path, wire};
use crate::framework::{Failure, Path};
use crate::resources::door::Door;
use crate::resources::membership::Membership;
use crate::resources::operations::OpContext;
use crate::session::SshAccess;
use crate::ssh::{Command, Ssh};

/// The type of a join's task.
pub(super) const TASK: &str = "clusterjoin";

/// The port of a node's API.
const PORT: u16 = 8006;

/// What the members encrypt with: a node that has it was or is in a cluster.
pub(super) const KEY: &str = "/etc/corosync/authkey";

/// What the configuration says of how to get there.
#[derive(Clone, Debug, Default)]
pub(super) struct Route<'a> {
    pub(super) node: &'a str,
    pub(super) address: &'a str,
    pub(super) ssh: Option<bool>,
    /// None where it is not known yet.
    pub(super) password: Option<&'a str>,
    pub(super) fingerprint: Option<&'a str>,
}

impl<'a> Route<'a> {
    pub(super) fn of(planned: &'a ClusterMember) -> Self {
        Self {
            node: planned.node.as_str(),
            address: &planned.address,
            ssh: planned.ssh,
            password: planned.root_password_wo.as_ref().map(|secret| secret.0.as_str()),
            fingerprint: planned.fingerprint.as_deref(),
        }
    }

    /// Whether it is SSH: as configured, else where the provider block has it.
    pub(super) fn is_ssh(&self, op: &OpContext<'_>) -> bool {
        self.ssh.unwrap_or(!matches!(op.configured.ssh, SshAccess::Absent))
    }

    /// The way to the joining node.
    ///
    /// # Errors
    /// Something that this way needs is not configured.
    pub(super) fn door(&self, op: &OpContext<'_>) -> Result<Door, Failure> {
        if self.is_ssh(op) {
            if matches!(op.configured.ssh, SshAccess::Absent) {
                return Err(without_ssh(self.node));
            }
            let ssh = op.ssh().map_err(|failure| failure.at(Path::attribute("ssh")))?;
            ssh.place(self.node, host(self.address));
            return Ok(Door::Shell { ssh, node: self.node.to_owned() });
        }
        let refuse = |name: &str, problem: String| {
            Failure::refused(format!("{}: {problem} Nothing was sent.", self.node)).at(Path::attribute(name))
        };
        let Some(password) = self.password else {
            let problem = "a join by the API needs the password of root@pam on the joining node. Set `root_password_wo` and \
                           `root_password_wo_version`, or join over SSH: add an `ssh` block to the provider block.";
            return Err(refuse("root_password_wo", problem.to_owned()));
        };
        let endpoint = Endpoint::parse(&url(self.address)).map_err(|error| refuse("address", format!("{error}.")))?;
        let credentials = Credentials::password("root@pam", SecretString::from(password.to_owned()), None);
        let credentials = credentials.map_err(|error| refuse("root_password_wo", format!("{error}.")))?;
        let pin = self.fingerprint.map(Fingerprint::parse).transpose();
        let pin = pin.map_err(|error| refuse("fingerprint", format!("{error}.")))?;
        let client = op.client().of_another(endpoint, credentials, pin);
        client.map(Door::Https).map_err(|error| refuse("address", format!("{error}.")))
    }
}

/// What keeps the provider from asking the joining node, as its API or its shell refuses it.
pub(super) enum Unasked {
    /// An argument is wrong, whatever else changes.
    Wrong(Failure),
    /// It may change: the machine is not there yet.
    Silent(Failure),
}

impl Route<'_> {
    /// What a failure means for the arguments of this node: texts about the provider block would be about another one.
    pub(super) fn unasked(&self, failure: Failure) -> Unasked {
        let error = failure.source.as_ref().and_then(|source| source.error().downcast_ref::<crate::client::Error>());
        let Some(error) = error else { return Unasked::Silent(failure) };
        let (node, address, quote) = (self.node, self.address, error.quote());
        let at = |attribute: &str, text: String| {
            Failure::refused(format!("{node}: {text}\n{quote}")).at(Path::attribute(attribute)).because(error.clone())
        };
        match error.kind() {
            ErrorKind::Unauthorized => Unasked::Wrong(at(
                "root_password_wo",
                format!(
                    "the node at {address} refuses the login. Nothing was sent.\nSet `root_password_wo` to the password of root@pam on {node}, \
                     then run the command again."
                ),
            )),
            ErrorKind::SecondFactor => Unasked::Wrong(at(
                "root_password_wo",
                format!(
                    "the login of root@pam on {node} needs a second factor. Nothing was sent.\nRemove the second factor until the node has \
                     joined, or join over SSH."
                ),
            )),
            ErrorKind::Certificate(Certificate::WrongPin) => Unasked::Wrong(at(
                "fingerprint",
                format!(
                    "the certificate of {address} is not the one of `fingerprint`. Nothing was sent.\nCompare it with the one that the web \
                     interface of {node} shows (System > Certificates). If they are equal, the connection may be intercepted."
                ),
            )),
            ErrorKind::Certificate(_) => Unasked::Wrong(at(
                "fingerprint",
                format!(
                    "the certificate of {address} can't be verified. Nothing was sent.\nSet `fingerprint` to the SHA-256 fingerprint that the \
                     web interface of {node} shows (System > Certificates)."
                ),
            )),
            _ => Unasked::Silent(at(
                "address",
                format!("it does not answer at {address}. Check `address`, and that the node and its API are up."),
            )),
        }
    }
}

/// `ssh = true` where the provider block has no SSH.
fn without_ssh(node: &str) -> Failure {
    Failure::refused(format!(
        "{node}: `ssh = true` needs an `ssh` block in the provider block, which has none. Nothing was sent.\nAdd the block, or set `ssh = \
         false` with `root_password_wo` and `peer_password_wo` for a join by the API."
    ))
    .at(Path::attribute("ssh"))
}

/// The host and the port in an address.
fn split(address: &str) -> (&str, Option<u16>) {
    if address.parse::<IpAddr>().is_ok() {
        return (address, None);
    }
    match address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host.trim_matches(['[', ']']), Some(port)),
        None => (address.trim_matches(['[', ']']), None),
    }
}

/// The host in an address.
pub(super) fn host(address: &str) -> &str {
    split(address).0
}

fn url(address: &str) -> String {
    let (host, port) = split(address);
    let port = port.unwrap_or(PORT);
    if host.contains(':') { format!("https://[{host}]:{port}") } else { format!("https://{host}:{port}") }
}

/// What the joining node says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Joiner {
    pub(super) name: String,
    /// Its release, `9.2`.
    pub(super) release: String,
    /// The name of the cluster that it is in, or has the configuration of.
    pub(super) cluster: Option<String>,
    /// Whether other nodes of that cluster are online for it.
    pub(super) has_peers: bool,
    /// Whether it has the key of a cluster; only its shell says that.
    pub(super) has_key: bool,
    pub(super) guests: Vec<i64>,
    /// None where it may have more than it says.
    pub(super) addresses: Option<Vec<IpAddr>>,
    /// The address of its name.
    pub(super) ip: Option<String>,
    /// The join that it is at work on.
    pub(super) task: Option<String>,
    /// Its clock, in seconds since 1970.
    pub(super) time: Option<i64>,
}

impl Joiner {
    /// Asks it.
    ///
    /// # Errors
    /// It can't be asked.
    pub(super) async fn read(door: &Door, node: &str, call: &Call) -> Result<Self, Failure> {
        let (status, totem, version, guests) = tokio::try_join!(
            door.get(node, "/cluster/status", &[], call),
            door.get(node, "/cluster/config/totem", &[], call),
            door.get(node, "/version", &[], call),
            door.get(node, "/cluster/resources", &[("type", "vm")], call),
        )?;
        let own = Membership::of(status.as_array().map_or(&[], Vec::as_slice), &[], &totem);
        let name = own.local.as_str();
        let (has_key, addresses, task, time) = tokio::join!(
            has_key(door, call),
            door.addresses(name, call),
            door.running(name, TASK, call),
            time(door, name, call)
        );
        let here = guests.as_array().into_iter().flatten().filter(|row| row["node"] == name);
        let mut guests: Vec<i64> = here.filter_map(|row| wire::integer(&row["vmid"])).collect();
        guests.sort_unstable();
        Ok(Self {
            release: version["release"].as_str().unwrap_or_default().to_owned(),
            cluster: own.name.clone().or(own.configured.clone()),
            ip: own.nodes.get(name).and_then(|node| node.ip.clone()),
            has_peers: own.nodes.iter().any(|(other, node)| other != name && node.online),
            name: name.to_owned(),
            has_key,
            guests,
            addresses,
            task,
            time,
        })
    }
}

/// The clock of `node`.
pub(super) async fn time(door: &Door, node: &str, call: &Call) -> Option<i64> {
    let answer: Json = door.get(node, &path(["nodes", node, "time"]), &[], call).await.ok()?;
    wire::integer(&answer["time"])
}

async fn has_key(door: &Door, call: &Call) -> bool {
    let Door::Shell { ssh, node } = door else { return false };
    has_file(ssh, node, KEY, call).await
}

async fn has_file(ssh: &Ssh, node: &str, file: &str, call: &Call) -> bool {
    let command = Command::new("test").args(["-e", file]).reading();
    ssh.run(node, &command, call).await.is_ok_and(|output| output.is_success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_port() {
        for (address, host, expected) in [
            ("10.0.0.12", "10.0.0.12", "https://10.0.0.12:8006"),
            ("10.0.0.12:8443", "10.0.0.12", "https://10.0.0.12:8443"),
            ("pve2.example.com", "pve2.example.com", "https://pve2.example.com:8006"),
            ("fd00::12", "fd00::12", "https://[fd00::12]:8006"),
            ("[fd00::12]:8443", "fd00::12", "https://[fd00::12]:8443"),
            ("[fd00::12]", "fd00::12", "https://[fd00::12]:8006"),
        ] {
            assert_eq!((split(address).0, url(address).as_str()), (host, expected));
            assert_eq!(pve_schemas::value::check("pve-address", address), Ok(()), "{address}");
        }
        for bad in ["", "https://10.0.0.12", "10.0.0.12:0", "10.0.0.12:x", "a b", "[10.0.0.12", "-a", "[pve2]"] {
            assert!(pve_schemas::value::check("pve-address", bad).is_err(), "{bad}");
        }
    }
}
