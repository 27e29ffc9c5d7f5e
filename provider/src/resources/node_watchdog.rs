//! Node watchdogs: one line of `/etc/default/pve-ha-manager` on the node, and what the kernel has in use.

use pve_schemas::NodeWatchdog;
use pve_schemas::node_watchdog::{DEFAULT, Defaults, PATH, active_module, is_same_module};
use pve_schemas::value::NodeName;

use super::operations::{OpContext, simple_id};
use super::over_ssh::{ambiguous_failure, members, ssh_failure};
use super::ssh_resource::SshResource;
use crate::framework::{Cause, Failure, Freshness, Path, Value, to_model};
use crate::ssh::{Command, node_file};

const MODULES: &str = "/proc/modules";

/// What a shell exits with where there is no such program; sudo has 1 and the same words.
const NO_PROGRAM: u32 = 127;

impl SshResource for NodeWatchdog {
    fn id(object: &Value) -> Option<String> {
        object.at("node").as_str().map(str::to_owned)
    }

    fn parse_id(id: &str) -> Result<Value, String> {
        simple_id("node", NodeName::FORMAT, id)
    }

    async fn find(
        op: &OpContext<'_>,
        object: &Value,
        freshness: Freshness,
    ) -> Result<Option<(Self, Option<String>)>, Failure> {
        let node = object.at("node").as_str().unwrap_or_default();
        let members = members(op).await?;
        let Some(member) = members.iter().find(|member| member.name == node) else { return Ok(None) };
        if let (false, Freshness::Shared, Ok(prior)) = (member.online, freshness, to_model::<Self>(object)) {
            op.cx.warn(
                "A node's watchdog could not be read",
                format!("{node}: the node is down. The state keeps the last known watchdog."),
            );
            return Ok(Some((prior, None)));
        }
        let ssh = op.ssh()?;
        let text = node_file::read(&ssh, node, PATH, &op.call()).await.map_err(ssh_failure(node))?.unwrap_or_default();
        let defaults = Defaults::parse(&text);
        let Some(module) = defaults.module() else { return Ok(None) };
        // A name with a dash means the same module.
        let known = object.at("module").as_str().filter(|known| is_same_module(known, module));
        let modules = node_file::read(&ssh, node, MODULES, &op.call()).await.map_err(ssh_failure(node))?;
        let active = active_module(&modules.unwrap_or_default(), module);
        let noun = Self {
            node: node.parse().map_err(|e| Failure::refused(format!("{node:?}: {e}.")))?,
            module: known.unwrap_or(module).to_owned(),
            reboot_required: Some(active.as_deref().is_none_or(|active| !is_same_module(active, module))),
            active_module: active,
        };
        Ok(Some((noun, Some(text))))
    }

    async fn create(op: &OpContext<'_>, planned: &Self) -> Result<(), Failure> {
        refuse_what_does_not_exist(op, planned).await?;
        edit(op, planned.node.as_str(), None, |defaults| {
            if let Some(module) = defaults.module() {
                return Err(Failure::new(Cause::Exists, format!("{}: {PATH} sets {module} already.", planned.node)));
            }
            defaults.set(&planned.module);
            Ok(())
        })
        .await?;
        warn_of_reboot(op, planned.node.as_str(), &planned.module).await
    }

    async fn update(op: &OpContext<'_>, _: &Self, revision: Option<&str>, to: &Self) -> Result<(), Failure> {
        refuse_what_does_not_exist(op, to).await?;
        edit(op, to.node.as_str(), revision, |defaults| {
            defaults.set(&to.module);
            Ok(())
        })
        .await?;
        warn_of_reboot(op, to.node.as_str(), &to.module).await
    }

    async fn delete(op: &OpContext<'_>, state: &Self) -> Result<(), Failure> {
        let node = state.node.as_str();
        if !members(op).await?.iter().any(|member| member.name == node) {
            return Err(Failure::new(Cause::Absent, format!("{node} is no longer in the cluster.")));
        }
        edit(op, node, None, |defaults| {
            if defaults.module().is_none() {
                return Err(Failure::new(Cause::Absent, format!("{node}: {PATH} sets no module.")));
            }
            defaults.unset();
            Ok(())
        })
        .await?;
        warn_of_reboot(op, node, DEFAULT).await
    }

    async fn list(op: &OpContext<'_>) -> Result<Vec<Self>, Failure> {
        let mut found = Vec::new();
        for member in members(op).await? {
            if !member.online {
                let node = member.name;
                op.cx.warn(format!("Left out: the watchdog of {node}"), format!("{node}: the node is down."));
                continue;
            }
            let object = Value::object([("node", Value::from(member.name))]);
            found.extend(Self::find(op, &object, Freshness::Fresh).await?.map(|(noun, _)| noun));
        }
        Ok(found)
    }
}

/// Changes the file, as long as it still is `revision` if that is given.
async fn edit(
    op: &OpContext<'_>,
    node: &str,
    revision: Option<&str>,
    change: impl FnOnce(&mut Defaults) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let ssh = op.ssh()?;
    let text = node_file::read(&ssh, node, PATH, &op.call()).await.map_err(ssh_failure(node))?.unwrap_or_default();
    if revision.is_some_and(|revision| revision != text) {
        return Err(Failure::new(Cause::Stale, format!("{node}: {PATH} was changed outside of Terraform just now.")));
    }
    let mut defaults = Defaults::parse(&text);
    change(&mut defaults)?;
    let new = defaults.text();
    if new == text {
        return Ok(());
    }
    node_file::replace(&ssh, node, PATH, &new, &op.call()).await.map_err(ambiguous_failure(node))
}

/// With a module that isn't there the node has no watchdog after its next boot, and HA doesn't work on it.
async fn refuse_what_does_not_exist(op: &OpContext<'_>, watchdog: &NodeWatchdog) -> Result<(), Failure> {
    let node = watchdog.node.as_str();
    let command = Command::new("modinfo").args(["-F", "filename", &watchdog.module]).reading();
    let output = op.ssh()?.run(node, &command, &op.call()).await.map_err(ssh_failure(node))?;
    if output.is_success() {
        return Ok(());
    }
    if output.exit == NO_PROGRAM || output.stderr_text().ends_with("command not found") {
        return Err(Failure::refused(format!(
            "{node}: the program `modinfo` is missing, so the provider can't check whether the kernel has the module \
             {}. Nothing was changed.\nInstall it (`apt install kmod`), then apply again.\n{}",
            watchdog.module,
            output.stderr_text()
        )));
    }
    Err(Failure::refused(format!(
        "{node}: its kernel has no module {}, so the node would have no watchdog after its next boot. Nothing was \
         changed.\n{}",
        watchdog.module,
        output.stderr_text()
    ))
    .at(Path::attribute("module")))
}

async fn warn_of_reboot(op: &OpContext<'_>, node: &str, module: &str) -> Result<(), Failure> {
    // The change is made: the next plan reports a value that can't be read now.
    let Ok(modules) = node_file::read(&op.ssh()?, node, MODULES, &op.call()).await else { return Ok(()) };
    let active = active_module(&modules.unwrap_or_default(), module);
    if active.as_deref().is_some_and(|active| is_same_module(active, module)) {
        return Ok(());
    }
    let now = active.map_or_else(|| "no known watchdog".to_owned(), |active| format!("the watchdog {active}"));
    op.cx.warn(
        "The node has to be rebooted",
        format!(
            "{node}: {module} is set and loaded at the next boot; until then the node has {now}. Put the node into \
             maintenance (`pve_node_maintenance`), reboot it, and end the maintenance."
        ),
    );
    Ok(())
}
