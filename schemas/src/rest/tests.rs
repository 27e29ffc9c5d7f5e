//! What `#[tf_block(rest)]` makes of the fields of a struct.

use schemars::JsonSchema;
use serde_json::{Value as Json, json};

use super::*;
use crate::tf_block;
use crate::value::{ConfigId, HaState};
use crate::{HaResource, PartialHaResource};

const LIMIT: i64 = 3;

#[tf_block(rest)]
#[derive(Debug, PartialEq, JsonSchema)]
struct Thing {
    #[tf(required, replace, identity, wire = "thing")]
    name: ConfigId,
    #[tf(required)]
    target: ConfigId,
    plain: Option<i64>,
    #[tf(default = LIMIT)]
    limit: Option<i64>,
    #[tf(default = LIMIT, wire(name = "always-limit", always))]
    always: Option<i64>,
    #[tf(default = "a")]
    text: Option<String>,
    #[tf(default = "a", wire(always))]
    text_always: Option<String>,
    #[tf(default = "a", wire(as_set))]
    text_as_set: Option<String>,
    #[tf(null_means = false)]
    flag: Option<bool>,
    #[tf(wire(read = never))]
    secret: Option<String>,
    #[tf(optional, computed)]
    chosen: Option<i64>,
    #[tf(computed, wire = "target")]
    current: Option<String>,
    #[tf(computed, wire(skip))]
    found: Option<String>,
    #[tf(default = false, local)]
    wait: Option<bool>,
}

/// The API never returns it.
#[expect(clippy::unnecessary_wraps, reason = "it is one of the functions that read a property")]
fn never(_: &Properties<'_>) -> Result<Option<String>, String> {
    Ok(None)
}

fn read(entry: &Json) -> (Thing, Vec<String>) {
    let properties = Properties::of(entry);
    (Thing::from_properties(&properties).unwrap(), properties.unread())
}

fn written(thing: &Thing) -> Vec<String> {
    thing.params().iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn unset() -> Thing {
    read(&json!({"thing": "web", "target": "aa"})).0
}

#[test]
fn what_is_unset_is_sent_only_where_the_field_says_so() {
    assert_eq!(written(&unset()), ["target=aa", "always-limit=3", "text_always=a"]);
}

#[test]
fn a_default_is_sent_only_where_the_field_says_so() {
    let text = || Some("a".to_owned());
    let thing = Thing {
        limit: Some(LIMIT),
        always: Some(LIMIT),
        text: text(),
        text_always: text(),
        text_as_set: text(),
        flag: Some(false),
        ..unset()
    };
    assert_eq!(written(&thing), ["target=aa", "always-limit=3", "text_always=a", "text_as_set=a", "flag=0"]);
}

#[test]
fn everything_but_identity_local_and_computed_attributes_is_sent() {
    let text = || Some("b".to_owned());
    let thing = Thing {
        plain: Some(1),
        limit: Some(2),
        always: Some(4),
        text: text(),
        text_always: text(),
        text_as_set: text(),
        flag: Some(true),
        secret: text(),
        chosen: Some(5),
        current: text(),
        found: text(),
        wait: Some(true),
        ..unset()
    };
    let expected = [
        "target=aa",
        "plain=1",
        "limit=2",
        "always-limit=4",
        "text=b",
        "text_always=b",
        "text_as_set=b",
        "flag=1",
        "secret=b",
        "chosen=5",
    ];
    assert_eq!(written(&thing), expected);
}

#[test]
fn properties_are_read_by_their_names_and_the_others_are_unknown() {
    let (thing, unread) = read(&json!({
        "thing": "web", "target": "aa", "plain": "1", "always-limit": 4, "always": 5, "secret": "x", "found": "x",
        "wait": 1
    }));
    assert_eq!((thing.plain, thing.always, thing.current.as_deref()), (Some(1), Some(4), Some("aa")));
    assert_eq!((thing.secret, thing.found, thing.wait), (None, None, None));
    assert_eq!(unread, ["always", "found", "secret", "wait"]);
}

#[test]
fn a_missing_or_misformed_property_is_named() {
    let problem = |entry: Json| Thing::from_properties(&Properties::of(&entry)).unwrap_err();
    assert_eq!(problem(json!({"target": "aa"})), "thing is missing");
    assert!(problem(json!({"thing": "1", "target": "aa"})).starts_with("thing = \"1\": must be"));
}

#[test]
fn a_parameter_is_the_attribute_that_sets_it() {
    let attributes = ["thing", "target", "always-limit", "always", "found", "wait"].map(Thing::attribute);
    assert_eq!(attributes, [Some("name"), Some("target"), Some("always"), None, None, None]);
}

#[test]
fn a_parameter_of_a_plan_is_known_set_or_neither() {
    let plan = PartialHaResource {
        state: Some(None),
        max_restart: Some(Some(3)),
        comment: Some(None),
        ..PartialHaResource::default()
    };
    let parameter = |name| plan.parameter(name).map(|params| params.value(name).unwrap_or("unset").to_owned());
    assert_eq!(parameter("state").as_deref(), Some("started"));
    assert_eq!(parameter("max_restart").as_deref(), Some("3"));
    assert_eq!(parameter("comment").as_deref(), Some("unset"));
    assert_eq!([parameter("group"), parameter("max_relocate"), parameter("nosuch")], [None, None, None]);
}

#[test]
fn a_partial_noun_has_the_parameters_of_the_whole_one() {
    let entry = json!({"sid": "vm:100", "state": "stopped", "failback": 0, "auto-rebalance": 0, "comment": "x"});
    let noun = HaResource::parse(&entry).unwrap().noun;
    assert_eq!(noun.state(), HaState::Stopped);
    let whole = noun.params();
    let partial = PartialHaResource::from(noun);
    for name in ["state", "group", "failback", "auto-rebalance", "max_restart", "max_relocate", "comment"] {
        assert_eq!(partial.parameter(name).unwrap().values(name), whole.values(name), "{name}");
    }
}
