//! Plan-time validation of configuration: every constraint that the schema carries, on the attribute at fault.

use serde_json::Value as Json;

use super::{Attribute, Block, Diagnostics, NestedBlock, Nesting, Number, Path, Schema, Type, Value};
use crate::words::{by, counted};

/// Checks `config` against all constraints of `schema`. Nothing is said of unknown values.
pub fn check(schema: &Schema, config: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    block(&schema.block, config, &Path::root(), &mut diagnostics);
    diagnostics
}

fn block(schema: &Block, value: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    for attribute in &schema.attributes {
        self::attribute(attribute, value.at(&attribute.name), &path.field(&attribute.name), diagnostics);
    }
    for nested in &schema.blocks {
        self::nested(nested, value.at(&nested.name), &path.field(&nested.name), diagnostics);
    }
}

fn nested(schema: &NestedBlock, value: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    match (schema.nesting, value) {
        (Nesting::Single, Value::Map(_)) => one(schema, value, path, diagnostics),
        (Nesting::List, Value::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                one(schema, item, &path.index(index), diagnostics);
            }
        }
        // A path can't point into a set.
        (Nesting::Set, Value::Set(items)) => {
            for item in items {
                let mut inner = Diagnostics::new();
                one(schema, item, &Path::root(), &mut inner);
                for diagnostic in inner {
                    diagnostics.error_at(path.clone(), diagnostic.summary, diagnostic.detail);
                }
            }
        }
        _ => {}
    }
}

/// One nested block: how much is set inside of it, and what.
fn one(schema: &NestedBlock, value: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    let set = schema.block.attributes.iter().filter(|a| !value.at(&a.name).is_null()).count();
    if let Some(problem) = too_few(Some(schema.min_members), set, ["attribute", "attributes"]) {
        diagnostics.error_at(path.clone(), format!("Empty block {}", schema.name), format!("{path}: {problem}"));
    }
    block(&schema.block, value, path, diagnostics);
}

fn attribute(attribute: &Attribute, value: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    if !(attribute.required || attribute.optional) {
        if !value.is_null() {
            diagnostics.error_at(
                path.clone(),
                format!("{} can't be configured", attribute.name),
                format!("{path} is computed by the provider; remove it from the configuration."),
            );
        }
        return;
    }
    if attribute.required && value.is_null() {
        // Core only demands that it is written; an expression may make a null of it.
        diagnostics.error_at(
            path.clone(),
            "Missing required argument",
            format!("{path} is required, and its value is null."),
        );
    }
    let mut report = |path: &Path, problem: String| {
        let shown = if attribute.sensitive { String::new() } else { shown(value_at(value, path)) };
        diagnostics.error_at(
            path.clone(),
            format!("Invalid value for {}", attribute.name),
            format!("{path}{shown}: {problem}"),
        );
    };
    constraints(&attribute.constraints, &attribute.ty, value, path, &mut report);
}

/// Walks value and constraints side by side. Elements of sets are reported at the set.
fn constraints(schema: &Json, ty: &Type, value: &Value, path: &Path, report: &mut dyn FnMut(&Path, String)) {
    match value {
        Value::Null | Value::Unknown | Value::Bool(_) => {}
        Value::String(text) => {
            if let Err(problem) = self::text(schema, text) {
                report(path, problem);
            }
        }
        Value::Number(number) => {
            if let Err(problem) = self::number(schema, number) {
                report(path, problem);
            }
        }
        Value::List(elements) => {
            self::count(schema, elements, path, report);
            for (index, element) in elements.iter().enumerate() {
                constraints(&schema["items"], element_type(ty), element, &path.index(index), report);
            }
        }
        Value::Set(elements) => {
            self::count(schema, elements, path, report);
            for element in elements {
                let named = |_: &Path, problem: String| report(path, format!("{}: {problem}", plain(element)));
                constraints(&schema["items"], element_type(ty), element, path, &mut { named });
            }
        }
        Value::Map(members) => {
            if let Some(problem) = too_few(schema["minProperties"].as_u64(), members.len(), ["entry", "entries"]) {
                report(path, problem);
            }
            if let Type::Object(_) = ty {
                let required = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
                for name in required.filter(|name| members.get(*name).is_none_or(Value::is_null)) {
                    report(&path.key(name), "is required".to_owned());
                }
            }
            for (key, member) in members {
                if let Err(problem) = self::text(&schema["propertyNames"], key) {
                    report(&path.key(key), format!("key {key:?}: {problem}"));
                }
                let keywords = match ty {
                    Type::Object(_) => &schema["properties"][key.as_str()],
                    _ => &schema["additionalProperties"],
                };
                constraints(keywords, member_type(ty, key), member, &path.key(key), report);
            }
        }
    }
}

