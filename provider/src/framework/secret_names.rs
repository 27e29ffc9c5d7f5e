//! The names of what a write-only map has, where an object returns its secrets. Names are no secret: the state has them in the
//! computed attribute `x_wo_names`, so that a read leaves these members out of all other attributes.
//!
//! A new version sends the whole map of the configuration. The same version keeps what the object has, and sends only what the
//! object does not have.

use std::collections::BTreeSet;

use super::apply::fill_unknowns;
use super::secrets::{each_block, is_new_version, write_only};
use super::{Attribute, Block, Cause, Failure, Nesting, Path, Value};

/// The attribute that has the names of the members of the write-only map `name`.
fn names_of(name: &str) -> String {
    format!("{name}_names")
}

/// The write-only maps of `block` whose names the state has.
fn named(block: &Block) -> impl Iterator<Item = (&Attribute, String)> {
    write_only(block)
        .filter_map(|map| Some((map, names_of(&map.name))).filter(|(_, names)| block.attribute(names).is_some()))
}

/// Whether the state has the names of the members of `attribute`.
pub fn has_names(block: &Block, attribute: &Attribute) -> bool {
    named(block).any(|(map, _)| map.name == attribute.name)
}

/// Whether `attribute` has such names. They are planned here, and never unknown for another reason than that the map is.
pub fn are_names(block: &Block, attribute: &Attribute) -> bool {
    named(block).any(|(_, names)| names == attribute.name)
}

/// The planned object with the names that it is to have. Pure.
pub fn planned(block: &Block, prior: Option<&Value>, planned: &Value, config: &Value) -> Value {
    let mut object = each_block(block, prior, planned, config, &self::planned);
    for (map, names) in named(block) {
        let prior = prior.filter(|prior| !is_new_version(map, Some(prior), planned));
        let value = match (prior.map(|prior| prior.at(&names)), config.at(&map.name)) {
            (_, Value::Null) => Value::Null,
            (Some(kept), Value::Map(_)) => set(members(kept).chain(keys(config.at(&map.name)))),
            (Some(kept), _) => kept.clone(),
            (None, Value::Map(_)) => set(keys(config.at(&map.name))),
            (None, _) => Value::Unknown,
        };
        object.insert(names, value);
    }
    object
}

/// The planned object with the names that were unknown in the plan.
///
/// # Errors
/// The configuration no longer has what the plan sends: its values may be ephemeral, and those are made anew for the apply.
pub fn resolved(block: &Block, prior: Option<&Value>, planned: &Value, config: &Value) -> Result<Value, Failure> {
    let differing = differing(block, prior, planned, config, &Path::root());
    if let Some(at) = differing {
        return Err(Failure::new(
            Cause::Refused,
            format!(
                "The names in {at} are not those of the plan. Nothing was changed. Plan again, and apply that plan."
            ),
        )
        .at(at));
    }
    Ok(with_known_names(block, prior, planned, config))
}

fn with_known_names(block: &Block, prior: Option<&Value>, planned: &Value, config: &Value) -> Value {
    let mut object = each_block(block, prior, planned, config, &with_known_names);
    for (map, names) in named(block) {
        if planned.at(&names).is_unknown() {
            object.insert(names, set(keys(config.at(&map.name))));
        }
    }
    object
}

/// The map of which the configuration has other members than the plan sends.
fn differing(block: &Block, prior: Option<&Value>, planned: &Value, config: &Value, path: &Path) -> Option<Path> {
    let differs = |map: &Attribute, names: &str| {
        let (given, planned_names) = (config.at(&map.name), planned.at(names));
        if planned_names.is_unknown() {
            return false;
        }
        let given: BTreeSet<&str> = keys(given).collect();
        if is_new_version(map, prior, planned) {
            given != members(planned_names).collect()
        } else {
            !added(prior, planned, names).is_subset(&given)
        }
    };
    if let Some((map, _)) = named(block).find(|(map, names)| differs(map, names)) {
        return Some(path.field(&map.name));
    }
    block.blocks.iter().filter(|nested| nested.nesting == Nesting::List).find_map(|nested| {
        let name = &nested.name;
        let items = planned.at(name).elements().unwrap_or_default().iter().enumerate();
        items.into_iter().find_map(|(index, item)| {
            let prior = prior.and_then(|prior| nested.block.counterpart(prior.at(name), index, item));
            let config = nested.block.counterpart(config.at(name), index, item).unwrap_or(&Value::Null);
            differing(&nested.block, prior, item, config, &path.field(name).index(index))
        })
    })
}

/// What of the write-only map `map` is sent although its version is the same; nothing where the object has all of it.
pub fn missing(block: &Block, map: &Attribute, prior: &Value, planned: &Value, config: &Value) -> Option<Value> {
    let (_, names) = named(block).find(|(other, _)| other.name == map.name)?;
    let added = added(Some(prior), planned, &names);
    let members = config.at(&map.name).as_map().into_iter().flatten();
    let sent = members.filter(|(key, _)| added.contains(key.as_str()));
    (!added.is_empty()).then(|| Value::Map(sent.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

/// Whether `planned` has other names than `prior`.
pub fn differ(block: &Block, prior: &Value, planned: &Value) -> bool {
    named(block).any(|(_, names)| prior.at(&names) != planned.at(&names))
}

/// `prior` with the names that an update to `planned` may have written already. Whatever is looked up by it then, such as after
/// a lost response, has no value that is to be in no state.
pub fn with_names_of_both(block: &Block, prior: &Value, planned: &Value) -> Value {
    let mut object = prior.clone();
    for (_, names) in named(block) {
        let (before, after) = (prior.at(&names), planned.at(&names));
        if !after.is_null() {
            object.insert(names.clone(), set(members(before).chain(members(after))));
        }
    }
    for nested in block.blocks.iter().filter(|nested| named(&nested.block).next().is_some()) {
        let (before, after) = (prior.at(&nested.name), planned.at(&nested.name));
        let (Some(old), Some(new)) = (before.elements(), after.elements()) else { continue };
        let known = old.iter().enumerate().map(|(index, item)| {
            let successor = nested.block.counterpart(after, index, item);
            successor.map_or_else(|| item.clone(), |new| with_names_of_both(&nested.block, item, new))
        });
        let is_added = |(index, item): &(usize, &Value)| nested.block.counterpart(before, *index, item).is_none();
        let added = new.iter().enumerate().filter(is_added).map(|(_, item)| fill_unknowns(item, &Value::Null));
        object.insert(nested.name.clone(), Value::List(known.chain(added).collect()));
    }
    object
}

/// The names that `planned` has and `prior` does not.
fn added<'v>(prior: Option<&Value>, planned: &'v Value, names: &str) -> BTreeSet<&'v str> {
    let before: BTreeSet<&str> = prior.into_iter().flat_map(|prior| members(prior.at(names))).collect();
    members(planned.at(names)).filter(|name| !before.contains(name)).collect()
}

fn keys(map: &Value) -> impl Iterator<Item = &str> {
    map.as_map().into_iter().flatten().map(|(key, _)| key.as_str())
}

fn members(names: &Value) -> impl Iterator<Item = &str> {
    names.elements().into_iter().flatten().filter_map(Value::as_str)
}

fn set<'v>(names: impl Iterator<Item = &'v str>) -> Value {
    Value::set(names.collect::<BTreeSet<_>>().into_iter().map(Value::from))
}
