//! The nodes: which version of the file each runs, and whether its links are connected.

use std::time::Duration;

use futures_util::future::join_all;
use pve_schemas::corosync::{CorosyncConf, LOCAL_PATH, LinkState, link_states};

use super::{Look, SUBJECT};
use crate::framework::{Failure, Freshness};
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::ssh_failure;
use crate::ssh::{Command, Output, node_file};

/// Between two looks at the nodes.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How long the nodes may take: pmxcfs copies the file and reloads Corosync after a second, and a new link needs some pings.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long they may take before an edit: what went before is over, or about to be.
const PRIOR_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a running Corosync has the version that it has loaded.
const VERSION_KEY: &str = "totem.config_version";

/// Whether every online node runs the file; none where one of them can't be asked.
pub(super) async fn in_effect(op: &OpContext<'_>, look: &Look) -> Result<Option<bool>, Failure> {
    let Some(version) = look.conf.config_version() else { return Ok(None) };
    let running = join_all(online(look).map(|node| running(op, node))).await;
    if op.call().stop.is_cancelled() {
        return Err(Failure::refused(format!("{SUBJECT}: interrupted. Nothing was changed.")));
    }
    let is_other = |running: &Result<Option<i64>, Failure>| matches!(running, Ok(found) if *found != Some(version));
    if running.iter().any(is_other) {
        return Ok(Some(false));
    }
    Ok(running.iter().all(Result::is_ok).then_some(true))
}

/// Makes the nodes load the file that have it and run an older version.
pub(super) async fn reload(op: &OpContext<'_>, look: &Look) -> Result<(), Failure> {
    let Some(version) = look.conf.config_version() else { return Ok(()) };
    for node in online(look) {
        if running(op, node).await? == Some(version) {
            continue;
        }
        let ssh = op.ssh()?;
        let local = node_file::read(&ssh, node, LOCAL_PATH, &op.call()).await.map_err(ssh_failure(node))?;
        // Without the copy there is nothing to load: pmxcfs is to write it first.
        if local.is_some_and(|local| CorosyncConf::parse(&local).config_version() == Some(version)) {
            tracing::info!(node, version, "Corosync is made to load its configuration");
            let command = Command::new("corosync-cfgtool").arg("-R");
            ssh.run(node, &command, &op.call()).await.and_then(Output::success).map_err(ssh_failure(node))?;
        }
    }
    Ok(())
}

/// Refuses an edit that a node would miss.
pub(super) fn demand_all_online(look: &Look) -> Result<(), Failure> {
    let down = look.members.iter().filter(|member| !member.online).map(|member| member.name.as_str());
    let down: Vec<&str> = down.collect();
    if down.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{SUBJECT}: all nodes have to be online, and {} is not. Nothing was changed.\nBring it back, or remove it from the \
         cluster if it is gone for good (`pvecm delnode`). Then apply again.",
        down.join(", ")
    )))
}

/// Waits until every online node runs the file as it is now, and all its links are connected.
///
/// # Errors
/// Names the nodes that don't, and the links.
pub(super) async fn await_take_over(op: &OpContext<'_>) -> Result<(), Failure> {
    let lacking = lacking_after(op, TAKE_OVER_TIMEOUT).await?;
    lacking.map_or(Ok(()), |list| {
        Err(Failure::refused(format!(
            "{SUBJECT}: the file is written, and not every node runs it with all links connected:\n{list}\nSee `journalctl \
             -u corosync -u pve-cluster` there, and the cables, switches and MTU of a link that is down. Then apply again: \
             that completes the change."
        )))
    })
}

/// Refuses an edit before which it is not so: a link that is down could be the one that is needed, and a node that runs an older
/// version would get two changes at once.
pub(super) async fn demand_in_effect(op: &OpContext<'_>) -> Result<(), Failure> {
    let lacking = lacking_after(op, PRIOR_TIMEOUT).await?;
    lacking.map_or(Ok(()), |list| {
        Err(Failure::refused(format!(
            "{SUBJECT}: every node has to run corosync.conf as it is in /etc/pve, with all links connected, before the file \
             is changed:\n{list}\nNothing was changed. See `journalctl -u corosync -u pve-cluster` there, and the cables, \
             switches and MTU of a link that is down. Then apply again."
        )))
    })
}