fn text(schema: &Json, text: &str) -> Result<(), String> {
    if let Some(allowed) = enumeration(schema)
        && !allowed.iter().any(|one| one == text)
    {
        return Err(format!("must be one of {}", allowed.join(", ")));
    }
    let length = text.chars().count() as u64;
    match schema["minLength"].as_u64() {
        Some(1) if length == 0 => return Err("must not be empty".to_owned()),
        Some(least) if length < least => return Err(format!("must be at least {} long", counted(least, "character"))),
        _ => {}
    }
    if let Some(most) = schema["maxLength"].as_u64()
        && length > most
    {
        return Err(format!("must be at most {} long, is {length}", counted(most, "character")));
    }
    match schema["format"].as_str() {
        Some(format) => pve_schemas::value::check(format, text),
        None => Ok(()),
    }
}

/// The texts of an enumeration: `enum`, or `oneOf` of constants (which is how documented variants come out).
pub fn enumeration(schema: &Json) -> Option<Vec<String>> {
    let texts = |list: &Vec<Json>, pick: fn(&Json) -> &Json| {
        list.iter().filter_map(|one| pick(one).as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    if let Some(list) = schema["enum"].as_array() {
        return Some(texts(list, |one| one));
    }
    if let Some(list) = schema["oneOf"].as_array() {
        return Some(
            list.iter()
                .flat_map(|one| enumeration(one).unwrap_or_else(|| texts(&vec![one.clone()], |x| &x["const"])))
                .collect(),
        );
    }
    schema["anyOf"].as_array().and_then(|list| list.iter().find_map(enumeration))
}

fn number(schema: &Json, number: &Number) -> Result<(), String> {
    let bound = |keyword: &str| schema[keyword].as_number().and_then(|n| n.to_string().parse::<Number>().ok());
    if has_type(schema, "integer") && number.as_i64().is_none() {
        return Err("must be a whole number".to_owned());
    }
    if has_type(schema, "number") && number.as_f64().is_none() {
        return Err("must be in the range of a 64-bit float".to_owned());
    }
    if let Some(least) = bound("minimum")
        && *number < least
    {
        return Err(format!("must be at least {least}"));
    }
    match bound("maximum") {
        Some(most) if *number > most => Err(format!("must be at most {most}")),
        _ => Ok(()),
    }
}

fn count(schema: &Json, elements: &[Value], path: &Path, report: &mut dyn FnMut(&Path, String)) {
    let known = elements.iter().all(|e| !e.is_unknown());
    if let Some(problem) = too_few(schema["minItems"].as_u64(), elements.len(), ["element", "elements"])
        && known
    {
        report(path, problem);
    }
    if elements.iter().any(Value::is_null) {
        report(path, "an element is null".to_owned());
    }
}

fn too_few(least: Option<u64>, count: usize, [one, many]: [&str; 2]) -> Option<String> {
    let least = least.filter(|least| (count as u64) < *least)?;
    Some(format!("needs at least {least} {}", by(&least, one, many)))
}

/// Whether the JSON type of a property is, or may be, `name`.
pub fn has_type(schema: &Json, name: &str) -> bool {
    let types = &schema["type"];
    types == name || types.as_array().is_some_and(|types| types.iter().any(|t| t == name))
}

fn member_type<'a>(ty: &'a Type, name: &str) -> &'a Type {
    match ty {
        Type::Object(members) => members.iter().find(|(member, _)| member == name).map_or(ty, |(_, ty)| ty),
        _ => element_type(ty),
    }
}

fn element_type(ty: &Type) -> &Type {
    match ty {
        Type::List(element) | Type::Set(element) | Type::Map(element) => element,
        _ => ty,
    }
}

fn value_at<'a>(value: &'a Value, path: &Path) -> &'a Value {
    use super::Step;
    let mut at = value;
    for step in path.steps().iter().skip_while(|s| matches!(s, Step::Attribute(_))) {
        at = match step {
            Step::Key(key) | Step::Attribute(key) => at.at(key),
            Step::Index(index) => {
                let index = usize::try_from(*index).unwrap_or(usize::MAX);
                at.elements().and_then(|e| e.get(index)).unwrap_or(&Value::Null)
            }
        };
    }
    at
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(_) | Value::Number(_) => format!(" = {}", plain(value)),
        _ => String::new(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        _ => "element".to_owned(),
    }
}
