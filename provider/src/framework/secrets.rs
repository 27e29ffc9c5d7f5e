//! Secrets: values that a read of the object does not return, and values that only the configuration has.
//!
//! A write-only attribute `x_wo` is in no plan and no state. It is sent with the create, and again when its companion
//! `x_wo_version`, which is in the state, changes. Beside it there may be `x`, which the state keeps.

use super::{Attribute, Block, ClientCapabilities, Diagnostics, NestedBlock, Nesting, Path, Type, Value, secret_names};

/// What the name of a write-only attribute ends in.
const SUFFIX: &str = "_wo";

/// The attribute whose change sends the write-only attribute `name`.
pub fn version_of(name: &str) -> String {
    format!("{name}_version")
}

/// The attribute that is set instead of the write-only attribute `name` where the state may have the value.
fn kept_instead_of(name: &str) -> &str {
    name.strip_suffix(SUFFIX).unwrap_or(name)
}

/// The write-only attributes of `block`.
pub fn write_only(block: &Block) -> impl Iterator<Item = &Attribute> {
    block.attributes.iter().filter(|attribute| attribute.write_only)
}

/// Whether the write-only `attribute` is sent for its version: by a create, and where the version changes.
pub fn is_new_version(attribute: &Attribute, prior: Option<&Value>, planned: &Value) -> bool {
    let version = version_of(&attribute.name);
    prior.is_none_or(|prior| prior.at(&version) != planned.at(&version))
}

/// The planned object as it is sent: with the write-only values of `config` in a create, and where their version changes.
pub fn outgoing(block: &Block, prior: Option<&Value>, planned: &Value, config: &Value) -> Value {
    let mut object = each_block(block, prior, planned, config, &outgoing);
    for attribute in write_only(block) {
        let name = &attribute.name;
        if is_new_version(attribute, prior, planned) {
            object.insert(name.clone(), config.at(name).clone());
        } else if let Some(missing) =
            prior.and_then(|prior| secret_names::missing(block, attribute, prior, planned, config))
        {
            object.insert(name.clone(), missing);
        }
    }
    object
}

/// A change of a block as planned, with the same block before and in the configuration.
pub type Inside<'a> = dyn Fn(&Block, Option<&Value>, &Value, &Value) -> Value + 'a;

/// The planned object with `inside` applied to its nested blocks, each with the same block before and in the configuration.
pub fn each_block(block: &Block, prior: Option<&Value>, planned: &Value, config: &Value, inside: &Inside<'_>) -> Value {
    let mut object = planned.clone();
    for NestedBlock { name, nesting, block, .. } in &block.blocks {
        let (prior, planned, config) = (prior.map(|prior| prior.at(name)), planned.at(name), config.at(name));
        let value = match (nesting, planned) {
            (Nesting::Single, Value::Map(_)) => inside(block, prior.filter(|prior| !prior.is_null()), planned, config),
            (Nesting::List, Value::List(items)) => {
                let items = items.iter().enumerate().map(|(index, item)| {
                    let same = |items| block.counterpart(items, index, item);
                    inside(block, prior.and_then(same), item, same(config).unwrap_or(&Value::Null))
                });
                Value::List(items.collect())
            }
            // Core allows no write-only attributes in a set.
            _ => continue,
        };
        object.insert(name.clone(), value);
    }
    object
}

/// What was found, with the secrets that the state says it has: what differs in the planned object is sent. A secret whose
/// version is removed from the configuration is an empty one: the object has it, and is to lose it.
pub fn written(block: &Block, prior: &Value, planned: &Value, found: &Value) -> Value {
    let mut object = found.clone();
    for attribute in block.attributes.iter().filter(|attribute| attribute.unreadable) {
        let version = version_of(&format!("{}{SUFFIX}", attribute.name));
        let is_dropped = !prior.at(&version).is_null() && planned.at(&version).is_null();
        let value = match (prior.at(&attribute.name), &attribute.ty) {
            (Value::Null, Type::String) if is_dropped => Value::from(""),
            (Value::Null, _) if is_dropped => found.at(&attribute.name).clone(),
            (value, _) => value.clone(),
        };
        object.insert(attribute.name.clone(), value);
    }
    object
}

