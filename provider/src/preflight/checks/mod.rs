//! One check, one small function: it is given an object and what is around it, and says what it finds.

pub mod cluster;
pub mod destroy;
pub mod guests;
pub mod nodes;
pub mod replication;
pub mod rules;
