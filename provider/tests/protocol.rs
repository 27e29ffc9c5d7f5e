//! Every call of the protocol, made through the generated client against the small provider, in one process. Requests
//! and answers are written and read by a msgpack library of its own, not by the codec under test.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod small;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};
use small::wire::{UNKNOWN, dynamic, only, state, thing, value};
use tempfile::TempDir;
use terraform_provider_pve::protocol::tfplugin5::provider_client::ProviderClient;
use terraform_provider_pve::protocol::tfplugin5::provider_server::ProviderServer;
use terraform_provider_pve::protocol::tfplugin5::{self as wire, DynamicValue, RawState};

use terraform_provider_pve::protocol::{MESSAGE_LIMIT, Service};

type Client = ProviderClient<ProviderServer<Service>>;

fn client() -> (Client, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let cluster = folder.path().to_owned();
    let server = Service::new(|| small::provider(cluster)).into_server();
    let client = ProviderClient::new(server).max_decoding_message_size(MESSAGE_LIMIT);
    (client.max_encoding_message_size(MESSAGE_LIMIT), folder)
}

const PVE_THING: &str = "pve_thing";

fn thing_type() -> String {
    PVE_THING.to_owned()
}

#[tokio::test]
async fn metadata_names_everything() {
    let (mut client, _folder) = client();
    let metadata = client.get_metadata(wire::get_metadata::Request {}).await.unwrap().into_inner();
    let resources: Vec<_> = metadata.resources.into_iter().map(|r| r.type_name).collect();
    assert_eq!(resources, ["pve_crashing", PVE_THING]);
    assert_eq!(metadata.data_sources[0].type_name, "pve_echo");
    let lists: Vec<_> = metadata.list_resources.into_iter().map(|list| list.type_name).collect();
    assert_eq!(lists, [PVE_THING]);
    let capabilities = metadata.server_capabilities.unwrap();
    assert!(capabilities.plan_destroy && capabilities.get_provider_schema_optional && capabilities.move_resource_state);
}