/// Whether a change from `prior` to `planned` sends a secret, or removes one.
pub fn are_to_send(block: &Block, prior: &Value, planned: &Value) -> bool {
    let differs = |name: &str| prior.at(name) != planned.at(name);
    let unreadable = |attribute: &Attribute| attribute.unreadable && differs(&attribute.name);
    block.attributes.iter().any(unreadable)
        || write_only(block).any(|attribute| differs(&version_of(&attribute.name)))
        || secret_names::differ(block, prior, planned)
        || block.blocks.iter().any(|nested| {
            let (prior, planned) = (prior.at(&nested.name), planned.at(&nested.name));
            match nested.nesting {
                Nesting::Single => are_to_send(&nested.block, prior, planned),
                Nesting::List | Nesting::Set => {
                    let before = |index, item| nested.block.counterpart(prior, index, item).unwrap_or(&Value::Null);
                    let mut items = planned.elements().into_iter().flatten().enumerate();
                    items.any(|(index, item)| are_to_send(&nested.block, before(index, item), item))
                }
            }
        })
}

/// The names of the secrets that `planned` sends, and of the blocks that have some.
pub fn configured<'a>(block: &'a Block, planned: &Value) -> Vec<&'a str> {
    let is_set = |attribute: &&Attribute| {
        let shown = if attribute.write_only { version_of(&attribute.name) } else { attribute.name.clone() };
        (attribute.unreadable || attribute.write_only) && !planned.at(&shown).is_null()
    };
    let attributes = block.attributes.iter().filter(is_set).map(|attribute| attribute.name.as_str());
    let has_some = |nested: &&NestedBlock| match planned.at(&nested.name) {
        Value::List(items) => items.iter().any(|item| !configured(&nested.block, item).is_empty()),
        item => !configured(&nested.block, item).is_empty(),
    };
    attributes.chain(block.blocks.iter().filter(has_some).map(|nested| nested.name.as_str())).collect()
}

/// Checks that each write-only value has its version, excludes the kept one, and is read by a core that has such attributes.
pub fn validate(block: &Block, config: &Value, core: ClientCapabilities, path: &Path, diagnostics: &mut Diagnostics) {
    for attribute in write_only(block) {
        let (name, version, kept) = (&attribute.name, version_of(&attribute.name), kept_instead_of(&attribute.name));
        let at = path.field(name);
        match (config.at(name).is_null(), config.at(&version).is_null()) {
            (true, true) => {}
            (true, false) => diagnostics.error_at(
                path.field(&version),
                "Missing write-only argument",
                format!("{at} is sent whenever {version} changes, and it is not set. Set both, or neither."),
            ),
            (false, _) if !core.has_write_only => diagnostics.error_at(
                at.clone(),
                "Write-only arguments are not supported",
                format!(
                    "{at} needs Terraform 1.11, OpenTofu 1.11 or a newer version. This version would store it in the \
                     state. Upgrade, or use {kept}, which is stored in the state."
                ),
            ),
            (false, true) => diagnostics.error_at(
                at.clone(),
                format!("Missing {version}"),
                format!(
                    "{at} is in no state, so that a change of it can't be seen. Set {version} = 1, and increase it \
                     whenever {name} changes."
                ),
            ),
            // Members of a map are distinguished by their names.
            (false, false) if secret_names::has_names(block, attribute) => {}
            (false, false) if kept != name.as_str() && !config.at(kept).is_null() => diagnostics.error_at(
                at.clone(),
                format!("{name} conflicts with {kept}"),
                format!("{at} and {kept} both set the same secret. Remove one of them."),
            ),
            (false, false) => {}
        }
    }
    for nested in &block.blocks {
        match (nested.nesting, config.at(&nested.name)) {
            (Nesting::Single, object @ Value::Map(_)) => {
                validate(&nested.block, object, core, &path.field(&nested.name), diagnostics);
            }
            (Nesting::List, Value::List(items)) => {
                for (index, item) in items.iter().enumerate() {
                    validate(&nested.block, item, core, &path.field(&nested.name).index(index), diagnostics);
                }
            }
            _ => {}
        }
    }
}
