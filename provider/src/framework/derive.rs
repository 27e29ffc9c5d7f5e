//! From a noun's struct to its schema: the struct is the truth, read through its JSON Schema.
//!
//! The keywords of JSON Schema carry types and constraints, the doc comments carry the documentation, and the `tf`
//! attributes of a field ([`super::options`]) carry what only Terraform has words for.

use std::time::Duration;

use pve_schemas::noun;
use schemars::JsonSchema;
use serde_json::Value as Json;

use super::options::{self, AttributeOptions, BlockOptions};
use super::{Attribute, Block, NestedBlock, Nesting, Operation, Schema, Timeouts, Type, Value, packed, secrets};
use crate::words::counted;

/// What a schema is made for: it decides what an unmarked property is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Unmarked properties are optional; `id` and `timeouts` are added.
    Resource,
    /// Unmarked properties are computed.
    DataSource,
    /// Unmarked properties are optional.
    Provider,
    /// Unmarked properties are optional, and none is computed: a default is filled in when the action runs.
    Action,
    /// Every property is a parameter, and required.
    Function,
}

impl Schema {
    /// The schema of the noun `M`, one that the build script has packed.
    ///
    /// # Panics
    /// It is not one of them, or the struct can't be expressed in protocol 5. Every noun is built in a test, so no user sees
    /// this.
    pub fn packed<M: JsonSchema>(role: Role) -> Self {
        Self::from_json(&M::schema_name(), &packed::json_schema::<M>(), role)
    }

    /// The schema of any struct, such as one of a test. The program has none of its code, which is large.
    ///
    /// # Panics
    /// The struct can't be expressed in protocol 5.
    pub fn of<M: JsonSchema>(role: Role) -> Self {
        Self::from_json(&M::schema_name(), &noun::json_schema::<M>(), role)
    }

    fn from_json(name: &str, json: &Json, role: Role) -> Self {
        let options: BlockOptions = options::read(name, json);
        let mut block = block(json, role);
        let mut identity = Block::default();
        let timeouts = timeouts(&options);
        if role == Role::Resource {
            block.attributes.insert(0, id_attribute());
            block.blocks.push(timeouts_block(&timeouts));
            identity.attributes = block.attributes.iter().filter(|a| a.identity).cloned().collect();
            if identity.attributes.is_empty() {
                identity.attributes.push(id_attribute());
            }
        }
        Self { version: options.version, identity, block, timeouts }
    }
}

/// The type of the values of `M`, one that the build script has packed.
///
/// # Panics
/// It is not one of them, or can't be expressed in protocol 5. Every function is built in a test, so no user sees this.
pub fn type_of<M: JsonSchema>() -> Type {
    ty(&M::schema_name(), &packed::json_schema::<M>())
}

fn block(json: &Json, role: Role) -> Block {
    let mut block = Block { description: description(json), ..Block::default() };
    for (name, property) in json["properties"].as_object().into_iter().flatten() {
        let options: AttributeOptions = options::read(name, property);
        match options.block {
            Some(nesting) => block.blocks.push(nested(name, property, nesting, options.min_items, role)),
            None => block.attributes.push(attribute(name, property, options, role)),
        }
    }
    for attribute in block.attributes.iter().filter(|attribute| attribute.write_only) {
        let version = block.attribute(&secrets::version_of(&attribute.name));
        assert!(version.is_some_and(|version| version.local), "{} has no version in the state", attribute.name);
    }
    block
}

fn nested(name: &str, property: &Json, nesting: options::Nesting, min_items: i64, role: Role) -> NestedBlock {
    let nesting = match nesting {
        options::Nesting::Single => Nesting::Single,
        options::Nesting::List => Nesting::List,
        options::Nesting::Set => Nesting::Set,
    };
    let inner = if nesting == Nesting::Single { non_null(property) } else { &property["items"] };
    let mut block = block(inner, role);
    block.description = description(property);
    NestedBlock {
        name: name.to_owned(),
        nesting,
        block,
        min_items,
        min_members: inner["minProperties"].as_u64().unwrap_or(0),
    }
}

