//! Every call of the protocol, made through the generated client against the small provider, in one process. Requests
//! and answers are written and read by a msgpack library of its own, not by the codec under test.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod actions;
mod functions;
mod objects;
#[path = "../small/mod.rs"]
mod small;

use std::time::Duration;

use serde_json::{Value as Json, json};
use small::wire::{UNKNOWN, dynamic, only, state, thing, value};
use tempfile::TempDir;
use terraform_provider_pve::protocol::tfplugin5::provider_client::ProviderClient;
use terraform_provider_pve::protocol::tfplugin5::provider_server::ProviderServer;
use terraform_provider_pve::protocol::tfplugin5::{self as wire, RawState};

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
    assert_eq!(metadata.actions[0].type_name, "pve_ring");
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
async fn what_there_is_none_of_is_answered_so() {
    let (mut client, _folder) = client();
    assert!(client.get_functions(wire::get_functions::Request {}).await.unwrap().into_inner().functions.is_empty());
    let call = wire::call_function::Request { name: "f".to_owned(), arguments: vec![] };
    let refused = client.call_function(call).await.unwrap().into_inner().error.unwrap();
    assert_eq!((refused.text.as_str(), refused.function_argument), ("this provider has no function f", None));

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
