//! The semantics of plan, apply, import, upgrade and move.
//!
//! This layer is independent of Proxmox and of the wire: it works on [`Value`] trees and [`Schema`]s, and asks
//! a [`Resource`] for the few operations that only it can carry out. It is the only layer that ever builds state.

mod action;
mod activity;
mod apply;
mod bound;
mod context;
mod data_source;
mod derive;
mod diagnostics;
mod equal;
mod failure;
mod function;
mod invoke;
mod link;
mod list;
mod literal;
mod model;
mod options;
mod packed;
mod path;
mod plan;
mod provider;
mod read;
mod resource;
mod schema;
mod secret_names;
mod secrets;
mod validate;
mod value;

pub use action::{Action, Ending, Invoked, Progress, Prospect};
pub use activity::Activity;
pub use apply::{CREATE_FIRST, WAYS_OUT, shown};
pub use bound::{BoundAction, BoundDataSource, BoundResource};
pub use context::{Context, Stop};
pub use data_source::{DataSource, Elements};
pub use derive::{Role, type_of};
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use equal::differences;
pub use failure::{Cause, Failure};
pub use function::{Function, Refusal};
pub use link::Link;
pub use list::{Listed, Listing};
pub use literal::quoted;
pub use model::{from_model, to_model};
#[cfg(test)]
pub(crate) use packed::by_id as packed_json_schema;
pub use packed::json_schema;
pub use path::{Path, Step};
pub use provider::{
    Applied, ApplyRequest, ClientCapabilities, Configure, Imported, PlanRequest, Planned, Provider, ReadOutcome,
};
pub use read::TIMEOUTS;
pub use resource::{Change, Checks, Found, Freshness, GivenUp, MoveSource, Permit, PlanChecks, Resource, WritePermit};
pub use schema::{Attribute, Block, NestedBlock, Nesting, Operation, Schema, Timeouts, Type};
pub use validate::enumeration;
pub use value::{Number, Value};

#[cfg(test)]
mod tests;