fn attribute(name: &str, property: &Json, options: AttributeOptions, role: Role) -> Attribute {
    let ty = ty(name, property);
    let literal = |json: &Option<Json>, ty: &Type| {
        let value = |json| Value::from_json(json, ty).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        json.as_ref().map(value)
    };
    let default = literal(&options.default, &ty);
    let null_type = if let Type::Map(element) = &ty { element } else { &ty };
    let null_means = literal(&options.null_means, null_type);
    let required = options.required || role == Role::Function;
    let unmarked_is_computed = role == Role::DataSource;
    let is_filled_in = default.is_some() && role != Role::Action;
    let computed = options.computed || is_filled_in || (unmarked_is_computed && !required && !options.optional);
    let optional = !required && (options.optional || default.is_some() || (!unmarked_is_computed && !options.computed));
    Attribute {
        name: name.to_owned(),
        description: description(property),
        required,
        optional,
        computed,
        sensitive: options.sensitive || options.secret || options.write_only,
        unreadable: options.secret,
        write_only: options.write_only,
        default,
        replace: options.replace,
        identity: options.identity,
        volatile: options.volatile,
        local: options.local,
        null_means,
        aliases: options.aliases.into_iter().collect(),
        lines: options.lines,
        constraints: property.clone(),
        ty,
    }
}

fn ty(name: &str, property: &Json) -> Type {
    let schema = non_null(property);
    match type_name(schema) {
        Some("boolean") => Type::Bool,
        Some("integer" | "number") => Type::Number,
        Some("string") => Type::String,
        Some("array") => {
            let element = Box::new(ty(name, &schema["items"]));
            if schema["uniqueItems"] == true { Type::Set(element) } else { Type::List(element) }
        }
        Some("object") => match schema["properties"].as_object() {
            Some(members) => Type::Object(members.iter().map(|(k, v)| (k.clone(), ty(k, v))).collect()),
            None => Type::Map(Box::new(ty(name, &schema["additionalProperties"]))),
        },
        // An enumeration of documented variants has no `type`, only `oneOf` constants.
        None if super::validate::enumeration(schema).is_some() => Type::String,
        other => panic!("{name}: the type {other:?} can't be expressed"),
    }
}

/// The part of an optional property that is not null.
fn non_null(property: &Json) -> &Json {
    let variants = property["anyOf"].as_array().into_iter().flatten();
    variants.into_iter().find(|variant| variant["type"] != "null").unwrap_or(property)
}

