use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::thing::NAMES;
use super::{Things, thing};
use crate::framework::{ClientCapabilities, Link, PlanRequest, Planned, Value};

/// A check may wait for what other calls bring.
#[tokio::test]
async fn the_checks_of_all_plans_see_the_same_calls() {
    let things = Things::new();
    let provider = things.provider();
    for name in ["a", "b"] {
        let config = Value::object([("name", Value::from(name))]);
        let request = PlanRequest { prior: Value::Null, proposed: config.clone(), config, link: Link::default() };
        provider.resource("pve_thing").unwrap().plan(request).await;
    }
    let beside = things.beside.lock().unwrap();
    assert!(beside.len() == 2 && Arc::ptr_eq(&beside[0], &beside[1]));
}

/// As core does: what the configuration sets, else what was there for what is computed.
pub(super) async fn plan(things: &Things, prior: Value, config: Value) -> Planned {
    let computed = ["id", "size", "serial", "writes", "note"];
    let full = |object: &Value| Value::object(NAMES.map(|n| (n, object.at(n).clone())));
    let config = full(&config);
    let proposed = Value::object(NAMES.map(|n| {
        let from_prior = config.at(n).is_null() && computed.contains(&n);
        (n, if from_prior { prior.at(n).clone() } else { config.at(n).clone() })
    }));
    let prior = if prior.is_null() { prior } else { full(&prior) };
    things
        .provider()
        .resource("pve_thing")
        .unwrap()
        .plan(PlanRequest { prior, proposed, config, link: Link::default() })
        .await
}

fn state() -> Value {
    let mut state = thing("a", 3);
    for (name, value) in [("id", Value::from("a")), ("serial", Value::from(7)), ("note", Value::from(false))] {
        state.insert(name, value);
    }
    state
}

#[tokio::test]
async fn a_create_has_defaults_and_unknowns() {
    let planned = plan(&Things::new(), Value::Null, Value::object([("name", Value::from("a"))])).await;
    assert_eq!(planned.state.at("size"), &Value::from(3));
    assert_eq!(planned.state.at("id"), &Value::from("a"));
    assert!(planned.state.at("serial").is_unknown());
    assert!(planned.state.at("comment").is_null());
}

#[tokio::test]
async fn nothing_to_do_is_the_prior_state() {
    let config = Value::object([("name", Value::from("a")), ("comment", Value::from(""))]);
    let mut prior = state();
    prior.insert("comment", Value::Null);
    let planned = plan(&Things::new(), prior.clone(), config).await;
    assert!(planned.requires_replace.is_empty());
    assert_eq!(planned.state.at("serial"), &Value::from(7));
}

/// What every write changes is not known before it; a change that is only kept in the state writes nothing.
#[tokio::test]
async fn a_volatile_value_is_unknown_where_something_is_written_and_only_there() {
    let mut prior = state();
    prior.insert("writes", Value::from(4));
    let plan_of = |name: &'static str, value: Value| {
        let config = Value::object([("name", Value::from("a")), (name, value)]);
        let prior = prior.clone();
        async move { plan(&Things::new(), prior, config).await.state.at("writes").clone() }
    };
    assert_eq!(plan_of("size", Value::from(5)).await, Value::Unknown);
    assert_eq!(plan_of("size", Value::Unknown).await, Value::Unknown);
    assert_eq!(plan_of("comment", Value::from("")).await, Value::from(4));
    assert_eq!(plan_of("note", Value::from(true)).await, Value::from(4));
}

#[tokio::test]
async fn what_does_not_do_its_work_is_a_change() {
    let config = Value::object([("name", Value::from("a"))]);
    let mut prior = state();
    prior.insert("serial", Value::from(13));
    let planned = plan(&Things::new(), prior, config).await;
    assert!(planned.requires_replace.is_empty());
    assert!(planned.state.at("serial").is_unknown());
}

#[tokio::test]
async fn equal_in_meaning_keeps_the_spelling_of_the_state() {
    let mut prior = state();
    prior.insert("state", Value::from("started"));
    let config = Value::object([("name", Value::from("a")), ("state", Value::from("on"))]);
    let planned = plan(&Things::new(), prior, config).await;
    assert_eq!(planned.state.at("state"), &Value::from("started"));
}

