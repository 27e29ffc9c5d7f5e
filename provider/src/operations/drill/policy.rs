//! The shutdown policy of the cluster, as far as it decides what a shutdown of a node does.

use pve_schemas::value::Entry;
use serde_json::Value as Json;

/// What becomes of the services of a node that is shut down, rather than rebooted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShutdownPolicy {
    /// They are recovered: `failover`, and `conditional`, which is the default.
    Recover,
    /// They wait for the node.
    Freeze,
    /// They move before the node stops.
    Migrate,
}

impl ShutdownPolicy {
    /// From the answer of `/cluster/options`.
    pub(super) fn of(options: &Json) -> Self {
        match Entry(&options["ha"]).text("shutdown_policy").as_deref() {
            Some("freeze") => Self::Freeze,
            Some("migrate") => Self::Migrate,
            _ => Self::Recover,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shutdown_recovers_unless_the_policy_says_otherwise() {
        let of = |policy: &str| ShutdownPolicy::of(&json!({"ha": {"shutdown_policy": policy}}));
        assert_eq!(
            ["freeze", "migrate", "failover", "conditional"].map(of),
            [ShutdownPolicy::Freeze, ShutdownPolicy::Migrate, ShutdownPolicy::Recover, ShutdownPolicy::Recover]
        );
        assert_eq!(ShutdownPolicy::of(&json!({})), ShutdownPolicy::Recover);
    }
}
