//! What names an object besides its state, and lists of all objects: the calls that Terraform makes since 1.12 and 1.14.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod small;

use std::path::Path;

use futures_util::TryStreamExt;
use serde_json::{Value as Json, json};
use small::wire::{UNKNOWN, dynamic, only, state, thing, value};
use tempfile::TempDir;
use terraform_provider_pve::protocol::Service;
use terraform_provider_pve::protocol::tfplugin5::provider_client::ProviderClient;
use terraform_provider_pve::protocol::tfplugin5::provider_server::ProviderServer;
use terraform_provider_pve::protocol::tfplugin5::{self as wire, ResourceIdentityData, list_resource};
use terraform_provider_pve::registry;

type Client = ProviderClient<ProviderServer<Service>>;

const PVE_THING: &str = "pve_thing";

fn client() -> (Client, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let cluster = folder.path().to_owned();
    (ProviderClient::new(Service::new(|| small::provider(cluster)).into_server()), folder)
}

fn identity(json: &Json) -> Option<ResourceIdentityData> {
    Some(ResourceIdentityData { identity_data: dynamic(json) })
}

#[track_caller]
fn named(wire: Option<&ResourceIdentityData>) -> Json {
    value(wire.unwrap().identity_data.as_ref())
}

fn store(folder: &Path, name: &str) {
    let object = json!({"name": name, "size": 2, "serial": "s-1", "rule": []});
    std::fs::write(small::file(folder, name), object.to_string()).unwrap();
}

