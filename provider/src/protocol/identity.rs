//! Identities: what names an object, beside its state.

use super::dynamic;
use super::shape::Shape;
use super::tfplugin5::resource_identity_schema::IdentityAttribute;
use super::tfplugin5::{ResourceIdentityData, ResourceIdentitySchema};
use super::types::{self, Members};
use crate::framework::{Diagnostics, Schema, Value};

/// The version of every identity schema. The natural ids have not changed yet.
pub(super) const VERSION: i64 = 0;

/// The schema of a resource type's identity. All of it is needed for an import.
pub(super) fn schema(schema: &Schema) -> ResourceIdentitySchema {
    let attributes = schema.identity.attributes.iter().map(|attribute| IdentityAttribute {
        name: attribute.name.clone(),
        r#type: types::encode(&attribute.ty, Members::Required),
        required_for_import: true,
        optional_for_import: false,
        description: attribute.description.clone(),
    });
    ResourceIdentitySchema { version: VERSION, identity_attributes: attributes.collect() }
}

/// The identity of `object` for core; none while it isn't known.
pub(super) fn of(object: &Value, schema: &Schema, diagnostics: &mut Diagnostics) -> Option<ResourceIdentityData> {
    data(&schema.identity_of(object), schema, diagnostics)
}

/// An identity for core.
pub(super) fn data(identity: &Value, schema: &Schema, diagnostics: &mut Diagnostics) -> Option<ResourceIdentityData> {
    let encode = || dynamic::encode(identity, Shape::of_identity(schema), diagnostics);
    (!identity.is_null()).then(encode).map(|identity| ResourceIdentityData { identity_data: Some(identity) })
}

/// The identity that core sent.
///
/// # Errors
/// One diagnostic that says where it doesn't fit.
pub(super) fn decode(wire: &ResourceIdentityData, schema: &Schema) -> Result<Value, Diagnostics> {
    dynamic::decode(wire.identity_data.as_ref(), Shape::of_identity(schema), "the identity")
}
