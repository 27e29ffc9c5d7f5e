//! Fence devices, fencing mode, watchdogs.

use pve_schemas::value::Entry;

use super::shell::{Shell, needs_ssh, unasked};
use super::verdict::{Verdict, fail, named, pass, skipped};
use super::{Demands, Facts};

/// A device in `fence.cfg` as connected to one node: what its agent is asked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FenceDevice {
    /// Its name, with its number where that is not 1.
    pub name: String,
    /// The node it fences.
    pub node: String,
    /// The program.
    pub agent: String,
    /// What the agent reads, a `key=value` a line, but for the action.
    pub options: Vec<String>,
}

/// The connected devices of `fence.cfg`, in the order of the file.
pub fn devices_of(text: &str) -> Vec<FenceDevice> {
    let words = |line: &str| -> Vec<String> {
        line.split_whitespace().map(|w| w.trim_matches(['\'', '"']).to_owned()).collect()
    };
    let lines: Vec<Vec<String>> =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(words).collect();
    let device = |name: &str| lines.iter().find(|w| w.len() > 3 && w[0] == "device" && same(&w[1], name));
    let connects = lines.iter().filter(|w| w.len() > 3 && w[0] == "connect");
    connects
        .filter_map(|connect| {
            let device = device(&connect[1])?;
            let options = device[3..].iter().chain(&connect[3..]);
            Some(FenceDevice {
                name: connect[1].strip_suffix(":1").unwrap_or(&connect[1]).to_owned(),
                node: connect[2].strip_prefix("node=")?.to_owned(),
                agent: device[2].clone(),
                options: options
                    .map(|word| if word.contains('=') { word.clone() } else { format!("{word}=1") })
                    .collect(),
            })
        })
        .collect()
}

/// `power` is `power:1`.
fn same(a: &str, b: &str) -> bool {
    a.strip_suffix(":1").unwrap_or(a) == b.strip_suffix(":1").unwrap_or(b)
}

pub(super) fn devices(facts: &Facts, _: &Demands) -> Verdict {
    let Shell::Asked { fences, .. } = &facts.shell else { return needs_ssh("fence.cfg and its devices") };
    let fences = match fences {
        Ok(fences) => fences,
        Err(why) => return unasked(why.clone()),
    };
    if fences.is_empty() {
        return skipped("there are none, and none is needed: Proxmox fences by watchdog");
    }
    let mute = fences
        .iter()
        .filter_map(|((device, node), answer)| Some(format!("{device} for {node}: {}", answer.as_ref().err()?)));
    let mute: Vec<String> = mute.collect();
    if mute.is_empty() {
        return pass(format!("{} connections answer `status`", fences.len()));
    }
    fail(named(mute), "See that the agent is installed, and address, user and password of the device.")
}

pub(super) fn mode(facts: &Facts, _: &Demands) -> Verdict {
    let mode = Entry(&facts.options).text("fencing").unwrap_or_else(|| "watchdog".to_owned());
    if mode == "watchdog" {
        return pass(
            "watchdog: a node that loses quorum is reset by its own watchdog; Proxmox does not act on fence devices",
        );
    }
    fail(
        format!(
            "{mode}: Proxmox's HA manager calls no fence device, whatever this says; nodes are fenced by watchdog alone"
        ),
        "Set `fencing = \"watchdog\"` with `pve_datacenter_options`, so that nobody relies on the devices.",
    )
}

/// Modules that drive a watchdog.
const DRIVERS: [&str; 9] =
    ["softdog", "ipmi_watchdog", "iTCO_wdt", "hpwdt", "i6300esb", "sp5100_tco", "wdat_wdt", "mei_wdt", "xen_wdt"];

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
            None => silent.push(format!("{node} was not asked")),
        }
        match &shell.modules {
            Some(Ok(modules)) => match driver(modules) {
                Some(name) => drivers.push(format!("{node} {name}")),
                None => troubles.push(format!("{node} has no watchdog module in use")),
            },
            Some(Err(why)) => silent.push(format!("{node}: {why}")),
            None => silent.push(format!("{node} was not asked")),
        }
    }
    if !troubles.is_empty() {
        return fail(named(troubles), "See `systemctl status watchdog-mux`; set the module with `pve_node_watchdog`.");
    }
    if !silent.is_empty() {
        return unasked(named(silent));
    }
    pass(drivers.join(", "))
}

/// The watchdog's module of `/proc/modules`: the one that is held open.
fn driver(modules: &str) -> Option<&str> {
    let rows = modules.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 2 && DRIVERS.contains(&row[0])).find(|row| row[2] != "0").map(|row| row[0])
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
        let text = "# x\ndevice ipmi fence_ipmilan 'login=admin' lanplus\nconnect ipmi node=pve1 ip=10.0.0.1\ndevice lost fence_x\n";
        let device = FenceDevice {
            name: "ipmi".into(),
            node: "pve1".into(),
            agent: "fence_ipmilan".into(),
            options: vec!["login=admin".into(), "lanplus=1".into(), "ip=10.0.0.1".into()],
        };
        assert_eq!(devices_of(text), [device]);
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
        let idle = "softdog 16384 0 - Live 0x0\n";
        assert_eq!(status(watchdog, |facts| shell_of(facts, "pve1").modules = Some(Ok(idle.into()))), "fail");
        assert_eq!(status(watchdog, |facts| shell_of(facts, "pve1").device = Some(Err("x".into()))), "unknown");
        assert_eq!(status(watchdog, |facts| facts.shell = Shell::Absent), "unknown");
    }
}
