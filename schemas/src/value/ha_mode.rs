//! How a cluster binds HA resources to nodes.

/// Groups or rules, whichever the cluster has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HaMode {
    /// PVE 8: groups.
    Groups,
    /// PVE 9 whose groups are not migrated yet: groups work and are read as rules; rules are refused.
    GroupsUntilMigrated,
    /// PVE 9: rules; groups are gone for good.
    Rules,
}
