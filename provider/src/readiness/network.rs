//! The migration network.

use pve_schemas::value::Entry;

use super::shell::{Shell, needs_ssh, unasked};
use super::verdict::{Verdict, fail, named, pass};
use super::{Demands, Facts};
use crate::words::counted;

pub(super) fn migration_network(facts: &Facts, _: &Demands) -> Verdict {
    let migration = Entry(&facts.options["migration"]);
    let Some(network) = migration.text("network").filter(|network| !network.is_empty()) else {
        return fail(
            "none is set: guests migrate over the network of the cluster's addresses",
            "Set `migration.network` with `pve_datacenter_options`, to a network other than Corosync's.",
        );
    };
    let Shell::Asked { nodes, .. } = &facts.shell else {
        return needs_ssh(&format!("{network} is set; whether every node reaches every other there"));
    };
    let (mut troubles, mut silent) = (Vec::new(), Vec::new());
    for (node, shell) in nodes {
        match &shell.address {
            Some(Ok(Some(_))) => {}
            Some(Ok(None)) => troubles.push(format!("{node} has no address in {network}")),
            Some(Err(why)) => silent.push(format!("{node}: {why}")),
            None => silent.push(format!("{node} was not checked")),
        }
        for (peer, answer) in &shell.pings {
            match answer {
                Ok(true) => {}
                Ok(false) => troubles.push(format!("{node} does not reach {peer}")),
                Err(why) => silent.push(format!("{node}: {why}")),
            }
        }
    }
    if !troubles.is_empty() {
        return fail(named(troubles), "Give each node an address in that network, and let them reach each other.");
    }
    if !silent.is_empty() {
        return unasked(named(silent));
    }
    pass(format!("each of {} reaches the others in {network}", counted(nodes.len(), "node")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shell_of, status};
    use super::*;

    #[test]
    fn a_migration_network_that_carries() {
        assert_eq!(status(migration_network, |_| ()), "pass");
        assert_eq!(status(migration_network, |facts| facts.options = serde_json::json!({})), "fail");
        assert_eq!(status(migration_network, |facts| facts.shell = Shell::Absent), "unknown");
        assert_eq!(status(migration_network, |facts| shell_of(facts, "pve1").address = Some(Ok(None))), "fail");
        let deaf = |facts: &mut Facts| drop(shell_of(facts, "pve1").pings.insert("pve2".into(), Ok(false)));
        assert_eq!(status(migration_network, deaf), "fail");
    }
}