#[tokio::test]
async fn a_removed_argument_returns_to_its_default_or_null() {
    let mut prior = state();
    prior.insert("size", Value::from(5));
    prior.insert("comment", Value::from("x"));
    let planned = plan(&Things::new(), prior, Value::object([("name", Value::from("a"))])).await;
    assert_eq!(planned.state.at("size"), &Value::from(3));
    assert!(planned.state.at("comment").is_null());
}

#[tokio::test]
async fn a_key_that_changes_or_is_unknown_needs_a_new_object() {
    for name in [Value::from("b"), Value::Unknown] {
        let planned = plan(&Things::new(), state(), Value::object([("name", name)])).await;
        let paths: Vec<String> = planned.requires_replace.iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["name"]);
    }
}

#[tokio::test]
async fn an_old_state_is_brought_to_the_current_version() {
    let provider = Things::new().provider();
    let state = provider.resource("pve_thing").unwrap().upgrade_state(0, json!({"id": "a", "tens": 2})).unwrap();
    assert_eq!((state.at("name"), state.at("size")), (&Value::from("a"), &Value::from(20)));
    let state =
        provider.resource("pve_thing").unwrap().upgrade_state(1, json!({"id": "a", "name": "b", "tens": 1})).unwrap();
    assert_eq!((state.at("name"), state.at("size")), (&Value::from("b"), &Value::from(10)));
    assert!(provider.resource("pve_thing").unwrap().upgrade_state(1, json!({"name": "b"})).is_err());
}

#[tokio::test]
async fn constraints_are_reported_on_their_attribute_and_never_on_unknowns() {
    let provider = Things::new().provider();
    let check = |size: Value| {
        let config = Value::object([("name", Value::from("a")), ("size", size)]);
        provider
            .resource("pve_thing")
            .unwrap()
            .validate_config(&config, ClientCapabilities::NEWEST)
            .iter()
            .map(|d| d.path.clone().unwrap().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(check(Value::from(10)), ["size"]);
    assert_eq!(check(Value::Number("2.5".parse().unwrap())), ["size"]);
    assert!(check(Value::from(9)).is_empty());
    assert!(check(Value::Unknown).is_empty());
}

proptest! {
    /// What core demands of every plan: configured values are kept, planning again changes nothing.
    #[test]
    fn plans_are_stable(size in proptest::option::of(1i64..9), comment in proptest::option::of("[a-z]{0,3}"),
                        tags in proptest::option::of(proptest::collection::vec("[a-c]", 0..4))) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let or_null = |value: Option<Value>| value.unwrap_or_default();
        let config = Value::object([
            ("name", Value::from("a")),
            ("size", or_null(size.map(Value::from))),
            ("comment", or_null(comment.map(Value::from))),
            ("tags", or_null(tags.map(|tags| Value::set(tags.into_iter().map(Value::from))))),
        ]);
        let things = Things::new();
        let first = runtime.block_on(plan(&things, Value::Null, config.clone())).state;
        let mut applied = first.clone();
        applied.insert("serial", Value::from(7));
        let second = runtime.block_on(plan(&things, applied.clone(), config.clone()));
        prop_assert!(second.requires_replace.is_empty());
        prop_assert_eq!(second.state, applied);
        for name in ["size", "comment", "tags"] {
            if !config.at(name).is_null() {
                prop_assert_eq!(first.at(name), config.at(name));
            }
        }
    }
}

#[test]
fn what_the_provider_says_of_an_object_cannot_be_configured() {
    let config = Value::object([("name", Value::from("a")), ("id", Value::from("b"))]);
    let diagnostics =
        Things::new().provider().resource("pve_thing").unwrap().validate_config(&config, ClientCapabilities::NEWEST);
    let paths: Vec<_> = diagnostics.iter().filter_map(|d| d.path.as_ref().map(ToString::to_string)).collect();
    assert_eq!(paths, ["id"]);
}
