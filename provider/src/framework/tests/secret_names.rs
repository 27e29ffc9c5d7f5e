use std::collections::BTreeMap;

use pve_schemas::FenceDevice;

use crate::framework::schema::Block;
use crate::framework::{Role, Schema, Value, secret_names, secrets};

fn block() -> Block {
    Schema::of::<FenceDevice>(Role::Resource).block
}

fn map(pairs: &[(&str, &str)]) -> Value {
    Value::Map(pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect::<BTreeMap<_, _>>())
}

fn names(names: &[&str]) -> Value {
    Value::set(names.iter().map(|name| Value::from(*name)))
}

/// A connection with a write-only map, and the version of that.
fn connect(node: &str, secret: &[(&str, &str)], version: i64) -> Value {
    Value::object([
        ("node", Value::from(node)),
        ("secret_options_wo", map(secret)),
        ("secret_options_wo_version", Value::from(version)),
    ])
}

fn device(connects: Vec<Value>) -> Value {
    Value::object([("name", Value::from("ipmi")), ("connect", Value::List(connects))])
}

/// The object without write-only values, as it comes out of the planner.
fn without_values(object: &Value) -> Value {
    let mut object = object.clone();
    object.insert("secret_options_wo", Value::Null);
    if let Some(items) = object.at("connect").elements() {
        let items = items.iter().map(without_values).collect();
        object.insert("connect", Value::List(items));
    }
    object
}

fn plan(prior: Option<&Value>, config: &Value) -> Value {
    secret_names::planned(&block(), prior, &without_values(config), config)
}

/// What is sent to each node.
fn sent(prior: Option<&Value>, planned: &Value, config: &Value) -> Vec<(String, Value)> {
    let outgoing = secrets::outgoing(&block(), prior, planned, config);
    let items = outgoing.at("connect").elements().unwrap_or_default().to_vec();
    items.iter().map(|c| (c.at("node").as_str().unwrap().to_owned(), c.at("secret_options_wo").clone())).collect()
}

fn of(sent: &[(&str, Value)]) -> Vec<(String, Value)> {
    sent.iter().map(|(node, value)| ((*node).to_owned(), value.clone())).collect()
}

#[test]
fn names_follow_the_version_and_what_the_object_lacks() {
    let own = |secret: Value, version: Value| {
        Value::object([("secret_options_wo", secret), ("secret_options_wo_version", version)])
    };
    let planned = |prior: Option<&Value>, config: &Value| plan(prior, config).at("secret_options_wo_names").clone();
    let first = own(map(&[("a", "1"), ("b", "1")]), Value::from(1));
    assert_eq!(planned(None, &first), names(&["a", "b"]));
    let prior = plan(None, &first);
    let less = own(map(&[("b", "2")]), Value::from(1));
    assert_eq!(planned(Some(&prior), &less), names(&["a", "b"]));
    assert_eq!(planned(Some(&prior), &own(map(&[("b", "2")]), Value::from(2))), names(&["b"]));
    assert_eq!(planned(Some(&prior), &own(Value::Null, Value::Null)), Value::Null);
    assert_eq!(planned(Some(&prior), &own(Value::Unknown, Value::from(1))), names(&["a", "b"]));
    assert_eq!(planned(Some(&prior), &own(Value::Unknown, Value::from(2))), Value::Unknown);

    // The object has lost one: only that one is sent.
    let mut lost = prior.clone();
    lost.insert("secret_options_wo_names", names(&["b"]));
    let again = plan(Some(&lost), &first);
    assert!(secrets::are_to_send(&block(), &lost, &again) && !secrets::are_to_send(&block(), &prior, &again));
    let outgoing = secrets::outgoing(&block(), Some(&lost), &again, &first);
    assert_eq!(outgoing.at("secret_options_wo"), &map(&[("a", "1")]));
}