#[tokio::test]
async fn schema_is_complete_and_stays_the_same() {
    let (mut client, _folder) = client();
    let first = client.get_schema(wire::get_provider_schema::Request {}).await.unwrap().into_inner();
    let again = client.get_schema(wire::get_provider_schema::Request {}).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert!(first.provider.unwrap().block.unwrap().attributes[0].sensitive);
    let block = first.resource_schemas[PVE_THING].block.clone().unwrap();
    let attribute = |name: &str| block.attributes.iter().find(|a| a.name == name).unwrap();
    assert_eq!(attribute("tags").r#type, br#"["set","string"]"#);
    assert_eq!(attribute("size").description, "How large.");
    assert_eq!(attribute("size").description_kind(), wire::StringKind::Markdown);
    assert!(attribute("name").required && attribute("serial").computed && attribute("secret").sensitive);
    // Core refuses a single block whose limits differ.
    let timeouts = block.block_types.iter().find(|b| b.type_name == "timeouts").unwrap();
    assert_eq!((timeouts.nesting().as_str_name(), timeouts.min_items, timeouts.max_items), ("SINGLE", 0, 0));
    let echo = first.data_source_schemas["pve_echo"].block.clone().unwrap();
    let said = echo.attributes.iter().find(|a| a.name == "said").unwrap();
    assert_eq!(said.r#type, br#"["list",["object",{"words":"string"}]]"#);
}

#[tokio::test]
async fn unsupported_calls_are_answered_as_unsupported() {
    let (mut client, _folder) = client();
    assert!(client.get_functions(wire::get_functions::Request {}).await.unwrap().into_inner().functions.is_empty());
    let call = wire::call_function::Request { name: "f".to_owned(), arguments: vec![] };
    assert!(client.call_function(call).await.unwrap().into_inner().error.unwrap().text.contains("no function f"));

    let type_name = "pve_secret".to_owned();
    let validate =
        wire::validate_ephemeral_resource_config::Request { type_name: type_name.clone(), config: dynamic(&json!({})) };
    let answers = [
        client.validate_ephemeral_resource_config(validate).await.unwrap().into_inner().diagnostics,
        client
            .open_ephemeral_resource(wire::open_ephemeral_resource::Request {
                type_name: type_name.clone(),
                ..wire::open_ephemeral_resource::Request::default()
            })
            .await
            .unwrap()
            .into_inner()
            .diagnostics,
        client
            .renew_ephemeral_resource(wire::renew_ephemeral_resource::Request {
                type_name: type_name.clone(),
                private: None,
            })
            .await
            .unwrap()
            .into_inner()
            .diagnostics,
        client
            .close_ephemeral_resource(wire::close_ephemeral_resource::Request { type_name, private: None })
            .await
            .unwrap()
            .into_inner()
            .diagnostics,
    ];
    for diagnostics in answers {
        assert!(only(&diagnostics).detail.contains("no ephemeral resource pve_secret"));
    }
}

#[tokio::test]
async fn unknown_types_are_diagnostics() {
    let (mut client, _folder) = client();
    let read = wire::read_resource::Request {
        type_name: "pve_nothing".to_owned(),
        current_state: dynamic(&json!({"a": 1})),
        ..wire::read_resource::Request::default()
    };
    let read = client.read_resource(read).await.unwrap().into_inner();
    assert!(only(&read.diagnostics).detail.contains("pve_nothing"));
    assert_eq!(value(read.new_state.as_ref()), json!({"a": 1}));
}

#[tokio::test]
async fn the_provider_block_is_checked_and_goes_back_as_it_came() {
    let (mut client, _folder) = client();
    let config = dynamic(&json!({"token": "wrong"}));
    let request = wire::prepare_provider_config::Request { config: config.clone() };
    let answer = client.prepare_provider_config(request).await.unwrap().into_inner();
    assert_eq!(answer.prepared_config, config);
    assert!(only(&answer.diagnostics).attribute.is_some());
    let request = wire::configure::Request { config: dynamic(&json!({"token": UNKNOWN})), ..Default::default() };
    assert!(client.configure(request).await.unwrap().into_inner().diagnostics.is_empty());
}

#[tokio::test]
async fn validation_points_at_the_attribute_and_lets_unknowns_pass() {
    let (mut client, _folder) = client();
    let mut validate = async |config: &Json| {
        let request = wire::validate_resource_type_config::Request {
            type_name: thing_type(),
            config: dynamic(config),
            client_capabilities: None,
        };
        client.validate_resource_type_config(request).await.unwrap().into_inner().diagnostics
    };
    let diagnostics = validate(&thing("bad", json!({}))).await;
    let step = only(&diagnostics).attribute.clone().unwrap().steps[0].selector.clone().unwrap();
    assert_eq!(step, wire::attribute_path::step::Selector::AttributeName("name".to_owned()));
    assert_eq!(validate(&thing(UNKNOWN, json!({"size": UNKNOWN, "rule": UNKNOWN}))).await, []);

    // A value that the schema doesn't allow never comes from core; it is answered all the same.
    let diagnostics = validate(&thing("a", json!({"labels": {"k": 5}}))).await;
    assert!(only(&diagnostics).detail.contains(r#"labels["k"]: is not a string"#), "{diagnostics:?}");

    let request =
        wire::validate_data_source_config::Request { type_name: "pve_echo".to_owned(), config: dynamic(&json!({})) };
    let answer = client.validate_data_source_config(request).await.unwrap().into_inner();
    assert!(answer.diagnostics.iter().all(|d| !d.detail.contains("panicked")));
}

#[tokio::test]
async fn a_state_of_the_same_version_comes_back_with_every_digit() {
    let (mut client, _folder) = client();
    let json = br#"{ "size": 18446744073709551616123, "name":"a" }"#.to_vec();
    let mut upgrade = async |version, raw_state| {
        let request = wire::upgrade_resource_state::Request { type_name: thing_type(), version, raw_state };
        client.upgrade_resource_state(request).await.unwrap().into_inner()
    };
    let same = upgrade(0, Some(RawState { json: json.clone(), ..RawState::default() })).await;
    let upgraded = value(same.upgraded_state.as_ref());
    assert_eq!((&upgraded["size"], &upgraded["name"]), (&json!("18446744073709551616123"), &json!("a")));

    let other = upgrade(7, state(&json!({}))).await;
    assert!(only(&other.diagnostics).detail.contains('7'));
    let flat = RawState { json: vec![], flatmap: [("name".to_owned(), "a".to_owned())].into() };
    assert!(only(&upgrade(0, Some(flat)).await.diagnostics).detail.contains("0.12"));
}

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
    assert!(!small::file(folder.path(), "a").exists());
    let found = client.read_resource(read).await.unwrap().into_inner();
    assert_eq!(value(found.new_state.as_ref()), Json::Null);
}

/// Core hands the private data of each plan on: to the create that is planned next, and to both halves of the apply.
#[tokio::test]
async fn the_halves_of_a_replacement_are_linked() {
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
    let reported: Json = serde_json::from_slice(&second).unwrap();
    assert_eq!(
        (&reported["replaces"], &reported["creates"]["name"], &reported["creates"]["size"]),
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
    std::fs::write(small::file(folder, name), object.to_string()).unwrap();
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

#[tokio::test]
async fn messages_far_beyond_tonic_s_own_limit_pass() {
    let (mut client, _folder) = client();
    let text = "x".repeat(20 << 20);
    let request = wire::read_data_source::Request {
        type_name: "pve_echo".to_owned(),
        config: dynamic(&json!({"text": text, "said": null})),
        ..Default::default()
    };
    let answer = client.read_data_source(request).await.unwrap().into_inner();
    assert_eq!(value(answer.state.as_ref())["said"][0]["words"], text);
}

#[tokio::test]
async fn stop_ends_a_read_that_hangs() {
    let (mut client, folder) = client();
    let request = wire::read_data_source::Request {
        type_name: "pve_echo".to_owned(),
        config: dynamic(&json!({"text": "hang", "said": null})),
        ..Default::default()
    };
    let mut other = client.clone();
    let hanging = tokio::spawn(async move { other.read_data_source(request).await });
    let hangs = folder.path().join("hanging");
    tokio::task::spawn_blocking(move || small::wait_for("the read hangs", || hangs.exists())).await.unwrap();
    assert_eq!(client.stop(wire::stop::Request {}).await.unwrap().into_inner().error, "");
    let answer = tokio::time::timeout(Duration::from_secs(60), hanging).await.expect("it goes on hanging");
    let answer = answer.unwrap().unwrap().into_inner();
    assert!(only(&answer.diagnostics).detail.contains("interrupted"));
    // The process goes on answering.
    assert!(client.get_metadata(wire::get_metadata::Request {}).await.is_ok());
}
