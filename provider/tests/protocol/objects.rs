//! The life of one object: plan, apply, read, import, move, and crashes in between.

use std::path::Path;

use crate::small::wire::{UNKNOWN, dynamic, only, state, thing, value};
use serde_json::{Value as Json, json};
use terraform_provider_pve::protocol::tfplugin5::{self as wire, DynamicValue};

use super::{client, thing_type};

#[tokio::test]
async fn an_object_s_life() {
    let (mut client, folder) = client();
    let config = thing("a", json!({"size": "0.1", "tags": [UNKNOWN, UNKNOWN]}));
    let plan = wire::plan_resource_change::Request {
        type_name: thing_type(),
        prior_state: dynamic(&Json::Null),
        proposed_new_state: dynamic(&config),
        config: dynamic(&config),
        prior_private: b"mine".to_vec(),
        ..Default::default()
    };
    let planned = client.plan_resource_change(plan).await.unwrap().into_inner();
    assert_eq!(planned.diagnostics, []);
    let expected = thing("a", json!({"id": "a", "size": "0.1", "serial": UNKNOWN, "tags": [UNKNOWN, UNKNOWN]}));
    assert_eq!(value(planned.planned_state.as_ref()), expected);

    let known = |mut object: Json| {
        object["tags"] = json!(["x", "y"]);
        object
    };
    let apply = wire::apply_resource_change::Request {
        type_name: thing_type(),
        prior_state: dynamic(&Json::Null),
        planned_state: dynamic(&known(expected)),
        config: dynamic(&known(config)),
        planned_private: b"mine".to_vec(),
        ..Default::default()
    };
    let applied = client.apply_resource_change(apply).await.unwrap().into_inner();
    assert_eq!(applied.diagnostics, []);
    assert_eq!(applied.private, b"");
    let made = thing("a", json!({"id": "a", "size": "0.1", "serial": "s-1", "tags": ["x", "y"]}));
    assert_eq!(value(applied.new_state.as_ref()), made);

    let read = wire::read_resource::Request {
        type_name: thing_type(),
        current_state: applied.new_state.clone(),
        private: b"mine".to_vec(),
        ..Default::default()
    };
    let found = client.read_resource(read.clone()).await.unwrap().into_inner();
    assert_eq!((value(found.new_state.as_ref()), found.private), (made.clone(), b"mine".to_vec()));

    let other = thing("b", json!({"size": 2}));
    let replace = wire::plan_resource_change::Request {
        type_name: thing_type(),
        prior_state: applied.new_state.clone(),
        proposed_new_state: dynamic(&other),
        config: dynamic(&other),
        ..Default::default()
    };
    let replaced = client.plan_resource_change(replace).await.unwrap().into_inner();
    assert_eq!(replaced.requires_replace.len(), 1);

    let destroy = wire::plan_resource_change::Request {
        type_name: thing_type(),
        prior_state: applied.new_state.clone(),
        proposed_new_state: dynamic(&Json::Null),
        config: dynamic(&Json::Null),
        ..Default::default()
    };
    let destroyed = client.plan_resource_change(destroy).await.unwrap().into_inner();
    assert_eq!(value(destroyed.planned_state.as_ref()), Json::Null);
    let destroy = wire::apply_resource_change::Request {
        type_name: thing_type(),
        prior_state: applied.new_state.clone(),
        planned_state: destroyed.planned_state,
        ..Default::default()
    };
    let gone = client.apply_resource_change(destroy).await.unwrap().into_inner();
    assert_eq!((value(gone.new_state.as_ref()), gone.diagnostics), (Json::Null, vec![]));
    assert!(!crate::small::file(folder.path(), "a").exists());
    let found = client.read_resource(read).await.unwrap().into_inner();
    assert_eq!(value(found.new_state.as_ref()), Json::Null);
}

/// Core hands the private data of each plan on: to the create that is planned next, and to both halves of the apply.
#[tokio::test]
async fn the_halves_of_a_replacement_name_one_another() {
    let (mut client, _folder) = client();
    let mut plan = async |prior: &Json, config: &Json, prior_private: Vec<u8>| {
        let request = wire::plan_resource_change::Request {
            type_name: thing_type(),
            prior_state: dynamic(prior),
            proposed_new_state: dynamic(config),
            config: dynamic(config),
            prior_private,
            ..Default::default()
        };
        client.plan_resource_change(request).await.unwrap().into_inner().planned_private
    };
    let (old, new) = (thing("a", json!({"id": "a"})), thing("b", json!({"size": 2, "secret": "canary"})));
    let first = plan(&old, &new, b"of another provider".to_vec()).await;
    assert_eq!(serde_json::from_slice::<Json>(&first).unwrap(), json!({"replaces": "a"}));
    let second = plan(&Json::Null, &new, first).await;
    let private: Json = serde_json::from_slice(&second).unwrap();
    assert_eq!(
        (&private["replaces"], &private["creates"]["name"], &private["creates"]["size"]),
        (&"a".into(), &"b".into(), &2.into())
    );
    assert!(!String::from_utf8_lossy(&second).contains("canary"));
    // What comes to nothing leaves nothing: neither a destroy nor what was left of an earlier plan.
    assert_eq!(plan(&old, &Json::Null, second).await, b"");
}