#[test]
fn blocks_are_distinguished_by_their_identity() {
    let (one, two) = (connect("pve1", &[("key", "1")], 1), connect("pve2", &[("passwd", "2")], 1));
    let config = device(vec![one.clone(), two.clone()]);
    let state = plan(None, &config);
    let all = [("pve1", map(&[("key", "1")])), ("pve2", map(&[("passwd", "2")]))];
    assert_eq!(sent(None, &state, &config), of(&all));

    for other in [device(vec![two.clone(), one.clone()]), device(vec![two.clone()])] {
        let planned = plan(Some(&state), &other);
        assert!(!secrets::are_to_send(&block(), &state, &planned));
        assert!(sent(Some(&state), &planned, &other).iter().all(|(_, secret)| secret.is_null()));
        assert_eq!(planned.at("connect").elements().unwrap()[0].at("secret_options_wo_names"), &names(&["passwd"]));
        assert_eq!(secret_names::resolved(&block(), Some(&state), &planned, &other).unwrap(), planned);
    }

    // The plan keeps the order of the state, and the configuration has another.
    let newer = device(vec![connect("pve2", &[("passwd", "3")], 2), one.clone()]);
    let mut planned = plan(Some(&state), &newer);
    let turned = planned.at("connect").elements().unwrap().iter().rev().cloned().collect();
    planned.insert("connect", Value::List(turned));
    let expected = [("pve1", Value::Null), ("pve2", map(&[("passwd", "3")]))];
    assert_eq!(sent(Some(&state), &planned, &newer), of(&expected));

    // A node in front of the others gets its own, and they keep theirs.
    let more = device(vec![connect("pve3", &[("passwd", "3")], 1), one, two]);
    let planned = plan(Some(&state), &more);
    let expected = [("pve3", map(&[("passwd", "3")])), ("pve1", Value::Null), ("pve2", Value::Null)];
    assert_eq!(sent(Some(&state), &planned, &more), of(&expected));
}

#[test]
fn a_map_that_differs_from_the_plan_is_an_error() {
    let config = device(vec![connect("pve1", &[("key", "1")], 1)]);
    let planned = plan(None, &config);
    let resolved = |prior: Option<&Value>, planned: &Value, config: &Value| {
        let failure = secret_names::resolved(&block(), prior, planned, config).err()?;
        failure.path.map(|path| path.to_string())
    };
    assert_eq!(resolved(None, &planned, &config), None);
    let at = Some("connect[0].secret_options_wo".to_owned());
    let more = device(vec![connect("pve1", &[("key", "1"), ("more", "1")], 1)]);
    let less = device(vec![connect("pve1", &[], 1)]);
    assert_eq!(resolved(None, &planned, &more), at);
    assert_eq!(resolved(None, &planned, &less), at);
    // Nothing of it is sent with the same version.
    assert_eq!(resolved(Some(&planned), &planned, &less), None);
    // What the plan left unknown is what the configuration has now.
    let mut unknown = config.clone();
    let mut item = connect("pve1", &[], 1);
    item.insert("secret_options_wo", Value::Unknown);
    unknown.insert("connect", Value::List(vec![item]));
    let open = plan(None, &unknown);
    assert!(!open.is_wholly_known());
    assert_eq!(secret_names::resolved(&block(), None, &open, &config).unwrap(), planned);
}

#[test]
fn what_may_have_been_written_is_looked_up_without_its_values() {
    let (mut state, planned) = (
        device(vec![Value::object([("node", Value::from("pve1")), ("secret_options", map(&[("key", "1")]))])]),
        plan(None, &device(vec![connect("pve2", &[("passwd", "2")], 1), connect("pve1", &[("key", "1")], 1)])),
    );
    state.insert("secret_options_wo_names", names(&["a"]));
    let both = secret_names::with_names_of_both(&block(), &state, &planned);
    assert_eq!(both.at("secret_options_wo_names"), &names(&["a"]));
    let items: Vec<_> = both
        .at("connect")
        .elements()
        .unwrap()
        .iter()
        .map(|c| (c.at("node"), c.at("secret_options_wo_names")))
        .collect();
    assert_eq!(items, [(&Value::from("pve1"), &names(&["key"])), (&Value::from("pve2"), &names(&["passwd"]))]);
}
