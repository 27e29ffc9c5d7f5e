//! What the readiness checks ask the nodes themselves, over SSH. Every command only reads.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use pve_schemas::fence_device::{AgentStatus, PATH};
use pve_schemas::node_watchdog;
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use super::adapter::Reader;
use crate::client::{Call, LockDomain};
use crate::framework::Failure;
use crate::readiness::{FenceAnswers, FenceConnection, NodeShell, Shell, connections_of};
use crate::session::SshAccess;
use crate::ssh::{ClusterFile, Command, Error, ErrorKind, Output, Ssh, node_file};

/// How long all questions together may take.
const SHELL_TIMEOUT: Duration = Duration::from_secs(45);
/// Beyond so many nodes each reaches for the next one only.
const MAX_FOR_ALL_PAIRS: usize = 8;

/// Asks every node that is online.
///
/// # Errors
/// The run is interrupted.
pub(super) async fn ask(reader: &Reader<'_>, nodes: &[&str], options: &Json) -> Result<Shell, Failure> {
    let SshAccess::Ready(ssh) = &reader.ssh else { return Ok(Shell::Absent) };
    let soon = tokio::time::Instant::now() + SHELL_TIMEOUT;
    let call = Call::new(reader.call.deadline.min(soon), reader.call.stop.clone());
    let asker = Asker { ssh, call };
    let network = Entry(&options["migration"]).text("network").filter(|network| !network.is_empty());
    let (shells, fences) =
        tokio::join!(join_all(nodes.iter().map(|node| asker.node(node, network.as_deref()))), asker.fences(nodes));
    let mut shells: BTreeMap<String, NodeShell> = nodes.iter().map(|node| (*node).to_owned()).zip(shells).collect();
    asker.pings(&mut shells).await;
    reader.go_on()?;
    Ok(Shell::Asked { nodes: shells, fences })
}

struct Asker<'a> {
    ssh: &'a Ssh,
    call: Call,
}

impl Asker<'_> {
    async fn node(&self, node: &str, network: Option<&str>) -> NodeShell {
        let links = Command::new("corosync-cfgtool").arg("-s");
        let counters = Command::new("corosync-cmapctl").args(["-m", "stats"]);
        let modules = Command::new("cat").args(["--", "/proc/modules"]);
        let device = Command::new("test").args(["-e", "/dev/watchdog"]);
        let (links, counters, modules, defaults, device, address) = tokio::join!(
            self.text(node, links),
            self.text(node, counters),
            self.text(node, modules),
            node_file::read(self.ssh, node, node_watchdog::PATH, &self.call),
            self.run(node, device),
            self.address(node, network),
        );
        NodeShell {
            links: Some(links),
            counters: Some(counters),
            modules: Some(modules),
            defaults: Some(
                defaults.map(Option::unwrap_or_default).map_err(|error| first_line(&words(&error)).to_owned()),
            ),
            device: Some(device.map(|output| output.is_success())),
            address,
            pings: BTreeMap::new(),
        }
    }

    /// The node's address in the migration network.
    async fn address(&self, node: &str, network: Option<&str>) -> Option<Result<Option<String>, String>> {
        let command = Command::new("ip").args(["-o", "address", "show", "to", network?, "up"]);
        Some(self.text(node, command).await.map(|text| first_address(&text)))
    }

    /// Lets the nodes reach for each other.
    async fn pings(&self, nodes: &mut BTreeMap<String, NodeShell>) {
        let addresses: Vec<(String, String)> = nodes
            .iter()
            .filter_map(|(node, shell)| match &shell.address {
                Some(Ok(Some(address))) => Some((node.clone(), address.clone())),
                _ => None,
            })
            .collect();
        let count = addresses.len();
        let steps = if count > MAX_FOR_ALL_PAIRS { 1 } else { count.saturating_sub(1) };
        let pairs = (0..count).flat_map(|from| (1..=steps).map(move |step| (from, (from + step) % count)));
        let asked = pairs.map(|(from, to)| {
            let (from, (peer, address)) = (&addresses[from].0, &addresses[to]);
            let command = Command::new("ping").args(["-c", "1", "-W", "2", address]);
            async move {
                let answer = self.run(from, command).await.map(|output| output.is_success());
                (from.clone(), peer.clone(), answer)
            }
        });
        for (from, peer, answer) in join_all(asked).await {
            if let Some(shell) = nodes.get_mut(&from) {
                shell.pings.insert(peer, answer);
            }
        }
    }

    /// Asks every fence device for the status of its node, from another node.
    async fn fences(&self, nodes: &[&str]) -> Result<FenceAnswers, String> {
        let Some(first) = nodes.first() else { return Err("no node is online".to_owned()) };
        let file = ClusterFile::new(PATH, LockDomain::Ha.lock_name());
        let text = file.read_shared(self.ssh, first, &self.call).await;
        let text = text.map_err(|error| format!("{first}: fence.cfg: {}", first_line(&words(&error))))?;
        let Some(text) = text else { return Ok(FenceAnswers::new()) };
        let connections = connections_of(&text);
        let asked = connections.iter().map(|connection| async {
            let from = nodes.iter().find(|node| **node != connection.node).unwrap_or(first);
            ((connection.device.clone(), connection.node.clone()), self.fence(from, connection).await)
        });
        Ok(join_all(asked).await.into_iter().collect())
    }

    async fn fence(&self, from: &str, connection: &FenceConnection) -> Result<(), String> {
        let question = connection.question.as_ref().map_err(Clone::clone)?;
        let command = Command::new(&question.agent).stdin(question.input.as_bytes().to_vec());
        let output = self.run(from, command).await?;
        match output.exit.into() {
            AgentStatus::On | AgentStatus::Off => Ok(()),
            AgentStatus::Missing => Err(format!("{} can't be run on {from}", question.agent)),
            AgentStatus::Failed(code) => Err(format!("exit code {code}")),
        }
    }

    async fn text(&self, node: &str, command: Command) -> Result<String, String> {
        let name = command.to_string();
        let output = self.run(node, command).await?;
        if output.is_success() {
            return Ok(output.text());
        }
        Err(format!("{name}: {}", first_line(&output.stderr_text())))
    }

    async fn run(&self, node: &str, command: Command) -> Result<Output, String> {
        self.ssh.run(node, &command.reading(), &self.call).await.map_err(|error| words(&error))
    }
}

fn words(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Expired => "the time ran out".to_owned(),
        _ => error.message().to_owned(),
    }
}

/// `2: vmbr0    inet 10.0.0.1/24 brd …`
fn first_address(text: &str) -> Option<String> {
    let mut words = text.split_whitespace().skip_while(|word| !matches!(*word, "inet" | "inet6")).skip(1);
    words.next()?.split('/').next().map(str::to_owned)
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or("it failed and printed nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_what_ip_prints() {
        let line = "2: vmbr0    inet 10.0.0.1/24 brd 10.0.0.255 scope global vmbr0\\       valid_lft forever preferred_lft forever\n";
        assert_eq!(first_address(line).as_deref(), Some("10.0.0.1"));
        assert_eq!(first_address("3: e1    inet6 fd00::1/64 scope global").as_deref(), Some("fd00::1"));
        assert_eq!(first_address(""), None);
    }
}
