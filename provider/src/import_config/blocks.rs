//! Objects of the cluster as blocks of configuration.
//!
//! Invariant: what is written plans to the very object that was found. A value that the provider would refuse is left to the
//! cluster, and what is sensitive becomes a variable.

use std::collections::BTreeMap;

use super::hcl::{Expr, Item, file};
use super::labels::{Labels, natural};
use crate::framework::{
    Attribute, Block, BoundResource, ClientCapabilities, Diagnostics, Listed, NestedBlock, Nesting, Path, Provider,
    Severity, Type, Value,
};

/// Attributes that name objects of another type: by `resource.attribute`, the type they name, and the attribute there.
/// A reference instead of the name makes Terraform create and destroy them in the right order.
const REFERENCES: &[(&str, &str, &str, &str)] = &[
    ("pve_fence_device", "after", "pve_fence_device", "name"),
    ("pve_ha_node_affinity_rule", "resources", "pve_ha_resource", "sid"),
    ("pve_ha_resource", "group", "pve_ha_group", "name"),
    ("pve_ha_resource_affinity_rule", "resources", "pve_ha_resource", "sid"),
    ("pve_notification_matcher", "targets", "pve_notification_gotify", "name"),
    ("pve_notification_matcher", "targets", "pve_notification_sendmail", "name"),
    ("pve_notification_matcher", "targets", "pve_notification_smtp", "name"),
    ("pve_notification_matcher", "targets", "pve_notification_webhook", "name"),
];

/// Everything that is written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Texts by file name.
    pub(super) files: BTreeMap<String, String>,
    /// How many objects, by what they are called.
    pub(super) counts: Vec<(String, usize)>,
    /// How many variables have to be given a value.
    pub(super) secrets: usize,
    /// What had to be left out or done otherwise.
    pub(super) diagnostics: Diagnostics,
}

/// The configuration of everything found in `cluster`, by resource type.
pub(super) fn write(provider: &Provider, cluster: BTreeMap<&str, Vec<Listed>>) -> Written {
    let mut writer = Writer { addresses: BTreeMap::new(), variables: Vec::new(), names: Labels::default() };
    let mut written = Written::default();
    let mut labelled = Vec::new();
    for (kind, mut objects) in cluster {
        objects.sort_by_key(|object| natural(&object.name));
        let mut labels = Labels::default();
        for object in objects {
            let label = labels.give(kind.rsplit('_').next().unwrap_or(kind), &object.name);
            writer.addresses.insert((kind.to_owned(), object.name.clone()), format!("{kind}.{label}"));
            labelled.push((kind, label, object));
        }
    }
    let mut bodies: BTreeMap<&str, Vec<Item>> = BTreeMap::new();
    for (kind, label, object) in &labelled {
        let Ok(resource) = provider.resource(kind) else { continue };
        match writer.resource(resource, label, object) {
            Ok(items) => bodies.entry(kind).or_default().extend(items),
            Err(refused) => {
                written.diagnostics.warning(format!("Left out: {} {}", resource.title(), object.name), refused);
            }
        }
    }
    for (kind, items) in bodies {
        let title = provider.resource(kind).map_or("object", |resource| resource.title());
        let count = items.iter().filter(|item| matches!(item, Item::Block(kind, ..) if kind == "import")).count();
        written.counts.push((title.to_owned(), count));
        written.files.insert(format!("{}.tf", kind.trim_start_matches("pve_")), file(&without_repeats(items)));
    }
    written.secrets = writer.variables.len();
    if !writer.variables.is_empty() {
        written.files.insert("variables.tf".to_owned(), file(&writer.variables));
    }
    written
}

/// A comment on several objects is written once at the top of their file.
fn without_repeats(mut items: Vec<Item>) -> Vec<Item> {
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for item in items.iter().flat_map(Item::body) {
        if let Item::Comment(text) = item {
            *said.entry(text.clone()).or_default() += 1;
        }
    }
    said.retain(|_, count| *count > 1);
    if said.is_empty() {
        return items;
    }
    for item in &mut items {
        if let Item::Block(_, _, body) = item {
            body.retain(|item| !matches!(item, Item::Comment(text) if said.contains_key(text)));
        }
    }
    let top = said.into_keys().flat_map(|text| [Item::Comment(text), Item::Gap]);
    top.chain(items).collect()
}

