//! Asking a fence device for the state of every node it is connected to, with its agent's `status` action. Options go to the
//! agent's stdin, as fence agents take them: every user of the node can read a command line.

use std::time::Duration;

use pve_schemas::FenceDevice;
use pve_schemas::fence_device::{AgentStatus, Connect, status_input};

use crate::framework::Failure;
use crate::resources::operations::OpContext;
use crate::resources::over_ssh::{any_node, members};
use crate::ssh::{Command, Output};

/// A management controller may be slow to log in to.
const LIMIT: Duration = Duration::from_mins(1);

pub(super) async fn run(op: &OpContext<'_>, device: &FenceDevice) -> Result<(), Failure> {
    let members = members(op).await?;
    let (mut lines, mut all_well) = (Vec::new(), true);
    for connect in &device.connect {
        // Asked from where it would be fenced from.
        let node = any_node(&members, Some(connect.node.as_str()))?;
        let command = Command::new(device.agent.as_str()).stdin(input(device, connect)).may_take(LIMIT).reading();
        let answer = match op.ssh()?.run(node, &command, &op.call()).await {
            Ok(output) => result(device.agent.as_str(), &output),
            Err(error) => Err(error.quote()),
        };
        all_well &= answer.is_ok();
        let answer = without_secrets(device, answer.unwrap_or_else(|problem| problem));
        tracing::info!(device = %device.device(), node = connect.node.as_str(), asked_from = node, "{answer}");
        lines.push(format!("- {}, asked from {node}: {answer}", connect.node));
    }
    if all_well {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{}: it is configured, but does not report the state of every node:\n{}\nCorrect the options, or set `verify = \
         false`.",
        device.device(),
        lines.join("\n")
    )))
}

/// The agent's input: the options of the connection go before those of the device.
fn input(device: &FenceDevice, connect: &Connect) -> String {
    let of_device = device.options.iter().chain(device.secret_options.iter()).chain(device.secret_options_wo.iter());
    let of_connect =
        connect.options.iter().chain(connect.secret_options.iter()).chain(connect.secret_options_wo.iter());
    status_input(of_device.chain(of_connect))
}

/// What the exit code of a fence agent's `status` says.
fn result(agent: &str, output: &Output) -> Result<String, String> {
    match output.exit.into() {
        AgentStatus::On => Ok("on".to_owned()),
        AgentStatus::Off => Ok("off".to_owned()),
        AgentStatus::Missing => Err(format!("{agent} can't be run there; install it (`apt install fence-agents`)")),
        AgentStatus::Failed(exit) => {
            let words = [output.stderr_text(), output.text()].into_iter().find(|text| !text.trim().is_empty());
            Err(format!("exit code {exit}: {}", words.unwrap_or_default().trim().replace('\n', " ")))
        }
    }
}

/// An agent that quotes its options must not spread a secret.
fn without_secrets(device: &FenceDevice, text: String) -> String {
    let of_device = device.secret_options.iter().chain(device.secret_options_wo.iter());
    let of_connects = device.connect.iter().flat_map(|c| c.secret_options.iter().chain(c.secret_options_wo.iter()));
    let secrets = of_device.chain(of_connects).map(|(_, value)| value);
    secrets.filter(|secret| !secret.is_empty()).fold(text, |text, secret| text.replace(secret, "…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> FenceDevice {
        serde_json::from_str(
            r#"{"name": "ipmi", "agent": "fence_ipmilan", "options": {"ip": "10.0.0.1", "lanplus": "", "power-wait": "4"},
                "secret_options": {"password": "hunter2"}, "secret_options_wo": {"passwd": "hunter3"},
                "connect": [{"node": "pve1", "options": {"action": "off", "ip": "10.0.0.2"}, "secret_options": null,
                             "secret_options_wo": {"token": "hunter4"}}]}"#,
        )
        .unwrap()
    }

    #[test]
    fn options_become_lines_and_the_action_is_harmless() {
        let device = device();
        assert_eq!(
            input(&device, &device.connect[0]),
            "ip=10.0.0.2\nlanplus=1\npasswd=hunter3\npassword=hunter2\npower_wait=4\ntoken=hunter4\naction=status\n"
        );
    }

    #[test]
    fn an_agent_that_quotes_a_secret_does_not_spread_it() {
        let said = "login hunter2, hunter3, hunter4 failed".to_owned();
        assert_eq!(without_secrets(&device(), said), "login …, …, … failed");
    }
}
