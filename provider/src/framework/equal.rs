//! Equality in meaning: what Proxmox takes for the same although it is written differently.

use super::read::TIMEOUTS;
use super::validate::has_type;
use super::{Attribute, Block, Nesting, Type, Value};

/// Whether `a` and `b` mean the same as values of `attribute`.
pub fn same(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    a == b || canonical(attribute, a) == canonical(attribute, b)
}

/// Whether `a` and `b` mean the same as values of a nested block.
pub fn same_block(block: &Block, nesting: Nesting, a: &Value, b: &Value) -> bool {
    same_in(block, nesting, a, b, &|_| true)
}

/// The same of those attributes of a nested block that count.
fn same_in(block: &Block, nesting: Nesting, a: &Value, b: &Value, counts: &dyn Fn(&Attribute) -> bool) -> bool {
    a == b || canonical_nested(block, nesting, a, counts) == canonical_nested(block, nesting, b, counts)
}

/// The names of what a read of an object returns, and a configuration sets, in which `a` and `b` differ in meaning.
pub fn stored_differences<'a>(block: &'a Block, a: &Value, b: &Value) -> Vec<&'a str> {
    let is_stored =
        |attribute: &Attribute| !attribute.local && !attribute.unreadable && (attribute.required || attribute.optional);
    differences(block, a, b, is_stored).into_iter().filter(|name| *name != TIMEOUTS).collect()
}

/// The names of the top-level attributes and blocks in which `a` and `b` differ in meaning.
pub fn differences<'a>(block: &'a Block, a: &Value, b: &Value, counts: impl Fn(&Attribute) -> bool) -> Vec<&'a str> {
    let attributes = block.attributes.iter().filter(|x| counts(x) && !same(x, a.at(&x.name), b.at(&x.name)));
    let blocks = block.blocks.iter().filter(|x| !same_in(&x.block, x.nesting, a.at(&x.name), b.at(&x.name), &counts));
    attributes.map(|x| x.name.as_str()).chain(blocks.map(|x| x.name.as_str())).collect()
}

fn canonical(attribute: &Attribute, value: &Value) -> Value {
    // What Proxmox leaves out has its default.
    let value = attribute.default.as_ref().filter(|_| value.is_null()).unwrap_or(value);
    match (&attribute.null_means, &attribute.ty, value) {
        (Some(means), Type::Map(_), Value::Map(members)) => {
            let filled = members.iter().map(|(k, v)| (k.clone(), if v.is_null() { means.clone() } else { v.clone() }));
            Value::Map(filled.collect())
        }
        (Some(means), ty, Value::Null) if !matches!(ty, Type::Map(_)) => means.clone(),
        // Typed models and Proxmox keep a float; core computes with more digits.
        (_, _, Value::Number(number)) if has_type(&attribute.constraints, "number") => {
            number.rounded().map_or_else(|| value.clone(), Value::Number)
        }
        (_, _, Value::String(text)) if attribute.lines => Value::from(text.trim_end_matches('\n')),
        (_, _, Value::String(text)) => {
            let alias = attribute.aliases.iter().find(|(spelling, _)| spelling == text);
            alias.map_or_else(|| value.clone(), |(_, meaning)| Value::from(meaning.as_str()))
        }
        _ => value.clone(),
    }
}

fn canonical_nested(block: &Block, nesting: Nesting, value: &Value, counts: &dyn Fn(&Attribute) -> bool) -> Value {
    let object = |item: &Value| canonical_object(block, item, counts);
    match (nesting, value) {
        (Nesting::Single, Value::Map(_)) => object(value),
        (Nesting::List, Value::List(items)) => Value::List(items.iter().map(object).collect()),
        (Nesting::Set, Value::Set(items)) => Value::set(items.iter().map(object)),
        (Nesting::List, Value::Null) => Value::List(Vec::new()),
        (Nesting::Set, Value::Null) => Value::Set(Vec::new()),
        _ => value.clone(),
    }
}

fn canonical_object(block: &Block, value: &Value, counts: &dyn Fn(&Attribute) -> bool) -> Value {
    let attributes = block.attributes.iter().filter(|a| counts(a));
    let attributes = attributes.map(|a| (a.name.clone(), canonical(a, value.at(&a.name))));
    let blocks =
        block.blocks.iter().map(|b| (b.name.clone(), canonical_nested(&b.block, b.nesting, value.at(&b.name), counts)));
    Value::Map(attributes.chain(blocks).collect())
}

#[cfg(test)]
mod tests {
    use super::super::{Role, Schema};
    use super::*;

    #[test]
    fn digits_beyond_a_float_make_no_difference_where_a_float_is_kept() {
        let schema = Schema::of::<pve_schemas::ReplicationJob>(Role::Resource);
        let same = |name: &str, a: &str, b: &str| {
            let number = |text: &str| Value::Number(text.parse().unwrap());
            super::same(schema.block.attribute(name).unwrap(), &number(a), &number(b))
        };
        assert!(same("rate", "33.33333333333333333333333333", "33.333333333333336"));
        assert!(same("rate", "9007199254740993", "9007199254740992"));
        assert!(!same("rate", "33.3333333333333", "33.333333333333336"));
        assert!(!same("rate", "1e400", "1e401"));
        assert!(!same("guest", "9007199254740993", "9007199254740992"));
    }
}
