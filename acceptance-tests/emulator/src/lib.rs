//! `pve-emulator`: a program that behaves like a Proxmox VE cluster to a client.
//!
//! ```text
//!  server     TLS, HTTP/1.1, bodies     ssh → machine   control    POST /emulator/…: clock, faults, counters
//!    │                                      │              │
//!    ▼                                      │              ▼
//!  pipeline   authentication → routing → permission → node → parameters → handler
//!    │            auth            route                       schema       api/…
//!    ▼
//!  site       every cluster and every node alone, behind one lock, on one clock; joins happen between them
//!    world    one of them; files below /etc/pve are texts; crm and schedulers run on its clock
//! ```
//!
//! # Adding a call
//! 1. Write a handler in `api/…`: `fn name(call: &mut Call<'_>) -> ApiResult<Value>`. It finds the cluster in
//!    `call.world`, its checked parameters in `call.params` and who calls in `call.caller`.
//!    Errors: [`error::ApiError::die`] is a Perl `die` (500, line feed added), [`error::ApiError::param`] a 400 for
//!    one parameter, `?` passes on what `call.check(path, privileges)`, `call.check_quorum()` and
//!    `call.locked("domain-ha", |call| …)` refuse with; [`error::ApiError::prefixed`] puts words before it.
//! 2. Add a line to that file's `routes()`:
//!    `Route::put("/cluster/x/{id}", name).permission(Permission::root(&["Sys.Console"])).params(schema)`.
//!    `schema` lists **all** parameters, those in the path too; `.proxied()` if Proxmox forwards it to `{node}`.
//!    Without `.permission(…)` only root@pam with a ticket may call it.
//! 3. A new file's `routes()` is one line in `api/mod.rs`.
//!
//! Parameters are declared with [`schema::Prop`] and refused in Proxmox's words. A format with its own complaint is a
//! constant of type [`schema::formats::Named`]; property strings are [`schema::Prop::property_string`]; parameters
//! that depend on `type` (HA rules) are [`schema::Schema::one_of`].
//!
//! Configuration files are read with `world.file(path)` and replaced with `world.write_file(path, text)`; their
//! digest is `world.digest(path)`. Lists whose order Proxmox leaves open go through `world.any_order(list)`.
//! Work in the background is a `tick(world, second)` called by [`world::World::catch_up`] for every second.

pub mod api;
pub mod auth;
pub mod clock;
pub mod control;
pub mod crm;
pub mod error;
pub mod fence_cfg;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod machine;
pub mod pipeline;
pub mod route;
pub mod schema;
pub mod section_config;
mod server;
pub mod site;
pub mod ssh;
pub mod tls;
pub mod world;

pub use server::{Access, Emulator, Handle, Options, Release, StartError};
pub use world::Version;
pub use world::seed::{Initial, Seed};