#[tokio::test]
async fn an_apply_that_cannot_be_understood_keeps_what_was() {
    let (mut client, _folder) = client();
    let prior = dynamic(&thing("a", json!({"id": "a"})));
    let apply = wire::apply_resource_change::Request {
        type_name: thing_type(),
        prior_state: prior.clone(),
        planned_state: Some(DynamicValue { msgpack: vec![0xdd, 255, 255, 255, 255], json: vec![] }),
        planned_private: b"mine".to_vec(),
        ..Default::default()
    };
    let answer = client.apply_resource_change(apply).await.unwrap().into_inner();
    assert_eq!((answer.new_state, answer.private), (prior, vec![]));
    assert!(only(&answer.diagnostics).detail.contains("nothing was changed"));
}

#[tokio::test]
async fn a_crash_in_apply_keeps_the_prior_state_or_the_plan() {
    let (mut client, _folder) = client();
    let mut apply = async |prior: &Json, planned: &Json| {
        let request = wire::apply_resource_change::Request {
            type_name: "pve_crashing".to_owned(),
            prior_state: dynamic(prior),
            planned_state: dynamic(planned),
            config: dynamic(planned),
            ..Default::default()
        };
        let answer = client.apply_resource_change(request).await.unwrap().into_inner();
        assert!(only(&answer.diagnostics).detail.starts_with("ApplyResourceChange of pve_crashing panicked at "));
        value(answer.new_state.as_ref())
    };
    let planned = thing("a", json!({"id": "a", "serial": UNKNOWN, "rule": [{"source": UNKNOWN, "enabled": true}]}));
    let known = thing("a", json!({"id": "a", "serial": null, "rule": [{"source": null, "enabled": true}]}));
    assert_eq!(apply(&Json::Null, &planned).await, known);
    let prior = thing("a", json!({"id": "a", "size": 3}));
    assert_eq!(apply(&prior, &planned).await, prior);
    assert_eq!(apply(&prior, &Json::Null).await, prior);
}

#[tokio::test]
async fn one_crash_among_many_calls_is_one_diagnostic() {
    let (client, _folder) = client();
    let calls = (0..20).map(|number| {
        let mut client = client.clone();
        async move {
            let name = if number == 7 { "crash" } else { "fine" };
            let request = wire::validate_resource_type_config::Request {
                type_name: thing_type(),
                config: dynamic(&thing(name, json!({}))),
                client_capabilities: None,
            };
            client.validate_resource_type_config(request).await.unwrap().into_inner().diagnostics
        }
    });
    let answers = futures_util::future::join_all(calls).await;
    let failed: Vec<_> = answers.into_iter().flatten().collect();
    assert_eq!(only(&failed).summary, "The provider crashed");
    assert!(only(&failed).detail.contains("injected"), "{failed:?}");
}

#[tokio::test]
async fn import_gives_the_object_or_an_error() {
    let (mut client, folder) = client();
    let import = |id: &str| wire::import_resource_state::Request {
        type_name: thing_type(),
        id: id.to_owned(),
        ..Default::default()
    };
    store(folder.path(), "a");
    let answer = client.import_resource_state(import("a")).await.unwrap().into_inner();
    let imported = value(answer.imported_resources[0].state.as_ref());
    assert_eq!((imported["id"].as_str(), imported["serial"].as_str()), (Some("a"), Some("s-1")));
    let answer = client.import_resource_state(import("b")).await.unwrap().into_inner();
    assert_eq!((answer.imported_resources.len(), answer.diagnostics.len()), (0, 1));
}

fn store(folder: &Path, name: &str) {
    let object = json!({"name": name, "size": 1, "serial": "s-1", "rule": []});
    std::fs::write(crate::small::file(folder, name), object.to_string()).unwrap();
}

#[tokio::test]
async fn a_foreign_object_moves_in_without_its_private_data() {
    let (mut client, _folder) = client();
    let mut request = wire::move_resource_state::Request {
        source_provider_address: "terraform.io/builtin/terraform".to_owned(),
        source_type_name: "terraform_data".to_owned(),
        source_state: state(&json!({"input": {"value": "a", "type": "string"}})),
        target_type_name: thing_type(),
        source_private: vec![0xff],
        ..Default::default()
    };
    let answer = client.move_resource_state(request.clone()).await.unwrap().into_inner();
    assert_eq!((value(answer.target_state.as_ref())["name"].as_str(), answer.target_private), (Some("a"), vec![]));
    request.source_type_name = "other".to_owned();
    let answer = client.move_resource_state(request).await.unwrap().into_inner();
    assert_eq!(answer.diagnostics.len(), 1);
}
