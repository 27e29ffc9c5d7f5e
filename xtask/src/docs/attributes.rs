//! The schema section of a page: attributes and blocks, by whether the user gives them, in the registry's usual form.

use serde_json::Value as Json;
use terraform_provider_pve::framework::{Attribute, Block, NestedBlock, Nesting, Type};

use super::limits;

/// The section of the whole block, with one part for everything nested.
pub fn section(block: &Block) -> String {
    let mut section = "\n## Schema\n".to_owned();
    let mut nested = String::new();
    lists(block, "", &mut section, &mut nested);
    section + &nested
}

/// The three lists of `block` at `path`; nested blocks follow.
fn lists(block: &Block, path: &str, out: &mut String, nested: &mut String) {
    let required = |a: &&Attribute| a.required;
    let optional = |a: &&Attribute| a.optional;
    let computed = |a: &&Attribute| !a.required && !a.optional;
    let heading = |title: &str| if path.is_empty() { format!("\n### {title}\n\n") } else { format!("\n{title}:\n\n") };

    let mut list = |title: &str, attributes: Vec<&Attribute>, blocks: Vec<&NestedBlock>| {
        if attributes.is_empty() && blocks.is_empty() {
            return;
        }
        out.push_str(&heading(title));
        for attribute in attributes {
            out.push_str(&item(
                &attribute.name,
                &facts(attribute),
                &text(attribute),
                anchor(attribute, path).as_deref(),
            ));
        }
        for block in blocks {
            let anchor = format!("nestedblock--{}", below(path, &block.name));
            let text = joined(&block.block.description, limits::members(block));
            out.push_str(&item(&block.name, &shape(block), &text, Some(&anchor)));
        }
    };
    let attributes = |pick: fn(&&Attribute) -> bool| block.attributes.iter().filter(pick).collect::<Vec<_>>();
    let blocks = |demanded: bool| block.blocks.iter().filter(|b| (b.min_items > 0) == demanded).collect::<Vec<_>>();
    list("Required", attributes(required), blocks(true));
    list("Optional", attributes(optional), blocks(false));
    list("Read-Only", attributes(computed), Vec::new());

    for attribute in &block.attributes {
        nested.push_str(&below_item(&attribute.constraints, &below(path, &attribute.name)));
    }
    for block in &block.blocks {
        let path = below(path, &block.name);
        let mut own = format!("\n<a id=\"nestedblock--{}\"></a>\n", path.replace('.', "--"));
        own.push_str(&format!("### Nested Schema for `{path}`\n"));
        let mut deeper = String::new();
        lists(&block.block, &path, &mut own, &mut deeper);
        nested.push_str(&own);
        nested.push_str(&deeper);
    }
}

/// The part on the members of what is at `path`; empty if it has none.
pub(super) fn below_item(constraints: &Json, path: &str) -> String {
    let Some(members) = members(constraints) else { return String::new() };
    let anchor = path.replace('.', "--");
    let mut part = format!("\n<a id=\"nestedatt--{anchor}\"></a>\n### Nested Schema for `{path}`\n\n");
    object(members, path, &mut part);
    part
}

/// The members of an attribute that is an object, or a collection of objects.
fn object(members: &serde_json::Map<String, Json>, path: &str, out: &mut String) {
    let mut deeper = String::new();
    for (name, member) in members {
        let text = member["description"].as_str().unwrap_or_default();
        let inner = self::members(member);
        let path = below(path, name);
        let anchor = inner.map(|_| format!("nestedatt--{path}"));
        out.push_str(&item(name, &json_type(member), text, anchor.as_deref()));
        if let Some(inner) = inner {
            deeper.push_str(&format!("\n<a id=\"nestedatt--{}\"></a>\n", path.replace('.', "--")));
            deeper.push_str(&format!("### Nested Schema for `{path}`\n\n"));
            object(inner, &path, &mut deeper);
        }
    }
    out.push_str(&deeper);
}

fn item(name: &str, facts: &str, text: &str, anchor: Option<&str>) -> String {
    let text = text.trim().replace('\n', "\n  ");
    let space = if text.is_empty() { "" } else { " " };
    let link = anchor.map(|anchor| format!(" (see [below](#{}))", anchor.replace('.', "--"))).unwrap_or_default();
    format!("- `{name}` ({facts}){space}{text}{link}\n")
}

fn facts(attribute: &Attribute) -> String {
    let mut facts = vec![type_name(&attribute.ty)];
    match (attribute.write_only, attribute.sensitive) {
        (true, _) => facts.push(
            "[Write-only](https://developer.hashicorp.com/terraform/language/manage-sensitive-data/write-only)"
                .to_owned(),
        ),
        (false, true) => facts.push("Sensitive".to_owned()),
        (false, false) => {}
    }
    if attribute.replace {
        facts.push("Forces replacement".to_owned());
    }
    facts.join(", ")
}

pub(super) fn text(attribute: &Attribute) -> String {
    joined(&attribute.description, limits::sentences(attribute))
}

/// A description and the sentences that follow it.
fn joined(description: &str, sentences: impl IntoIterator<Item = String>) -> String {
    let mut parts = vec![description.trim().to_owned()];
    parts.extend(sentences);
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn anchor(attribute: &Attribute, path: &str) -> Option<String> {
    members(&attribute.constraints).map(|_| format!("nestedatt--{}", below(path, &attribute.name)))
}

fn shape(block: &NestedBlock) -> String {
    let shape = match block.nesting {
        Nesting::Single => "Block".to_owned(),
        Nesting::List => "Block List".to_owned(),
        Nesting::Set => "Block Set".to_owned(),
    };
    if block.min_items > 0 { format!("{shape}, Min: {}", block.min_items) } else { shape }
}

pub(super) fn type_name(ty: &Type) -> String {
    match ty {
        Type::Bool => "Boolean".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::String => "String".to_owned(),
        Type::List(element) => format!("List of {}", type_name(element)),
        Type::Set(element) => format!("Set of {}", type_name(element)),
        Type::Map(element) => format!("Map of {}", type_name(element)),
        Type::Object(_) => "Object".to_owned(),
    }
}

fn json_type(property: &Json) -> String {
    let property = non_null(property);
    let name = match &property["type"] {
        Json::Array(names) => names.iter().filter_map(Json::as_str).find(|name| *name != "null"),
        name => name.as_str(),
    };
    match name {
        Some("boolean") => "Boolean".to_owned(),
        Some("integer" | "number") => "Number".to_owned(),
        Some("array") if property["uniqueItems"] == true => format!("Set of {}", json_type(&property["items"])),
        Some("array") => format!("List of {}", json_type(&property["items"])),
        Some("object") if property["properties"].is_object() => "Object".to_owned(),
        Some("object") => format!("Map of {}", json_type(&property["additionalProperties"])),
        _ => "String".to_owned(),
    }
}

fn members(property: &Json) -> Option<&serde_json::Map<String, Json>> {
    let property = non_null(property);
    if let Some(members) = property["properties"].as_object() {
        return Some(members);
    }
    let element = property.get("items").or_else(|| property.get("additionalProperties"))?;
    members(element)
}

/// The part of an optional property that is not null.
fn non_null(property: &Json) -> &Json {
    let mut variants = property["anyOf"].as_array().into_iter().flatten();
    variants.find(|variant| variant["type"] != "null").unwrap_or(property)
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
