//! The server that the things are on, with faults on demand.

use std::collections::{BTreeMap, VecDeque};

use crate::framework::Value;

/// The fault of an operation.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// The answer is lost, the request was carried out.
    LostAfter,
    /// The answer is lost, the request was not carried out.
    LostBefore,
    /// Refused.
    Refused,
    /// Another client changed the file in between.
    Stale,
    /// Refused, since another object refers to it.
    InUse,
    /// Panics after the request was carried out.
    Panic,
    /// Works.
    None,
}

/// The server's side.
#[derive(Default)]
pub struct Server {
    pub objects: BTreeMap<String, Value>,
    /// The token of each object: no read returns it.
    pub tokens: BTreeMap<String, String>,
    pub writes: Vec<String>,
    pub faults: VecDeque<Fault>,
    pub dead_reads: usize,
    /// Left out of what all share.
    pub hidden: bool,
    /// What another client makes of an object right before the next look.
    pub adopts: bool,
    /// Whether every object is always there, and a create sets what it is.
    pub always_exists: bool,
    /// What other writes of this process have made of every object since its plan.
    pub own: Option<(&'static str, Value)>,
    /// Permits that are held.
    pub permits: usize,
    /// For each time that something was waited for, the permits that were held meanwhile.
    pub waits: Vec<usize>,
}
