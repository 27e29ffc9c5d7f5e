//! Write-only arguments, as a core that has them and one that does not have them sends them.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod small;

use serde_json::{Value as Json, json};
use small::wire::dynamic;
use terraform_provider_pve::protocol::Service;
use terraform_provider_pve::protocol::tfplugin5::provider_client::ProviderClient;
use terraform_provider_pve::protocol::tfplugin5::{self as wire, ClientCapabilities};
use terraform_provider_pve::registry;

fn options(map: &str, version: Json) -> Json {
    let mut options = json!({
        "options": {"ip": "10.0.9.1"}, "secret_options": null, "secret_options_wo": null, "secret_options_wo_version": version,
        "secret_options_wo_names": null,
    });
    options[map] = json!({"password": "canary-7f3a"});
    options
}

fn device(own: Json, connect: Json) -> Json {
    let mut device = json!({
        "id": null, "name": "ipmi", "instance": null, "agent": "fence_ipmilan", "after": null, "verify": null, "timeouts": null,
    });
    let mut connect = connect;
    connect["node"] = json!("pve1");
    device["connect"] = json!([connect]);
    device.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    device
}

/// The summaries and paths of all errors.
async fn validate(config: &Json, core: Option<ClientCapabilities>) -> Vec<(String, String)> {
    let mut client = ProviderClient::new(Service::new(registry::provider).into_server());
    let request = wire::validate_resource_type_config::Request {
        type_name: "pve_fence_device".to_owned(),
        config: dynamic(config),
        client_capabilities: core,
    };
    let diagnostics = client.validate_resource_type_config(request).await.unwrap().into_inner().diagnostics;
    let paths = diagnostics.into_iter().map(|diagnostic| {
        assert!(!format!("{diagnostic:?}").contains("canary"), "{diagnostic:?}");
        let steps = diagnostic.attribute.unwrap_or_default().steps.into_iter().filter_map(|step| step.selector);
        let steps = steps.map(|step| match step {
            wire::attribute_path::step::Selector::AttributeName(name) => name,
            wire::attribute_path::step::Selector::ElementKeyString(key) => key,
            wire::attribute_path::step::Selector::ElementKeyInt(index) => index.to_string(),
        });
        (diagnostic.summary, steps.collect::<Vec<_>>().join("."))
    });
    paths.collect()
}

#[tokio::test]
async fn an_old_core_is_refused_since_it_would_store_them() {
    let open = || options("options", Json::Null);
    let old = [None, Some(ClientCapabilities::default())];
    let new = Some(ClientCapabilities { write_only_attributes_allowed: true, ..ClientCapabilities::default() });
    for (config, at) in [
        (device(options("secret_options_wo", json!(1)), open()), "secret_options_wo"),
        (device(open(), options("secret_options_wo", json!(1))), "connect.0.secret_options_wo"),
    ] {
        for core in old {
            let expected = ("Write-only arguments are not supported".to_owned(), at.to_owned());
            assert_eq!(validate(&config, core).await, [expected]);
        }
        assert_eq!(validate(&config, new).await, []);
    }
    assert_eq!(validate(&device(options("secret_options", Json::Null), open()), None).await, []);
}

#[tokio::test]
async fn values_and_versions_come_in_pairs_and_an_option_is_set_once() {
    let new = Some(ClientCapabilities { write_only_attributes_allowed: true, ..ClientCapabilities::default() });
    let open = || options("options", Json::Null);
    let alone = device(open(), options("secret_options_wo", Json::Null));
    let expected = ("Missing secret_options_wo_version".to_owned(), "connect.0.secret_options_wo".to_owned());
    assert_eq!(validate(&alone, new).await, [expected]);
    let idle = device(options("options", json!(1)), open());
    let expected = ("Missing write-only argument".to_owned(), "secret_options_wo_version".to_owned());
    assert_eq!(validate(&idle, new).await, [expected]);
    let zero = device(options("secret_options_wo", json!(0)), open());
    assert_eq!(validate(&zero, new).await[0].1, "secret_options_wo_version");
    let mut both = options("secret_options_wo", json!(1));
    both["secret_options"] = json!({"login": "fence"});
    assert_eq!(validate(&device(both.clone(), open()), new).await, []);
    both["secret_options"]["password"] = json!("x");
    let expected = ("An option is set twice".to_owned(), "secret_options_wo.password".to_owned());
    assert_eq!(validate(&device(both, open()), new).await, [expected]);
}
