//! root of the joining node gets into the member with its own key, as root of every member does: `pvecm add --use_ssh` needs that,
//! and can ask for no password here. Both keys are passed over connections whose host keys the provider trusts.

use crate::call::Call;
use crate::framework::Failure;
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::{demand_quorum, ssh_failure};
use crate::ssh::{Command, NoLogin, Ssh, no_login, node_file};

/// What root of a node logs in with; Proxmox makes it when it is installed.
const KEY: &str = "/root/.ssh/id_rsa";
const PUBLIC_KEY: &str = "/root/.ssh/id_rsa.pub";

/// The keys that root of every member lets in.
const AUTHORIZED: &str = "/etc/pve/priv/authorized_keys";

/// The key of a host, and which keys root takes for whose.
const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key.pub";
const KNOWN: &str = "/root/.ssh/known_hosts";

/// Sees to it that root of `node` can log in to `member`, which is at `address`.
pub(super) async fn demand(
    op: &OpContext<'_>,
    ssh: &Ssh,
    node: &str,
    member: &str,
    address: &str,
) -> Result<(), Failure> {
    let call = op.call();
    // Both may be missing, one after the other.
    for _ in 0..2 {
        match probe(ssh, node, address, &call).await? {
            None => return Ok(()),
            Some((NoLogin::HostKey, _)) => {
                let key = demand_file(ssh, member, HOST_KEY, &call).await?;
                tracing::info!(node, member, "the host key of the member is made known");
                append(ssh, node, KNOWN, &format!("{address} {}", words(&key, 2)), &call).await?;
            }
            Some((NoLogin::Denied, _)) => {
                let key = demand_file(ssh, node, PUBLIC_KEY, &call).await?;
                demand_quorum(op, node).await?;
                tracing::info!(node, member, "root of the joining node is let in");
                append(ssh, member, AUTHORIZED, key.trim(), &call).await?;
            }
            Some((NoLogin::Unreachable, said)) => return Err(closed(node, member, address, &said)),
        }
    }
    match probe(ssh, node, address, &call).await? {
        None => Ok(()),
        Some((_, said)) => Err(closed(node, member, address, &said)),
    }
}

/// Why root of `node` can't log in at `address`, and what was said; none if it can.
async fn probe(ssh: &Ssh, node: &str, address: &str, call: &Call) -> Result<Option<(NoLogin, String)>, Failure> {
    let login = format!("root@{address}");
    // As pvecm asks. It installs nothing: without a key that is let in, it would have to type a password.
    let over = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-i", KEY, &login];
    let command = Command::new("ssh-copy-id").args(over).reading();
    let output = ssh.run(node, &command, call).await.map_err(ssh_failure(node))?;
    if output.is_success() {
        return Ok(None);
    }
    let said = output.stderr_text();
    Ok(Some((no_login(&said), said.replace('\n', " "))))
}

async fn demand_file(ssh: &Ssh, node: &str, path: &str, call: &Call) -> Result<String, Failure> {
    let text = node_file::read(ssh, node, path, call).await.map_err(ssh_failure(node))?;
    text.ok_or_else(|| {
        Failure::refused(format!(
            "{node}: it has no {path}, which a join over SSH needs. Nothing was changed.\nMake the key (`ssh-keygen -t rsa -b 4096` for \
             root, `ssh-keygen -A` for the host), then apply again."
        ))
    })
}

/// Adds a line to a file, unless it has that line.
async fn append(ssh: &Ssh, node: &str, path: &str, line: &str, call: &Call) -> Result<(), Failure> {
    let mut text = node_file::read(ssh, node, path, call).await.map_err(ssh_failure(node))?.unwrap_or_default();
    if text.lines().any(|known| known.trim() == line) {
        return Ok(());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    text.push('\n');
    node_file::replace(ssh, node, path, &text, call).await.map_err(ssh_failure(node))
}

/// The first words of a line.
fn words(line: &str, count: usize) -> String {
    line.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}

fn closed(node: &str, member: &str, address: &str, said: &str) -> Failure {
    Failure::refused(format!(
        "{node}: root of the joining node can't log in to {member} at {address}, which a join over SSH needs. Nothing was changed.\nRun \
         `ssh root@{address}` on {node}, and correct what it says, then apply again.\n{said}"
    ))
}
