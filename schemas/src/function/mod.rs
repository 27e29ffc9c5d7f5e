//! The parameters and results of the functions: what a module computes without a cluster.

mod expand_nodes;
mod next_runs;
mod parse_sid;
mod placement;
mod quorum;
mod sid;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use expand_nodes::ExpandNodes;
pub use next_runs::NextRuns;
pub use parse_sid::{ParseSid, ParsedSid};
pub use placement::{Placed, PlacedResource, Placement, PlacementCluster, PlacementGroup, PlacementRule};
pub use quorum::{Quorum, QuorumCluster, QuorumFigures};
pub use sid::{GuestType, Sid};

/// The parameters of a function: one field each, in the order in which they are passed. The doc comment is the page of the
/// function.
pub trait Function: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The name behind `provider::pve::`.
    const NAME: &'static str;
    /// Whether the last parameter, a list, is passed element by element: any number of arguments.
    const IS_VARIADIC: bool = false;
    /// What it returns.
    type Output: Serialize + JsonSchema;
}
