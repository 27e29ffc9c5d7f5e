//! One check, one small function: it is given an object and what is around it, and says what it finds.

pub mod alerts;
pub mod backup;
pub mod cluster;
pub mod destroy;
pub mod guests;
pub mod members;
pub mod nodes;
pub mod replication;
pub mod rules;

use super::view::CheckCase;

pub type Lacks = fn(&CheckCase<'_>) -> bool;

/// The warnings of something that another object of the plan may add, and whether the object of the case lacks it. None has a path.
pub const AWAITED: [(&str, Lacks); 3] = [
    (backup::MISSES, |case| backup::missed(case).is_some_and(|missed| !missed.is_empty())),
    (alerts::FENCING, |case| alerts::fencing_gap(case).is_some()),
    (alerts::REPLICATION, |case| alerts::replication_gap(case).is_some()),
];

/// The same for what a plan of members of rules is refused for so far.
pub const AWAITED_BY_MEMBERS: [(&str, Lacks); 2] = [
    (members::MISSING, |case| !members::missing_rule(case).is_empty()),
    // A member that leaves a rule may resolve it, and core plans destroys at any time.
    (members::LAST, members::is_refused),
];