struct Writer {
    /// The addresses of objects, by type and natural id.
    addresses: BTreeMap<(String, String), String>,
    variables: Vec<Item>,
    /// Names of variables.
    names: Labels,
}

impl Writer {
    /// The blocks of one object.
    ///
    /// # Errors
    /// It can't be configured at all; the text says why.
    fn resource(&mut self, resource: BoundResource<'_>, label: &str, found: &Listed) -> Result<Vec<Item>, String> {
        let (kind, schema) = (resource.name(), &resource.schema().block);
        let refused = self.refused(resource, &configured(schema, &found.object))?;
        let place = Place { kind, label, path: Vec::new() };
        let mut body: Vec<Item> = resource.remarks(&found.object).into_iter().map(Item::Comment).collect();
        body.extend(self.body(schema, &found.object, &place, &|name| refused.contains_key(name)));
        if !refused.is_empty() {
            for (name, problem) in &refused {
                body.push(Item::Gap);
                body.push(Item::Comment(format!("{name} is left as it is in the cluster: {problem}")));
            }
            let names = refused.keys().map(|name| Expr::Raw(name.clone())).collect();
            body.push(Item::block(
                "lifecycle",
                &[],
                vec![Item::Attribute("ignore_changes".to_owned(), Expr::List(names))],
            ));
        }
        let import = vec![Item::raw("to", format!("{kind}.{label}")), Item::text("id", &found.name)];
        Ok(vec![Item::block("import", &[], import), Item::block("resource", &[kind, label], body)])
    }

    /// The attributes and blocks whose values the provider would refuse, with why. Proxmox keeps some values that can't be
    /// written through its API, such as comments that an editor has put into the file.
    fn refused(&self, resource: BoundResource<'_>, config: &Value) -> Result<BTreeMap<String, String>, String> {
        let mut refused = BTreeMap::new();
        for problem in resource.validate_config(config, ClientCapabilities::NEWEST) {
            if problem.severity != Severity::Error {
                continue;
            }
            let name = problem.path.as_ref().and_then(top);
            let optional = name.as_ref().filter(|name| {
                let attribute = resource.schema().block.attribute(name);
                attribute.map_or(resource.schema().block.nested(name).is_some(), |attribute| !attribute.required)
            });
            match optional {
                Some(name) => refused.insert(name.clone(), problem.detail),
                None => return Err(format!("It can't be configured. {}: {}", problem.summary, problem.detail)),
            };
        }
        Ok(refused)
    }

    fn body(&mut self, schema: &Block, object: &Value, place: &Place<'_>, skip: &dyn Fn(&str) -> bool) -> Vec<Item> {
        let mut items = Vec::new();
        for attribute in schema.attributes.iter().filter(|attribute| !skip(&attribute.name)) {
            let value = object.at(&attribute.name);
            if is_written(attribute, value) {
                let place = place.then(&attribute.name);
                items.push(Item::Attribute(attribute.name.clone(), self.value(attribute, value, &place)));
            }
        }
        for nested in schema.blocks.iter().filter(|nested| nested.name != "timeouts" && !skip(&nested.name)) {
            for (number, object) in occurrences(nested, object.at(&nested.name)).into_iter().enumerate() {
                let place = place.then(&nested.name);
                let place =
                    if nested.nesting == Nesting::Single { place } else { place.then(&(number + 1).to_string()) };
                let body = self.body(&nested.block, object, &place, &|_| false);
                items.push(Item::block(&nested.name, &[], body));
            }
        }
        items
    }