fn type_name(schema: &Json) -> Option<&str> {
    match &schema["type"] {
        Json::String(name) => Some(name),
        Json::Array(names) => names.iter().filter_map(Json::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

fn description(json: &Json) -> String {
    json["description"].as_str().unwrap_or_default().to_owned()
}

fn plain(name: &str, description: &str) -> Attribute {
    Attribute {
        name: name.to_owned(),
        ty: Type::String,
        description: description.to_owned(),
        required: false,
        optional: false,
        computed: false,
        sensitive: false,
        unreadable: false,
        write_only: false,
        default: None,
        replace: false,
        identity: false,
        volatile: false,
        local: false,
        null_means: None,
        aliases: Vec::new(),
        lines: false,
        constraints: Json::Null,
    }
}

fn id_attribute() -> Attribute {
    Attribute { computed: true, ..plain("id", "The natural id, the one that `import` takes.") }
}

/// How long the operations may take: what the noun says, in minutes, else the usual.
fn timeouts(options: &BlockOptions) -> Timeouts {
    let usual = Timeouts::default();
    let of = |operation: Operation| {
        options.timeouts.get(operation.as_str()).copied().map_or(usual.of(operation), Duration::from_mins)
    };
    Timeouts {
        create: of(Operation::Create),
        read: of(Operation::Read),
        update: of(Operation::Update),
        delete: of(Operation::Delete),
    }
}

fn timeouts_block(timeouts: &Timeouts) -> NestedBlock {
    let entry = |operation: Operation, what: &str| Attribute {
        optional: true,
        local: true,
        constraints: serde_json::json!({"format": "timeout"}),
        ..plain(
            operation.as_str(),
            &format!(
                "How long {what} may take, retries and waits included, such as `\"10m\"`. Unset means {}.",
                counted(timeouts.of(operation).as_secs() / 60, "minute")
            ),
        )
    };
    let attributes = vec![
        entry(Operation::Create, "a create"),
        entry(Operation::Read, "a read"),
        entry(Operation::Update, "an update"),
        entry(Operation::Delete, "a delete"),
    ];
    NestedBlock {
        name: super::read::TIMEOUTS.to_owned(),
        nesting: Nesting::Single,
        block: Block {
            description: "How long operations on this object may take before they give up.".to_owned(),
            attributes,
            blocks: Vec::new(),
        },
        min_items: 0,
        min_members: 0,
    }
}

#[cfg(test)]
mod tests {
    use pve_schemas as nouns;

    use super::*;

    #[test]
    fn a_resource_gets_id_and_timeouts_and_its_marks() {
        let schema = Schema::of::<nouns::HaResource>(Role::Resource);
        let names: Vec<&str> = schema.block.attributes.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names[..4], ["id", "sid", "state", "group"]);
        let state = schema.block.attribute("state").unwrap();
        assert!(state.optional && state.computed && !state.required);
        assert_eq!(state.default, Some(Value::from("started")));
        assert_eq!(state.aliases, [("enabled".to_owned(), "started".to_owned())]);
        assert_eq!(super::super::validate::enumeration(&state.constraints).unwrap().len(), 5);
        let failback = schema.block.attribute("failback").unwrap();
        assert!(failback.optional && !failback.computed && failback.null_means == Some(Value::from(true)));
        assert!(schema.block.attribute("sid").unwrap().replace);
        assert!(schema.block.nested("timeouts").is_some());
    }

    #[test]
    fn what_names_an_object_is_what_the_noun_says_or_its_id() {
        let names = |schema: &Schema| schema.identity.attributes.iter().map(|a| a.name.clone()).collect::<Vec<_>>();
        let job = Schema::of::<nouns::ReplicationJob>(Role::Resource);
        assert_eq!(names(&job), ["guest", "job_number"]);
        let known = Value::object([("guest", Value::from(100)), ("job_number", 1.into()), ("target", "pve2".into())]);
        assert_eq!(job.identity_of(&known), Value::object([("guest", Value::from(100)), ("job_number", 1.into())]));
        let planned = Value::object([("guest", Value::from(100)), ("job_number", Value::Unknown)]);
        assert!(job.identity_of(&planned).is_null());
        assert_eq!(names(&Schema::of::<nouns::DatacenterOptions>(Role::Resource)), ["id"]);
        assert!(names(&Schema::of::<nouns::ProviderBlock>(Role::Provider)).is_empty());
    }

    #[test]
    fn a_secret_is_sensitive_and_its_write_only_twin_is_in_no_state() {
        let smtp = Schema::of::<nouns::NotificationSmtp>(Role::Resource);
        let webhook = Schema::of::<nouns::NotificationWebhook>(Role::Resource);
        let gotify = Schema::of::<nouns::NotificationGotify>(Role::Resource);
        for (schema, name) in [(smtp, "password"), (gotify, "token"), (webhook, "secrets")] {
            let attribute = |name: &str| schema.block.attribute(name).unwrap();
            assert!(attribute(name).sensitive && attribute(name).unreadable && attribute(name).optional, "{name}");
            let write_only = attribute(&format!("{name}_wo"));
            assert!(write_only.sensitive && write_only.write_only && write_only.optional, "{name}");
            assert!(attribute(&format!("{name}_wo_version")).local, "{name}");
        }
    }

    #[test]
    fn nested_blocks_and_collections_come_out() {
        let schema = Schema::of::<nouns::DatacenterOptions>(Role::Resource);
        let crs = schema.block.nested("crs").unwrap();
        assert_eq!(crs.block.attribute("ha_rebalance_on_start").unwrap().ty, Type::Bool);
        assert_eq!(schema.block.attribute("registered_tags").unwrap().ty, Type::Set(Box::new(Type::String)));
        let rule = Schema::of::<nouns::HaNodeAffinityRule>(Role::Resource);
        assert_eq!(rule.block.attribute("nodes").unwrap().ty, Type::Map(Box::new(Type::Number)));
        let matcher = Schema::of::<nouns::NotificationMatcher>(Role::Resource);
        let values = Type::Map(Box::new(Type::Set(Box::new(Type::String))));
        assert_eq!(matcher.block.attribute("fields").unwrap().ty, values);
        let provider = Schema::of::<nouns::ProviderBlock>(Role::Provider);
        assert_eq!(provider.block.nested("ssh").unwrap().block.nested("node").unwrap().nesting, Nesting::List);
        assert!(provider.block.attribute("id").is_none());
    }
}
