//! The JSON Schemas of all nouns, as the build script has packed them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// A JSON object of them, compressed.
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/schemas.deflate"));

/// Their texts: each is read when its noun is needed, since a user waits for the start of the process.
static UNPACKED: LazyLock<BTreeMap<String, Box<RawValue>>> = LazyLock::new(|| {
    let text = miniz_oxide::inflate::decompress_to_vec(PACKED).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
});

/// The JSON Schema of `M`, without references.
///
/// # Panics
/// The build script has not packed that of `M`. Every noun is built in a test, so no user sees this.
pub fn json_schema<M: JsonSchema>() -> Json {
    let id = M::schema_id();
    by_id(&id).unwrap_or_else(|| panic!("{id} is not in schemas/src/json_schema.rs"))
}

/// The JSON Schema whose `JsonSchema::schema_id` is `id`.
pub fn by_id(id: &str) -> Option<Json> {
    UNPACKED.get(id).and_then(|text| serde_json::from_str(text.get()).ok())
}
