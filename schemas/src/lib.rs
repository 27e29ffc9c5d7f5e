//! The nouns of the provider as plain data: no IO, no async, no gRPC.
//!
//! One struct is the truth of one noun. From it come the Terraform schema, plan-time validation, defaults, what forces
//! replacement, the documentation page and the published JSON Schema. Their doc comments **are** the user documentation.

pub mod ha_resource;
pub mod noun;
pub mod value;

pub use ha_resource::HaResource;
