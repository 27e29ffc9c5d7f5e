//! The planner. Planned values are a pure function of the request; only the diagnostics of its checks look further.

use std::sync::Arc;

use super::apply::timeout;
use super::equal::{same, same_block, stored_differences};
use super::resource::Change;
use super::{
    Activity, Attribute, Block, Context, Link, NestedBlock, Nesting, Operation, Path, PlanRequest, Planned, Resource,
    Step, Stop, Value, secret_names, secrets,
};

/// Plans a create, update, replace or destroy of an object of type `resource`.
pub async fn plan(resource: &dyn Resource, stop: Stop, activity: Arc<Activity>, request: PlanRequest) -> Planned {
    let prior = (!request.prior.is_null()).then_some(&request.prior);
    if request.proposed.is_null() {
        return destroy(resource, stop, activity, prior).await;
    }
    let (state, requires_replace) = values(resource, &request);
    let (mut diagnostics, checks) = resource.planned(prior, Some(&state));
    // In an apply core may have set the old object aside before it plans the new one again, and an error would leave it there:
    // the create itself then finds what prevents it, after which core puts the old object back.
    let is_too_late = prior.is_none() && resource.is_applying();
    if prior != Some(&state) && !diagnostics.has_error() && !is_too_late {
        let cx = Context::new(timeout(resource, &state, Operation::Read), stop).beside(activity);
        let replaces = request.link.replaces.as_deref().filter(|_| prior.is_none());
        let change = Change { prior, config: &request.config, planned: &state, replaces };
        diagnostics.extend(checks.change(&cx, change).await);
        diagnostics.extend(cx.into_warnings());
    } else if let Some(kept) = prior.filter(|_| !diagnostics.has_error()) {
        let cx = Context::new(timeout(resource, kept, Operation::Read), stop);
        diagnostics.extend(checks.keep(&cx).await);
    }
    let link = request.link.next(resource, prior, &state);
    Planned { state, requires_replace, link, diagnostics }
}

async fn destroy(resource: &dyn Resource, stop: Stop, activity: Arc<Activity>, prior: Option<&Value>) -> Planned {
    let Some(prior) = prior else { return Planned::default() };
    let (mut diagnostics, checks) = resource.planned(Some(prior), None);
    // An apply plans only the destroy of what it has replaced itself: an error would leave it in the state, for the next apply.
    if diagnostics.has_error() || resource.is_applying() {
        return Planned { diagnostics, ..Planned::default() };
    }
    let cx = Context::new(timeout(resource, prior, Operation::Read), stop).beside(activity);
    let given_up = checks.given_up(&cx).await;
    diagnostics.extend(checks.destroy(&cx, prior).await);
    diagnostics.extend(cx.into_warnings());
    Planned { link: Link { given_up, ..Link::default() }, diagnostics, ..Planned::default() }
}

/// The planned values, and the paths that need a new object.
fn values(resource: &dyn Resource, request: &PlanRequest) -> (Value, Vec<Path>) {
    let schema = &resource.schema().block;
    let prior = (!request.prior.is_null()).then_some(&request.prior);
    let planned = block(schema, prior, &request.config, &request.proposed);
    let mut planned = secret_names::planned(schema, prior, &planned, &request.config);
    resource.modify_plan(prior, &request.config, &mut planned);
    let changed = match prior {
        None => true,
        Some(prior) => differs(schema, prior, &planned) || secrets::are_to_send(schema, prior, &planned),
    };
    if changed {
        mark_unknown(schema, prior, &request.config, &mut planned);
    }
    if prior.is_some()
        && let Some(sign) = resource.needs_repair(&planned)
    {
        planned.insert(sign, Value::Unknown);
    }
    if schema.attribute("id").is_some() {
        planned.insert("id", id(resource, prior, &planned));
    }
    let mut replace = Vec::new();
    if let Some(prior) = prior {
        replacements(schema, prior, &planned, &Path::root(), &mut replace);
    }
    (planned, replace)
}

