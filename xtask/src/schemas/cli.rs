//! The provider's schema as `terraform providers schema -json` prints it, made without a CLI: for tools, and so that every
//! changed word is a visible difference. An acceptance test compares it with what the CLI prints.

use serde_json::{Map, Value as Json, json};
use terraform_provider_pve::framework::Schema;
use terraform_provider_pve::protocol::tfplugin5::schema::nested_block::NestingMode;
use terraform_provider_pve::protocol::tfplugin5::schema::{Attribute, Block, NestedBlock};
use terraform_provider_pve::protocol::tfplugin5::{Schema as WireSchema, StringKind};

use crate::catalogue::{Catalogue, Entry};

/// The name under which Terraform prints it.
const ADDRESS: &str = "registry.terraform.io/pve-ha/pve";

/// The schema of everything in `catalogue`.
pub fn of(catalogue: &Catalogue) -> String {
    let all = |entries: &[Entry]| -> Json {
        entries.iter().map(|entry| (entry.name.clone(), schema(&entry.schema))).collect::<Map<_, _>>().into()
    };
    // An action has no state, and its schema no version.
    let actions: Map<_, _> = catalogue
        .actions
        .iter()
        .map(|entry| (entry.name.clone(), json!({"block": schema(&entry.schema)["block"]})))
        .collect();
    let provider = json!({
        "provider": catalogue.provider.as_ref().map(schema),
        "resource_schemas": all(&catalogue.resources),
        "data_source_schemas": all(&catalogue.data_sources),
        "action_schemas": actions,
    });
    let document = json!({"format_version": "1.0", "provider_schemas": {ADDRESS: provider}});
    format!("{document:#}\n")
}

fn schema(schema: &Schema) -> Json {
    let wire = WireSchema::from(schema);
    json!({"version": wire.version, "block": block(&wire.block.unwrap_or_default())})
}

fn block(block: &Block) -> Json {
    let mut json = Map::new();
    let attributes: Map<_, _> = block.attributes.iter().map(|a| (a.name.clone(), attribute(a))).collect();
    let blocks: Map<_, _> = block.block_types.iter().map(|b| (b.type_name.clone(), nested(b))).collect();
    if !attributes.is_empty() {
        json.insert("attributes".into(), attributes.into());
    }
    if !blocks.is_empty() {
        json.insert("block_types".into(), blocks.into());
    }
    describe(&mut json, &block.description, block.description_kind());
    json.into()
}

fn attribute(attribute: &Attribute) -> Json {
    let mut json = Map::new();
    json.insert("type".into(), sorted(serde_json::from_slice(&attribute.r#type).unwrap_or_default()));
    describe(&mut json, &attribute.description, attribute.description_kind());
    let flags = [
        ("required", attribute.required),
        ("optional", attribute.optional),
        ("computed", attribute.computed),
        ("sensitive", attribute.sensitive),
        ("write_only", attribute.write_only),
    ];
    json.extend(flags.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| (name.to_owned(), true.into())));
    json.into()
}

/// A type with the members of each object in the order of their names.
fn sorted(ty: Json) -> Json {
    match ty {
        Json::Array(parts) => {
            let mut parts: Vec<Json> = parts.into_iter().map(sorted).collect();
            // `["object", {members}, [optional]]`
            if let Some(optional) = parts.get_mut(2).and_then(Json::as_array_mut) {
                optional.sort_by_key(Json::to_string);
            }
            parts.into()
        }
        Json::Object(members) => {
            let mut members: Map<_, _> = members.into_iter().map(|(name, ty)| (name, sorted(ty))).collect();
            members.sort_keys();
            members.into()
        }
        name => name,
    }
}

fn nested(nested: &NestedBlock) -> Json {
    let mode = match nested.nesting() {
        NestingMode::Invalid => "invalid",
        NestingMode::Single => "single",
        NestingMode::List => "list",
        NestingMode::Set => "set",
        NestingMode::Map => "map",
        NestingMode::Group => "group",
    };
    let mut json = Map::new();
    json.insert("nesting_mode".into(), mode.into());
    json.insert("block".into(), block(&nested.block.clone().unwrap_or_default()));
    let limits = [("min_items", nested.min_items), ("max_items", nested.max_items)];
    json.extend(
        limits.into_iter().filter(|(_, limit)| *limit > 0).map(|(name, limit)| (name.to_owned(), limit.into())),
    );
    json.into()
}

fn describe(json: &mut Map<String, Json>, description: &str, kind: StringKind) {
    if !description.is_empty() {
        json.insert("description".into(), description.into());
    }
    json.insert("description_kind".into(), if kind == StringKind::Markdown { "markdown" } else { "plain" }.into());
}