    fn value(&mut self, attribute: &Attribute, value: &Value, place: &Place<'_>) -> Expr {
        if attribute.sensitive && !is_empty(value) {
            return self.variable(&attribute.ty, value, place);
        }
        let refer = |value: &Value| {
            let id = value.as_str()?;
            let mut references =
                REFERENCES.iter().filter(|(kind, name, ..)| *kind == place.kind && place.path == [*name]);
            references.find_map(|(_, _, kind, attribute)| {
                let address = self.addresses.get(&((*kind).to_owned(), id.to_owned()))?;
                Some(Expr::Raw(format!("{address}.{attribute}")))
            })
        };
        expression(value, &refer)
    }

    /// A variable without a value, in the place of a secret. The keys of a map are no secret.
    fn variable(&mut self, ty: &Type, value: &Value, place: &Place<'_>) -> Expr {
        let kind = place.kind.trim_start_matches("pve_");
        let name = self.names.give("secret", &format!("{kind}_{}_{}", place.label, place.path.join("_")));
        let keys: Vec<&str> = value.as_map().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        let keys = if keys.is_empty() { String::new() } else { format!(", with {}", keys.join(", ")) };
        let description = format!("{} of {}.{}{keys}", place.path.join("."), place.kind, place.label);
        let body = vec![
            Item::text("description", &description),
            Item::raw("type", ty.to_string()),
            Item::raw("sensitive", "true"),
        ];
        self.variables.push(Item::block("variable", &[&name], body));
        Expr::Raw(format!("var.{name}"))
    }
}

/// The place of a value.
struct Place<'a> {
    kind: &'a str,
    label: &'a str,
    path: Vec<String>,
}

impl Place<'_> {
    fn then(&self, name: &str) -> Self {
        Self { kind: self.kind, label: self.label, path: self.path.iter().cloned().chain([name.to_owned()]).collect() }
    }
}

/// Whether an attribute has to be written: it can be, and leaving it out would mean something else.
fn is_written(attribute: &Attribute, value: &Value) -> bool {
    (attribute.required || attribute.optional) && !value.is_null() && attribute.default.as_ref() != Some(value)
}

/// What core would make of the configuration of `object`.
fn configured(schema: &Block, object: &Value) -> Value {
    let attributes = schema.attributes.iter().map(|a| {
        let value = object.at(&a.name);
        (a.name.clone(), if is_written(a, value) { value.clone() } else { Value::Null })
    });
    let blocks = schema.blocks.iter().map(|b| {
        let value = object.at(&b.name);
        (b.name.clone(), if b.name == "timeouts" { Value::Null } else { value.clone() })
    });
    Value::object(attributes.chain(blocks))
}

fn occurrences<'v>(nested: &NestedBlock, value: &'v Value) -> Vec<&'v Value> {
    match nested.nesting {
        Nesting::Single if value.is_null() => Vec::new(),
        Nesting::Single => vec![value],
        Nesting::List | Nesting::Set => value.elements().into_iter().flatten().collect(),
    }
}

fn expression(value: &Value, refer: &dyn Fn(&Value) -> Option<Expr>) -> Expr {
    match value {
        Value::List(elements) | Value::Set(elements) => {
            let mut elements: Vec<&Value> = elements.iter().collect();
            if matches!(value, Value::Set(_)) {
                elements.sort_by_key(|element| natural(element.as_str().unwrap_or_default()));
            }
            Expr::List(elements.into_iter().map(|element| expression(element, refer)).collect())
        }
        Value::Map(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(name, _)| natural(name));
            Expr::Map(members.into_iter().map(|(name, value)| (name.clone(), expression(value, refer))).collect())
        }
        scalar => refer(scalar).unwrap_or_else(|| Expr::Scalar(scalar.clone())),
    }
}

/// A collection in which there can't be a secret.
fn is_empty(value: &Value) -> bool {
    value.as_map().is_some_and(|members| members.is_empty()) || value.elements().is_some_and(<[Value]>::is_empty)
}

fn top(path: &Path) -> Option<String> {
    match path.steps().first() {
        Some(crate::framework::Step::Attribute(name)) => Some(name.clone()),
        _ => None,
    }
}
