//! `cargo xtask schemas`: the published JSON Schema of every resource, data source, action and the provider block, for editors
//! and for tools that write `*.tf.json`.

mod cli;

use serde_json::{Map, Value as Json, json};
use terraform_provider_pve::framework::{Attribute, Block, NestedBlock, Nesting, Schema};

use crate::catalogue::{Catalogue, Entry};
use crate::{Generated, Outcome, Workspace};

/// Write schemas/json/NAME.schema.json and schemas/provider-schema.json from the nouns
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write nothing; fail naming each file that is not what its noun says
    #[arg(long)]
    check: bool,
}

/// Runs the command.
///
/// # Errors
/// A file drifted (`--check`), or can't be written.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    generate(&Catalogue::of_this_build()).write_or_check(workspace, args.check, "cargo xtask schemas")
}

/// The schemas of `catalogue`.
pub fn generate(catalogue: &Catalogue) -> Generated {
    let mut generated = Generated::owning(&["schemas/json"]);
    if let Some(schema) = &catalogue.provider {
        add(&mut generated, "provider", "provider \"pve\"", schema);
    }
    for Entry { name, schema, .. } in &catalogue.resources {
        add(&mut generated, name, &format!("resource \"{name}\""), schema);
    }
    for Entry { name, schema, .. } in &catalogue.data_sources {
        add(&mut generated, &format!("data.{name}"), &format!("data \"{name}\""), schema);
    }
    for Entry { name, schema, .. } in &catalogue.actions {
        add(&mut generated, &format!("action.{name}"), &format!("action \"{name}\""), schema);
    }
    generated.file("schemas/provider-schema.json".into(), cli::of(catalogue));
    generated
}

fn add(generated: &mut Generated, name: &str, title: &str, schema: &Schema) {
    let mut root = Map::new();
    root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    root.insert("title".into(), title.into());
    root.extend(object(&schema.block));
    let text = serde_json::to_string_pretty(&Json::Object(root)).unwrap_or_default();
    generated.file(format!("schemas/json/{name}.schema.json"), text + "\n");
}

fn object(block: &Block) -> Map<String, Json> {
    let mut properties = Map::new();
    properties.extend(block.attributes.iter().map(|a| (a.name.clone(), attribute(a))));
    properties.extend(block.blocks.iter().map(|b| (b.name.clone(), nested(b))));
    let required = block.attributes.iter().filter(|a| a.required).map(|a| a.name.clone());
    let demanded = block.blocks.iter().filter(|b| b.min_items > 0).map(|b| b.name.clone());
    let required: Vec<_> = required.chain(demanded).collect();

    let mut object = Map::new();
    object.insert("description".into(), block.description.clone().into());
    object.insert("type".into(), "object".into());
    object.insert("properties".into(), properties.into());
    if !required.is_empty() {
        object.insert("required".into(), required.into());
    }
    object.insert("additionalProperties".into(), false.into());
    object
}

/// The noun's own constraints, in JSON Schema's words instead of Terraform's.
fn attribute(attribute: &Attribute) -> Json {
    let mut json = match without_options(&attribute.constraints) {
        Json::Object(members) => members,
        _ => Map::new(),
    };
    json.entry("description").or_insert_with(|| attribute.description.clone().into());
    json.entry("type").or_insert_with(|| "string".into());
    if json.contains_key("oneOf") || json.contains_key("anyOf") {
        json.remove("type");
    }
    if let Some(default) = &attribute.default {
        json.insert("default".into(), default.to_json());
    }
    if !attribute.required && !attribute.optional {
        json.insert("readOnly".into(), true.into());
    }
    if attribute.sensitive {
        json.insert("writeOnly".into(), true.into());
    }
    json.into()
}

/// A schema without what only the framework reads, at any depth.
fn without_options(schema: &Json) -> Json {
    match schema {
        Json::Object(members) => {
            let members = members.iter().filter(|(name, _)| *name != "tf");
            Json::Object(members.map(|(name, member)| (name.clone(), without_options(member))).collect())
        }
        Json::Array(elements) => Json::Array(elements.iter().map(without_options).collect()),
        other => other.clone(),
    }
}

fn nested(nested: &NestedBlock) -> Json {
    let mut inner = object(&nested.block);
    if nested.min_members > 0 {
        inner.insert("minProperties".into(), nested.min_members.into());
    }
    let inner = Json::Object(inner);
    match nested.nesting {
        Nesting::Single => inner,
        Nesting::List => json!({"type": "array", "items": inner, "minItems": nested.min_items}),
        Nesting::Set => json!({"type": "array", "uniqueItems": true, "items": inner, "minItems": nested.min_items}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schemas_are_what_the_nouns_say() {
        let drift = generate(&Catalogue::of_this_build()).drift(&Workspace::of_this_build()).unwrap();
        assert!(drift.is_empty(), "{}\nrun `cargo xtask schemas`", drift.join("\n"));
    }
}
