//! Fence devices, fencing mode, watchdogs.

use std::fmt;

use pve_schemas::fence_device::{DeviceId, FenceCfg, Section, status_input};
use pve_schemas::node_watchdog::{DEFAULT, Defaults, active_module, is_same_module};
use pve_schemas::value::Entry;

use super::shell::{Shell, needs_ssh, unasked};
use super::verdict::{Verdict, fail, named, pass, skipped};
use super::{Demands, Facts};
use crate::words::{by, counted};

/// A device in `fence.cfg` as connected to one node, and how to ask it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FenceConnection {
    /// The device, with its number where that is not 1.
    pub device: String,
    /// The node it fences.
    pub node: String,
    /// Agent and input that tell the node's state; or why there is nothing to ask.
    pub question: Result<FenceQuestion, String>,
}

/// What to run, and what to tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct FenceQuestion {
    pub agent: String,
    /// Its stdin; may hold a password.
    pub input: String,
}

impl fmt::Debug for FenceQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FenceQuestion").field("agent", &self.agent).finish_non_exhaustive()
    }
}

/// The connected devices of `fence.cfg`, in the order of the file.
pub fn connections_of(text: &str) -> Vec<FenceConnection> {
    let file = FenceCfg::parse(text.as_bytes());
    file.devices().iter().flat_map(|id| connections(id, file.section(id))).collect()
}

fn connections(id: &DeviceId, section: Result<Option<Section>, String>) -> Vec<FenceConnection> {
    let device = if id.number() == 1 { id.name().to_owned() } else { id.to_string() };
    let connection = |node: &str, question| FenceConnection { device: device.clone(), node: node.to_owned(), question };
    match section {
        Ok(None) => Vec::new(),
        Err(why) => vec![connection("any node", Err(why))],
        Ok(Some(section)) => {
            let connects = section.connects.iter();
            connects.map(|(node, arguments)| connection(node, question(&section, arguments))).collect()
        }
    }
}

/// The file may name any program, and only a fence agent may be run for a question.
fn question(section: &Section, connect: &[String]) -> Result<FenceQuestion, String> {
    let agent = section.agent.clone();
    if !agent.starts_with("fence_") || agent.contains('/') {
        return Err(format!("{agent:?} is not the name of a fence agent, so it was not run"));
    }
    let arguments = section.arguments.iter().chain(connect);
    let options = arguments.map(|argument| argument.split_once('=').unwrap_or((argument, "")));
    Ok(FenceQuestion { agent, input: status_input(options) })
}

pub(super) fn devices(facts: &Facts, _: &Demands) -> Verdict {
    let Shell::Asked { fences, .. } = &facts.shell else { return needs_ssh("fence.cfg and its devices") };
    let fences = match fences {
        Ok(fences) => fences,
        Err(why) => return unasked(why.clone()),
    };
    if fences.is_empty() {
        return skipped("no fence devices are configured or needed: Proxmox fences by watchdog");
    }
    let mute = fences
        .iter()
        .filter_map(|((device, node), answer)| Some(format!("{device} for {node}: {}", answer.as_ref().err()?)));
    let mute: Vec<String> = mute.collect();
    if mute.is_empty() {
        return pass(format!("{} answer{} `status`", counted(fences.len(), "connection"), by(&fences.len(), "s", "")));
    }
    fail(named(mute), "Check that the agent is installed, and check the address, user and password of the device.")
}

pub(super) fn mode(facts: &Facts, _: &Demands) -> Verdict {
    let mode = Entry(&facts.options).text("fencing").unwrap_or_else(|| "watchdog".to_owned());
    if mode == "watchdog" {
        return pass(
            "watchdog: a node that loses quorum is reset by its own watchdog; Proxmox does not act on fence devices",
        );
    }
    fail(
        format!("{mode}: Proxmox's HA manager never runs a fence agent; nodes are fenced by watchdog only"),
        "Set `fencing = \"watchdog\"` with `pve_datacenter_options`. Do not rely on the devices.",
    )
}