/// What is lacking still after `limit`, as a list; none as soon as nothing is.
async fn lacking_after(op: &OpContext<'_>, limit: Duration) -> Result<Option<String>, Failure> {
    let end = tokio::time::Instant::now() + limit;
    loop {
        let look = Look::new(op, Freshness::Fresh).await?;
        let Some(look) = look else { return Ok(None) };
        let lacking = lacking(op, &look).await;
        if lacking.is_empty() {
            return Ok(None);
        }
        tracing::info!(lacking = lacking.join("; "), "waiting for the nodes to take over corosync.conf");
        if tokio::time::Instant::now() >= end || !op.call().pause(POLL_INTERVAL).await {
            let list = lacking.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n");
            return Ok(Some(list));
        }
    }
}

/// What keeps the file from being in effect, a line each.
async fn lacking(op: &OpContext<'_>, look: &Look) -> Vec<String> {
    let version = look.conf.config_version();
    let each = join_all(online(look).map(|node| async move {
        let mut lacking = Vec::new();
        match running(op, node).await {
            Ok(found) if found == version => {}
            Ok(Some(found)) => {
                let version = version.map_or_else(|| "unknown".to_owned(), |version| version.to_string());
                lacking.push(format!("{node} runs version {found}; the file has {version}"));
            }
            Ok(None) => lacking.push(format!("{node}: Corosync does not run")),
            Err(failure) => lacking.push(failure.detail.replace('\n', " ")),
        }
        lacking.extend(down_links(op, look, node).await);
        lacking
    }));
    each.await.into_iter().flatten().collect()
}

/// The links of a node that are not connected, or not in use.
async fn down_links(op: &OpContext<'_>, look: &Look, node: &str) -> Vec<String> {
    let printed = match read(op, node, Command::new("corosync-cfgtool").arg("-s")).await {
        Ok(output) if output.is_success() => output.text(),
        Ok(output) => return vec![format!("{node}: corosync-cfgtool -s: {}", output.stderr_text())],
        Err(failure) => return vec![failure.detail.replace('\n', " ")],
    };
    let nodes = look.conf.nodes();
    let online: Vec<&str> = online(look).collect();
    let name = |id: &str| nodes.iter().find(|node| node.id.is_some_and(|known| known.to_string() == id));
    let states: Vec<LinkState> = link_states(&printed).collect();
    // Towards a node that is down every link is, and that is no fault of the file.
    let down = states
        .iter()
        .filter(|state| !state.is_up() && name(&state.peer).is_none_or(|peer| online.contains(&peer.name.as_str())));
    let down = down.map(|state| match name(&state.peer) {
        Some(peer) => format!("{node}: link {} to {} is {}", state.link, peer.name, state.state),
        None => format!("{node}: {state}"),
    });
    let links = look.conf.links().into_iter();
    let unused = links.filter(|link| !states.iter().any(|state| state.link == *link));
    down.chain(unused.map(|link| format!("{node}: link {link} is not in use yet"))).collect()
}

/// The version that Corosync runs on a node; none if it does not run.
async fn running(op: &OpContext<'_>, node: &str) -> Result<Option<i64>, Failure> {
    let output = read(op, node, Command::new("corosync-cmapctl").args(["-g", VERSION_KEY])).await?;
    Ok(version(&output.text()).filter(|_| output.is_success()))
}

/// `totem.config_version (u64) = 3`
fn version(printed: &str) -> Option<i64> {
    let line = printed.lines().find(|line| line.starts_with(VERSION_KEY))?;
    line.rsplit_once('=')?.1.trim().parse().ok()
}

async fn read(op: &OpContext<'_>, node: &str, command: Command) -> Result<Output, Failure> {
    op.ssh()?.run(node, &command.reading(), &op.call()).await.map_err(ssh_failure(node))
}

/// Whether `node` is one of the nodes, and online.
pub(super) fn is_online(look: &Look, node: &str) -> bool {
    online(look).any(|online| online == node)
}

fn online(look: &Look) -> impl Iterator<Item = &str> {
    look.members.iter().filter(|member| member.online).map(|member| member.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_version_is_what_cmapctl_prints() {
        assert_eq!(version("totem.config_version (u64) = 12\n"), Some(12));
        assert_eq!(version("totem.config_version (u64) = x\n"), None);
        assert_eq!(version("Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n"), None);
    }
}
