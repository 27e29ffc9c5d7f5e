//! The `#[tf(…)]` options of an attribute or a block, as they are read back from the JSON Schema.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

/// The name of the extension in a JSON Schema.
pub(super) const EXTENSION: &str = "tf";

/// What an attribute, or a nested block, says. An unknown option is an error: a misspelt `sensitive` would publish a secret.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AttributeOptions {
    /// The configuration must set it.
    pub(super) required: bool,
    /// The configuration may set it; said where an unmarked attribute is computed, or beside `computed`.
    pub(super) optional: bool,
    /// The provider sets it where the configuration doesn't.
    pub(super) computed: bool,
    /// Core hides it.
    pub(super) sensitive: bool,
    /// Core hides it, and a read of the object does not return it.
    pub(super) secret: bool,
    /// Only the configuration has it. The attribute of the same name with `_version` says when it is sent.
    pub(super) write_only: bool,
    /// A change replaces the object.
    pub(super) replace: bool,
    /// It is part of the natural id.
    pub(super) identity: bool,
    /// An update may change it, so that it is unknown in the plan of one.
    pub(super) volatile: bool,
    /// It is kept in the state only: Proxmox has no such value.
    pub(super) local: bool,
    /// Several lines, compared without a trailing newline.
    pub(super) lines: bool,
    /// What an unset attribute is planned as.
    pub(super) default: Option<Json>,
    /// What an unset attribute means to Proxmox: the two are no difference.
    pub(super) null_means: Option<Json>,
    /// Other words for its values, and what they are stored as.
    pub(super) aliases: BTreeMap<String, String>,
    /// It is a nested block.
    pub(super) block: Option<Nesting>,
    /// How many such blocks there must be.
    pub(super) min_items: i64,
}

/// How often a nested block may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Nesting {
    /// At most once.
    Single,
    /// Any number of times, in an order.
    List,
    /// Any number of times, without an order.
    Set,
}

/// What the struct itself says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BlockOptions {
    /// The version of the state's form.
    pub(super) version: i64,
    /// How many minutes an operation may take, by its name, where that is not the usual.
    pub(super) timeouts: BTreeMap<String, u64>,
}

/// The options of `schema`; none if it has no extension.
///
/// # Panics
/// An option is unknown. Every noun is built in a test, so no user sees this.
#[must_use]
pub(super) fn read<T: Default + serde::de::DeserializeOwned>(name: &str, schema: &Json) -> T {
    match schema.get(EXTENSION) {
        Some(json) => serde_json::from_value(json.clone()).unwrap_or_else(|problem| panic!("{name}: {problem}")),
        None => T::default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    #[should_panic(expected = "password: unknown field `sensitve`")]
    fn a_misspelt_option_is_refused() {
        let _: AttributeOptions = read("password", &json!({"tf": {"sensitve": true}}));
    }
}
