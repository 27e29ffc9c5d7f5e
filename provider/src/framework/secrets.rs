//! Secrets: values that a read of the object does not return, and values that only the configuration has.
//!
//! A write-only attribute `x_wo` is in no plan and no state. It is sent with the create, and again when its companion
//! `x_wo_version`, which is in the state, changes. Beside it there may be `x`, which the state keeps.

use super::{Attribute, Block, ClientCapabilities, Diagnostics, NestedBlock, Nesting, Path, Type, Value};

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

fn write_only(block: &Block) -> impl Iterator<Item = &Attribute> {
    block.attributes.iter().filter(|attribute| attribute.write_only)
}

/// The planned object as it is sent: with the write-only values of `config` in a create, and where their version changes.
pub fn outgoing(block: &Block, prior: Option<&Value>, planned: &Value, config: &Value) -> Value {
    let mut object = planned.clone();
    for attribute in write_only(block) {
        let version = version_of(&attribute.name);
        if prior.is_none_or(|prior| prior.at(&version) != planned.at(&version)) {
            object.insert(attribute.name.clone(), config.at(&attribute.name).clone());
        }
    }
    for nested in &block.blocks {
        let name = &nested.name;
        let inside = |prior: Option<&Value>, planned: &Value, config: &Value| {
            let prior = prior.filter(|prior| !prior.is_null());
            if planned.is_null() { Value::Null } else { outgoing(&nested.block, prior, planned, config) }
        };
        let (prior, planned, config) = (prior.map(|prior| prior.at(name)), planned.at(name), config.at(name));
        object.insert(name.clone(), zipped(nested, prior, planned, config, inside));
    }
    object
}

/// Applies `inside` to the objects of a nested block, each with those at its place before and in the configuration.
fn zipped(
    nested: &NestedBlock,
    prior: Option<&Value>,
    planned: &Value,
    config: &Value,
    inside: impl Fn(Option<&Value>, &Value, &Value) -> Value,
) -> Value {
    match (nested.nesting, planned) {
        (Nesting::Single, planned) => inside(prior, planned, config),
        (Nesting::List, Value::List(items)) => {
            let items = items.iter().enumerate().map(|(index, item)| {
                let config = config.elements().and_then(|items| items.get(index)).unwrap_or(&Value::Null);
                inside(prior.and_then(|prior| prior.elements()?.get(index)), item, config)
            });
            Value::List(items.collect())
        }
        // Core allows no write-only attributes in a set.
        (_, planned) => planned.clone(),
    }
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
        || block.blocks.iter().any(|nested| {
            let (prior, planned) = (prior.at(&nested.name), planned.at(&nested.name));
            match nested.nesting {
                Nesting::Single => are_to_send(&nested.block, prior, planned),
                Nesting::List | Nesting::Set => {
                    let (prior, planned) = (prior.elements(), planned.elements());
                    let items = planned.into_iter().flatten().enumerate();
                    let before = |index: usize| prior.and_then(|items| items.get(index)).unwrap_or(&Value::Null);
                    items.into_iter().any(|(index, item)| are_to_send(&nested.block, before(index), item))
                }
            }
        })
}

/// The names of the secrets that `planned` sends.
pub fn configured<'a>(block: &'a Block, planned: &Value) -> Vec<&'a str> {
    let is_set = |attribute: &&Attribute| {
        let shown = if attribute.write_only { version_of(&attribute.name) } else { attribute.name.clone() };
        (attribute.unreadable || attribute.write_only) && !planned.at(&shown).is_null()
    };
    block.attributes.iter().filter(is_set).map(|attribute| attribute.name.as_str()).collect()
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