#[tokio::test]
async fn every_resource_of_this_provider_has_an_identity() {
    let mut client = ProviderClient::new(Service::new(registry::provider).into_server());
    let schemas = client.get_resource_identity_schemas(wire::get_resource_identity_schemas::Request {}).await;
    let schemas = schemas.unwrap().into_inner().identity_schemas;
    let resources = client.get_schema(wire::get_provider_schema::Request {}).await.unwrap().into_inner();
    assert_eq!(schemas.len(), resources.resource_schemas.len());
    for (name, schema) in &schemas {
        assert!(!schema.identity_attributes.is_empty(), "{name}");
        for attribute in &schema.identity_attributes {
            assert!(attribute.required_for_import && !attribute.description.is_empty(), "{name}.{}", attribute.name);
        }
    }
    let parts = |name: &str| {
        let attributes = schemas[name].identity_attributes.iter();
        attributes.map(|a| (a.name.clone(), String::from_utf8(a.r#type.clone()).unwrap())).collect::<Vec<_>>()
    };
    let pair = |name: &str, ty: &str| (name.to_owned(), format!("{ty:?}"));
    assert_eq!(parts("pve_ha_resource"), [pair("sid", "string")]);
    assert_eq!(parts("pve_replication_job"), [pair("guest", "number"), pair("job_number", "number")]);
    assert_eq!(parts("pve_datacenter_options"), [pair("id", "string")]);
    for collection in ["pve_ha_group", "pve_ha_resource", "pve_ha_node_affinity_rule", "pve_replication_job"] {
        assert!(resources.list_resource_schemas.contains_key(collection), "{collection}");
    }
}

#[tokio::test]
async fn an_identity_goes_with_the_object_from_plan_to_destroy() {
    let (mut client, _folder) = client();
    let type_name = PVE_THING.to_owned();
    let config = thing("a", json!({}));
    let plan = wire::plan_resource_change::Request {
        type_name: type_name.clone(),
        prior_state: dynamic(&Json::Null),
        proposed_new_state: dynamic(&config),
        config: dynamic(&config),
        ..Default::default()
    };
    let planned = client.plan_resource_change(plan.clone()).await.unwrap().into_inner();
    assert_eq!(named(planned.planned_identity.as_ref()), json!({"name": "a"}));
    let unnamed = thing(UNKNOWN, json!({}));
    let unknown = wire::plan_resource_change::Request {
        proposed_new_state: dynamic(&unnamed),
        config: dynamic(&unnamed),
        ..plan
    };
    assert_eq!(client.plan_resource_change(unknown).await.unwrap().into_inner().planned_identity, None);

    let apply = wire::apply_resource_change::Request {
        type_name: type_name.clone(),
        prior_state: dynamic(&Json::Null),
        planned_state: planned.planned_state,
        planned_identity: planned.planned_identity,
        config: dynamic(&config),
        ..Default::default()
    };
    let made = client.apply_resource_change(apply).await.unwrap().into_inner();
    assert_eq!(named(made.new_identity.as_ref()), json!({"name": "a"}));

    // A state from before there were identities gets one by its next refresh.
    let read = wire::read_resource::Request {
        type_name: type_name.clone(),
        current_state: made.new_state.clone(),
        ..Default::default()
    };
    let read = client.read_resource(read).await.unwrap().into_inner();
    assert_eq!(named(read.new_identity.as_ref()), json!({"name": "a"}));

    let renamed = thing("b", json!({}));
    let replace = wire::plan_resource_change::Request {
        type_name: type_name.clone(),
        prior_state: made.new_state.clone(),
        prior_identity: made.new_identity.clone(),
        proposed_new_state: dynamic(&renamed),
        config: dynamic(&renamed),
        ..Default::default()
    };
    let replaced = client.plan_resource_change(replace).await.unwrap().into_inner();
    assert_eq!((replaced.requires_replace.len(), &replaced.planned_identity), (1, &made.new_identity));

    let destroy = wire::apply_resource_change::Request {
        type_name,
        prior_state: made.new_state,
        planned_state: dynamic(&Json::Null),
        planned_identity: made.new_identity,
        ..Default::default()
    };
    let gone = client.apply_resource_change(destroy).await.unwrap().into_inner();
    assert_eq!((value(gone.new_state.as_ref()), gone.new_identity), (Json::Null, None));
}

#[tokio::test]
async fn what_cannot_be_understood_or_crashes_keeps_its_identity() {
    let (mut client, _folder) = client();
    let crash = wire::apply_resource_change::Request {
        type_name: "pve_crashing".to_owned(),
        prior_state: dynamic(&thing("a", json!({"id": "a"}))),
        planned_state: dynamic(&thing("a", json!({"id": "a", "size": 2}))),
        planned_identity: identity(&json!({"name": "a"})),
        ..Default::default()
    };
    let answer = client.apply_resource_change(crash).await.unwrap().into_inner();
    assert_eq!((answer.diagnostics.len(), named(answer.new_identity.as_ref())), (1, json!({"name": "a"})));
    let garbled = wire::read_resource::Request {
        type_name: PVE_THING.to_owned(),
        current_state: dynamic(&json!({"size": []})),
        current_identity: identity(&json!({"name": "a"})),
        ..Default::default()
    };
    let answer = client.read_resource(garbled).await.unwrap().into_inner();
    assert_eq!((answer.diagnostics.len(), named(answer.new_identity.as_ref())), (1, json!({"name": "a"})));
}

#[tokio::test]
async fn an_object_is_imported_by_its_identity() {
    let (mut client, folder) = client();
    store(folder.path(), "a");
    let mut import = async |identity: Option<ResourceIdentityData>| {
        let request =
            wire::import_resource_state::Request { type_name: PVE_THING.to_owned(), identity, ..Default::default() };
        client.import_resource_state(request).await.unwrap().into_inner()
    };
    let answer = import(identity(&json!({"name": "a"}))).await;
    let imported = &answer.imported_resources[0];
    assert_eq!(value(imported.state.as_ref())["size"], 2);
    assert_eq!(named(imported.identity.as_ref()), json!({"name": "a"}));
    for (identity, says) in [
        (identity(&json!({"name": "b"})), "There is no thing b"),
        (identity(&json!({"name": null})), "needs name"),
        (identity(&json!({"name": 5})), "is not a string"),
    ] {
        let answer = import(identity).await;
        assert!(answer.imported_resources.is_empty() && only(&answer.diagnostics).detail.contains(says), "{says}");
    }
}

#[tokio::test]
async fn a_part_of_an_object_has_no_identity_of_its_own() {
    let mut client = ProviderClient::new(Service::new(registry::provider).into_server());
    let request = wire::import_resource_state::Request {
        type_name: "pve_datacenter_options".to_owned(),
        identity: identity(&json!({"id": "cluster"})),
        ..Default::default()
    };
    let answer = client.import_resource_state(request).await.unwrap().into_inner();
    assert!(only(&answer.diagnostics).detail.contains("must be datacenter"), "{:?}", answer.diagnostics);
}

#[tokio::test]
async fn a_moved_object_and_an_upgraded_state_have_an_identity() {
    let (mut client, _folder) = client();
    let request = wire::move_resource_state::Request {
        source_type_name: "terraform_data".to_owned(),
        source_state: state(&json!({"input": {"value": "a", "type": "string"}})),
        target_type_name: PVE_THING.to_owned(),
        source_identity: state(&json!({"foreign": 1})),
        ..Default::default()
    };
    let answer = client.move_resource_state(request).await.unwrap().into_inner();
    assert_eq!(named(answer.target_identity.as_ref()), json!({"name": "a"}));

    let mut upgrade = async |version| {
        let raw_identity = state(&json!({"name": "a"}));
        let request =
            wire::upgrade_resource_identity::Request { type_name: PVE_THING.to_owned(), version, raw_identity };
        client.upgrade_resource_identity(request).await.unwrap().into_inner()
    };
    let upgraded = upgrade(0).await.upgraded_identity.unwrap().identity_data.unwrap();
    assert_eq!(serde_json::from_slice::<Json>(&upgraded.json).unwrap(), json!({"name": "a"}));
    let refused = upgrade(7).await;
    assert!(
        refused.upgraded_identity.is_none() && only(&refused.diagnostics).detail.contains("does not support version 7")
    );
}

async fn list(client: &mut Client, name: &str, include: bool, limit: i64) -> Vec<list_resource::Event> {
    let request = list_resource::Request {
        type_name: name.to_owned(),
        config: dynamic(&json!({})),
        include_resource_object: include,
        limit,
    };
    client.list_resource(request).await.unwrap().into_inner().try_collect().await.unwrap()
}

#[tokio::test]
async fn a_list_has_names_and_if_asked_for_the_objects() {
    let (mut client, folder) = client();
    assert_eq!(list(&mut client, PVE_THING, true, 100).await, []);
    for name in ["c", "a", "b"] {
        store(folder.path(), name);
    }
    let events = list(&mut client, PVE_THING, false, 100).await;
    let names: Vec<&str> = events.iter().map(|event| event.display_name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(events.iter().all(|event| event.resource_object.is_none() && event.diagnostic.is_empty()));
    assert_eq!(named(events[2].identity.as_ref()), json!({"name": "c"}));

    let events = list(&mut client, PVE_THING, true, 2).await;
    assert_eq!(events.len(), 2);
    let made = thing("a", json!({"id": "a", "size": 2, "serial": "s-1"}));
    assert_eq!(value(events[0].resource_object.as_ref()), made);
    assert_eq!(list(&mut client, PVE_THING, false, 0).await.len(), 3, "no limit");
}

#[tokio::test]
async fn what_cannot_be_listed_is_said_in_the_stream() {
    let (mut client, folder) = client();
    store(folder.path(), "a");
    std::fs::write(folder.path().join("b.json"), "garbled").unwrap();
    let events = list(&mut client, PVE_THING, false, 100).await;
    assert_eq!((events.len(), events[0].display_name.as_str()), (2, "a"));
    let warning = only(&events[1].diagnostic);
    assert_eq!((warning.severity(), events[1].identity.is_none()), (wire::diagnostic::Severity::Warning, true));
    for name in ["pve_crashing", "pve_nothing"] {
        let events = list(&mut client, name, false, 100).await;
        assert!(only(&events[0].diagnostic).detail.contains(name));
        let request = wire::validate_list_resource_config::Request {
            type_name: name.to_owned(),
            config: dynamic(&json!({})),
            ..Default::default()
        };
        let answer = client.validate_list_resource_config(request).await.unwrap().into_inner();
        assert!(only(&answer.diagnostics).detail.contains(name));
    }
    let request = wire::validate_list_resource_config::Request {
        type_name: PVE_THING.to_owned(),
        config: dynamic(&json!({})),
        include_resource_object: dynamic(&json!(true)),
        limit: dynamic(&json!(10)),
    };
    assert_eq!(client.validate_list_resource_config(request).await.unwrap().into_inner().diagnostics, []);
}
