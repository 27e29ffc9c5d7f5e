//! What commands on a node do to the cluster. Their output isn't compared, but later answers depend on what they did.

/// A command's effect.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only reads, or it failed.
    None,
    /// It queues a line for the CRM.
    Queue(String),
    /// Not known here.
    Unknown,
}

/// The effect of a command that ended with `exit`.
pub(super) fn effect(argv: &[String], exit: i32) -> Effect {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    match words[..] {
        _ if exit != 0 => Effect::None,
        ["ha-manager", "crm-command", "node-maintenance", action @ ("enable" | "disable"), node] => {
            Effect::Queue(format!("{action}-node-maintenance {node}"))
        }
        ["ha-manager", "crm-command", "node-maintenance", ..] => Effect::Unknown,
        ["ha-manager", "crm-command", ref line @ ..] => Effect::Queue(line.join(" ")),
        ["ha-manager", "status" | "config" | "groupconfig", ..]
        | ["ha-manager", "rules", "list" | "config", ..]
        | ["pvecm", "status" | "nodes" | "apiver", ..]
        | ["pvesr", "list" | "status" | "read", ..]
        | ["pvesh", "get" | "ls" | "usage", ..]
        | ["corosync-quorumtool" | "corosync-cfgtool" | "cat" | "pveversion", ..] => Effect::None,
        _ => Effect::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_for_the_crm_are_queued_as_ha_manager_queues_them() {
        let of = |line: &str, exit| effect(&line.split(' ').map(str::to_owned).collect::<Vec<_>>(), exit);
        assert_eq!(
            of("ha-manager crm-command node-maintenance enable pve3", 0),
            Effect::Queue("enable-node-maintenance pve3".into())
        );
        assert_eq!(of("ha-manager crm-command migrate vm:1 pve2", 0), Effect::Queue("migrate vm:1 pve2".into()));
        assert_eq!(of("ha-manager crm-command migrate vm:999 pve1", 255), Effect::None);
        assert_eq!(of("pvecm status", 0), Effect::None);
        assert_eq!(of("ha-manager remove vm:100", 0), Effect::Unknown);
    }
}