pub(super) fn watchdog(facts: &Facts, _: &Demands) -> Verdict {
    let told: Vec<String> =
        facts.status.lrm.iter().filter_map(|lrm| Some(format!("{} {}", lrm.node, lrm.watchdog.as_deref()?))).collect();
    let Shell::Asked { nodes, .. } = &facts.shell else {
        let known = if told.is_empty() { String::new() } else { format!("watchdog-mux: {}; ", told.join(", ")) };
        return needs_ssh(&format!("{known}the device and its module"));
    };
    let (mut troubles, mut silent, mut drivers) = (Vec::new(), Vec::new(), Vec::new());
    for (node, shell) in nodes {
        match &shell.device {
            Some(Ok(true)) => {}
            Some(Ok(false)) => troubles.push(format!("{node} has no /dev/watchdog")),
            Some(Err(why)) => silent.push(format!("{node}: {why}")),
            None => silent.push(format!("{node} was not checked")),
        }
        let configured = match &shell.defaults {
            Some(Ok(defaults)) => Defaults::parse(defaults).module().unwrap_or(DEFAULT).to_owned(),
            Some(Err(why)) => {
                silent.push(format!("{node}: {why}"));
                continue;
            }
            None => {
                silent.push(format!("{node} was not checked"));
                continue;
            }
        };
        match &shell.modules {
            Some(Ok(modules)) => match active_module(modules, &configured) {
                Some(name) if is_same_module(&name, &configured) => drivers.push(format!("{node} {name}")),
                Some(name) => {
                    troubles.push(format!("{node} has {configured} configured and {name} in use until it is rebooted"));
                }
                None => troubles.push(format!("{node} has no watchdog module in use")),
            },
            Some(Err(why)) => silent.push(format!("{node}: {why}")),
            None => silent.push(format!("{node} was not checked")),
        }
    }
    if !troubles.is_empty() {
        return fail(
            named(troubles),
            "See `systemctl status watchdog-mux`; set the module with `pve_node_watchdog`, and reboot the node in maintenance.",
        );
    }
    // A node that could not be asked for the one could not be asked for the other either, mostly.
    silent.dedup();
    if !silent.is_empty() {
        return unasked(named(silent));
    }
    pass(drivers.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shell_of, status};
    use super::*;

    #[test]
    fn devices_answer_or_not() {
        assert_eq!(status(devices, |_| ()), "pass");
        let set = |facts: &mut Facts, answer: Result<(), String>| {
            let Shell::Asked { fences, .. } = &mut facts.shell else { panic!("asked") };
            fences.as_mut().unwrap().insert(("ipmi".into(), "pve1".into()), answer);
        };
        assert_eq!(status(devices, |facts| set(facts, Err("exit code 1".into()))), "fail");
        assert_eq!(status(devices, |facts| facts.shell = Shell::Absent), "unknown");
        let none = |facts: &mut Facts| {
            let Shell::Asked { fences, .. } = &mut facts.shell else { panic!("asked") };
            fences.as_mut().unwrap().clear();
        };
        assert_eq!(status(devices, none), "skipped");
    }

    #[test]
    fn the_file_names_device_agent_and_node() {
        let text = "# x\ndevice ipmi fence_ipmilan 'login=ad min' lanplus\nconnect ipmi node=pve1 ip=10.0.0.1 action=off\n\
                    device lost fence_x a=1\ndevice odd reboot a=1\nconnect odd:1 node=pve2 b=2\n";
        let told: Vec<_> = connections_of(text).into_iter().map(|c| (c.device, c.node, c.question)).collect();
        let [(ipmi, first, Ok(question)), (odd, second, Err(_))] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!([ipmi, first, odd, second], ["ipmi", "pve1", "odd", "pve2"]);
        assert_eq!(question.agent, "fence_ipmilan");
        // Quotes are read as Proxmox reads them, and nothing but the state is ever asked for.
        assert_eq!(question.input, "ip=10.0.0.1\nlanplus=1\nlogin=ad min\naction=status\n");
    }

    #[test]
    fn only_the_watchdog_fences() {
        assert_eq!(status(mode, |_| ()), "pass");
        assert_eq!(status(mode, |facts| facts.options["fencing"] = "hardware".into()), "fail");
    }

    #[test]
    fn a_watchdog_is_a_device_and_a_module_in_use() {
        assert_eq!(status(watchdog, |_| ()), "pass");
        assert_eq!(status(watchdog, |facts| shell_of(facts, "pve1").device = Some(Ok(false))), "fail");
        let other = "w83627hf_wdt 16384 1 - Live 0x0\n";
        let of = |configured: &'static str| {
            status(watchdog, move |facts| {
                let shell = shell_of(facts, "pve1");
                shell.modules = Some(Ok(other.into()));
                shell.defaults = Some(Ok(format!("WATCHDOG_MODULE={configured}\n")));
            })
        };
        // Until the reboot the old one is in use.
        assert_eq!((of("w83627hf_wdt"), of("ipmi_watchdog")), ("pass", "fail"));
        assert_eq!(status(watchdog, |facts| shell_of(facts, "pve1").defaults = Some(Err("x".into()))), "unknown");
        let idle = "softdog 16384 0 - Live 0x0\n";
        assert_eq!(status(watchdog, |facts| shell_of(facts, "pve1").modules = Some(Ok(idle.into()))), "fail");
        assert_eq!(status(watchdog, |facts| shell_of(facts, "pve1").device = Some(Err("x".into()))), "unknown");
        assert_eq!(status(watchdog, |facts| facts.shell = Shell::Absent), "unknown");
    }
}