/// Defaults and equality in meaning, for all attributes and blocks of one object.
fn block(schema: &Block, prior: Option<&Value>, config: &Value, proposed: &Value) -> Value {
    let attributes = schema.attributes.iter().map(|a| {
        let prior = prior.map(|p| p.at(&a.name));
        (a.name.clone(), attribute(a, prior, config.at(&a.name), proposed.at(&a.name)))
    });
    let blocks = schema.blocks.iter().map(|b| {
        let prior = prior.map(|p| p.at(&b.name));
        (b.name.clone(), nested(b, prior, config.at(&b.name), proposed.at(&b.name)))
    });
    Value::Map(attributes.chain(blocks).collect())
}

fn attribute(schema: &Attribute, prior: Option<&Value>, config: &Value, proposed: &Value) -> Value {
    if schema.write_only {
        return Value::Null;
    }
    let configured = match (config, &schema.default) {
        (Value::Null, Some(default)) => default,
        (Value::Null, None) if !schema.computed => &Value::Null,
        (Value::Null, None) => proposed,
        _ => config,
    };
    match prior {
        // Equal in meaning: the state's spelling stays, so that nothing is to be done.
        Some(prior)
            if !config.is_null() && configured != prior && same(schema, configured, prior) && !prior.is_null() =>
        {
            prior.clone()
        }
        _ => configured.clone(),
    }
}

fn nested(schema: &NestedBlock, prior: Option<&Value>, config: &Value, proposed: &Value) -> Value {
    match (schema.nesting, config) {
        (Nesting::Single, Value::Map(_)) => {
            let prior = prior.filter(|p| !p.is_null());
            block(&schema.block, prior, config, proposed)
        }
        (Nesting::List, Value::List(items)) => {
            let items = items.iter().enumerate().map(|(index, config)| {
                let at = |list: &Value| list.elements().and_then(|e| e.get(index)).cloned();
                block(&schema.block, prior.and_then(at).as_ref(), config, &at(proposed).unwrap_or_default())
            });
            Value::List(items.collect())
        }
        (Nesting::Set, Value::Set(items)) => Value::set(items.iter().map(|i| block(&schema.block, None, i, i))),
        _ => config.clone(),
    }
}

/// Whether anything the user may configure differs; what is only computed follows from that.
fn differs(schema: &Block, prior: &Value, planned: &Value) -> bool {
    let attributes =
        schema.attributes.iter().any(|a| prior.at(&a.name) != planned.at(&a.name) && configurable(a, prior, planned));
    let blocks = schema.blocks.iter().any(|b| !same_block(&b.block, b.nesting, prior.at(&b.name), planned.at(&b.name)));
    attributes || blocks
}

fn configurable(attribute: &Attribute, prior: &Value, planned: &Value) -> bool {
    let name = &attribute.name;
    (attribute.required || attribute.optional) && !same(attribute, prior.at(name), planned.at(name))
}

/// What is unknown until the apply: computed values of a new object, volatile ones of an object that is changed on the cluster.
fn mark_unknown(schema: &Block, prior: Option<&Value>, config: &Value, planned: &mut Value) {
    let is_written = prior.is_none_or(|prior| {
        !stored_differences(schema, prior, planned).is_empty() || secrets::are_to_send(schema, prior, planned)
    });
    for attribute in schema.attributes.iter().filter(|a| a.computed && a.default.is_none()) {
        let unset = config.at(&attribute.name).is_null() && !secret_names::are_names(schema, attribute);
        if unset && (prior.is_none() || attribute.volatile && is_written) {
            planned.insert(&*attribute.name, Value::Unknown);
        }
    }
}

fn id(resource: &dyn Resource, prior: Option<&Value>, planned: &Value) -> Value {
    match resource.id(planned) {
        Some(id) => Value::from(id),
        None => prior.map(|p| p.at("id").clone()).filter(|id| !id.is_null()).unwrap_or(Value::Unknown),
    }
}

fn replacements(schema: &Block, prior: &Value, planned: &Value, path: &Path, found: &mut Vec<Path>) {
    for attribute in schema.attributes.iter().filter(|a| a.replace) {
        if !same(attribute, prior.at(&attribute.name), planned.at(&attribute.name)) {
            found.push(path.then(Step::Attribute(attribute.name.clone())));
        }
    }
}
