//! Functions: what core asks of a provider that is not configured.

use serde_json::json;
use terraform_provider_pve::protocol::Service;
use terraform_provider_pve::protocol::tfplugin5::provider_client::ProviderClient;
use terraform_provider_pve::protocol::tfplugin5::{self as wire, FunctionError};
use terraform_provider_pve::registry;

use super::small::wire::{UNKNOWN, dynamic, value};
use super::{Client, Json};

fn client() -> Client {
    ProviderClient::new(Service::new(registry::provider).into_server())
}

async fn call(name: &str, arguments: &[Json]) -> Result<Json, FunctionError> {
    let arguments = arguments.iter().filter_map(dynamic).collect();
    let request = wire::call_function::Request { name: name.to_owned(), arguments };
    let response = client().call_function(request).await.unwrap().into_inner();
    match response.error {
        Some(error) => {
            assert!(response.result.is_none());
            Err(error)
        }
        None => Ok(value(response.result.as_ref())),
    }
}

#[tokio::test]
async fn the_same_functions_are_in_all_three_answers() {
    let mut client = client();
    let functions = client.get_functions(wire::get_functions::Request {}).await.unwrap().into_inner().functions;
    let schema = client.get_schema(wire::get_provider_schema::Request {}).await.unwrap().into_inner();
    assert_eq!(schema.functions, functions);
    let metadata = client.get_metadata(wire::get_metadata::Request {}).await.unwrap().into_inner();
    let names: Vec<_> = metadata.functions.into_iter().map(|function| function.name).collect();
    assert_eq!(names, ["expand_nodes", "next_runs", "parse_sid", "placement", "quorum", "sid"]);
    assert_eq!(functions.len(), names.len());
    for (name, function) in functions {
        assert!(!function.summary.contains('\n') && function.description.starts_with("Returns "), "{name}");
        for parameter in function.parameters.iter().chain(&function.variadic_parameter) {
            assert!(!parameter.description.is_empty(), "{name}");
            assert!(!parameter.allow_null_value && !parameter.allow_unknown_values, "{name}");
        }
    }
}

#[tokio::test]
async fn signatures_are_types_of_cty() {
    let functions = client().get_functions(wire::get_functions::Request {}).await.unwrap().into_inner().functions;
    let sid = &functions["sid"];
    let parameters: Vec<_> = sid.parameters.iter().map(|p| (p.name.as_str(), p.r#type.as_slice())).collect();
    assert_eq!(parameters, [("type", b"\"string\"".as_slice()), ("id", b"\"number\"")]);
    assert_eq!(sid.r#return.as_ref().unwrap().r#type, b"\"string\"");
    let nodes = &functions["expand_nodes"];
    assert!(nodes.parameters.is_empty());
    assert_eq!(nodes.variadic_parameter.as_ref().unwrap().r#type, b"\"string\"");
    assert_eq!(nodes.r#return.as_ref().unwrap().r#type, b"[\"map\",\"number\"]");
    // What may be left out of an object is optional in its type.
    let cluster = &functions["quorum"].parameters[0].r#type;
    let cluster: Json = serde_json::from_slice(cluster).unwrap();
    assert_eq!(cluster, json!(["object", {"votes": ["map", "number"], "qdevice": "bool"}, ["votes", "qdevice"]]));
}

#[tokio::test]
async fn a_call_is_answered_or_refused_on_its_argument() {
    assert_eq!(call("sid", &[json!("qemu"), json!(100)]).await, Ok(json!("vm:100")));
    assert_eq!(call("parse_sid", &[json!("ct:101")]).await, Ok(json!({"type": "ct", "id": 101})));
    assert_eq!(call("expand_nodes", &[]).await, Ok(json!({})));
    let refused = call("sid", &[json!("vm"), json!(7)]).await.unwrap_err();
    assert_eq!((refused.function_argument, refused.text.as_str()), (Some(1), "id = 7: must be at least 100"));
    let refused = call("expand_nodes", &[json!("pve1"), json!("pve2"), json!("pve 3")]).await.unwrap_err();
    assert_eq!(refused.function_argument, Some(2));
}

#[tokio::test]
async fn null_and_another_number_of_arguments_are_refused() {
    let refused = call("sid", &[json!("vm"), Json::Null]).await.unwrap_err();
    assert_eq!((refused.function_argument, refused.text.as_str()), (Some(1), "must not be null"));
    let refused = call("expand_nodes", &[json!("pve1"), Json::Null]).await.unwrap_err();
    assert_eq!(refused.function_argument, Some(1));
    for arguments in [vec![], vec![json!("vm")], vec![json!("vm"), json!(100), json!(1)]] {
        let refused = call("sid", &arguments).await.unwrap_err();
        let text = format!("sid takes 2 arguments, not {}", arguments.len());
        assert_eq!((refused.function_argument, refused.text), (None, text));
    }
    // A null inside of an argument.
    let cluster = json!({"nodes": [null], "resources": [], "rules": null, "groups": null, "failed": null});
    let refused = call("placement", &[cluster]).await.unwrap_err();
    assert_eq!(refused.function_argument, Some(0), "{}", refused.text);
    assert!(refused.text.contains("an element is null"), "{}", refused.text);
}

#[tokio::test]
async fn what_is_not_known_makes_the_result_unknown() {
    assert_eq!(call("sid", &[json!("vm"), json!(UNKNOWN)]).await, Ok(json!(UNKNOWN)));
    let votes = json!({"votes": {"pve1": UNKNOWN}, "qdevice": null});
    assert_eq!(call("quorum", &[votes]).await, Ok(json!(UNKNOWN)));
}

#[tokio::test]
async fn an_argument_of_another_type_is_refused() {
    let refused = call("sid", &[json!(true), json!(100)]).await.unwrap_err();
    assert_eq!(refused.function_argument, Some(0));
    assert!(refused.text.starts_with("Cannot understand a value"), "{}", refused.text);
}
