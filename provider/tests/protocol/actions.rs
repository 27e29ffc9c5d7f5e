//! Actions: what core 1.14 and later asks.

use serde_json::json;
use terraform_provider_pve::protocol::tfplugin5::invoke_action::event::Type;
use terraform_provider_pve::protocol::tfplugin5::{self as wire, Diagnostic, diagnostic::Severity};
use tonic::codegen::tokio_stream::StreamExt;

use super::small::ring::ended;
use super::small::wait_for;
use super::small::wire::{UNKNOWN, dynamic, only};
use super::{Client, Json, client};

const RING: &str = "pve_ring";

fn ring(bell: &str) -> Json {
    json!({"bell": bell, "times": null})
}

async fn validate(client: &mut Client, config: &Json) -> Vec<Diagnostic> {
    let request = wire::validate_action_config::Request { action_type: RING.to_owned(), config: dynamic(config) };
    client.validate_action_config(request).await.unwrap().into_inner().diagnostics
}

async fn plan(client: &mut Client, config: &Json) -> Vec<Diagnostic> {
    let (action_type, config) = (RING.to_owned(), dynamic(config));
    let request = wire::plan_action::Request { action_type, config, client_capabilities: None };
    let response = client.plan_action(request).await.unwrap().into_inner();
    assert!(response.deferred.is_none());
    response.diagnostics
}

type Events = tonic::Streaming<wire::invoke_action::Event>;

async fn invoke(client: &mut Client, action_type: &str, config: &Json) -> Events {
    let (action_type, config) = (action_type.to_owned(), dynamic(config));
    let request = wire::invoke_action::Request { action_type, config, client_capabilities: None };
    client.invoke_action(request).await.unwrap().into_inner()
}

async fn message(events: &mut Events) -> String {
    match events.next().await.unwrap().unwrap().r#type.unwrap() {
        Type::Progress(progress) => progress.message,
        Type::Completed(completed) => panic!("completed: {completed:?}"),
    }
}

/// The rest of the messages, and the diagnostics of the one event that ends them.
async fn rest(mut events: Events) -> (Vec<String>, Vec<Diagnostic>) {
    let mut messages = Vec::new();
    while let Some(event) = events.next().await {
        match event.unwrap().r#type.unwrap() {
            Type::Progress(progress) => messages.push(progress.message),
            Type::Completed(completed) => {
                assert!(events.next().await.is_none(), "something follows the end");
                return (messages, completed.diagnostics);
            }
        }
    }
    panic!("the stream ended without a completed event")
}

#[tokio::test]
async fn the_schema_has_the_arguments() {
    let (mut client, _folder) = client();
    let schemas = client.get_schema(wire::get_provider_schema::Request {}).await.unwrap().into_inner().action_schemas;
    assert_eq!(schemas.len(), 1);
    let block = schemas[RING].schema.clone().unwrap().block.unwrap();
    let names: Vec<_> = block.attributes.iter().map(|a| (a.name.as_str(), a.required, a.optional)).collect();
    assert_eq!(names, [("bell", true, false), ("times", false, true)]);
    assert!(block.block_types.is_empty(), "an action has no timeouts block");
}

#[tokio::test]
async fn validation_is_the_schema_s_and_the_action_s_own() {
    let (mut client, _folder) = client();
    assert_eq!(validate(&mut client, &ring("a")).await, []);
    assert_eq!(validate(&mut client, &json!({"bell": UNKNOWN, "times": UNKNOWN})).await, []);
    let diagnostics = validate(&mut client, &json!({"bell": "a", "times": 0})).await;
    assert!(only(&diagnostics).detail.contains("times = 0: must be at least 1"), "{diagnostics:?}");
    assert!(only(&diagnostics).attribute.is_some());
    assert_eq!(only(&validate(&mut client, &ring("bad")).await).summary, "Bad bell");
}

#[tokio::test]
async fn a_plan_is_one_warning_that_names_the_object_and_lists_the_steps() {
    let (mut client, folder) = client();
    let summaries =
        |diagnostics: &[Diagnostic]| diagnostics.iter().map(|d| (d.severity(), d.summary.clone())).collect::<Vec<_>>();
    let (loud, warning) = ((Severity::Warning, "Loud".to_owned()), Severity::Warning);
    let planned = plan(&mut client, &ring("a")).await;
    assert_eq!(summaries(&planned), [loud.clone(), (warning, "Planned: Ring a. (step 1 of 2)".to_owned())]);
    assert_eq!(planned[1].detail, "Invoked, this action will:\n- Ring a.\n- Listen.\nThe plan has changed nothing.");
    assert_eq!(summaries(&plan(&mut client, &ring("rung")).await), std::slice::from_ref(&loud));
    // What an action refuses is an error; the object that does not exist yet may be one of the same plan.
    let refused = (Severity::Error, "Refused".to_owned());
    assert_eq!(summaries(&plan(&mut client, &ring("cracked")).await), [refused, loud.clone()]);
    let absent = plan(&mut client, &ring("absent")).await;
    assert_eq!(summaries(&absent), [loud, (warning, "Refused".to_owned())]);
    assert!(absent[1].detail.contains("this plan creates first"), "{absent:?}");
    assert_eq!(plan(&mut client, &json!({"bell": UNKNOWN, "times": null})).await, []);
    assert!(plan(&mut client, &ring("crash")).await[0].detail.contains("hit a bug: injected"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn messages_come_in_order_and_the_end_comes_once() {
    let (mut client, _folder) = client();
    let events = invoke(&mut client, RING, &json!({"bell": "a", "times": 3})).await;
    let (messages, diagnostics) = rest(events).await;
    assert_eq!(messages, ["a 1", "a 2", "a 3"]);
    assert_eq!(only(&diagnostics).summary, "Loud");
}

#[tokio::test]
async fn a_message_comes_while_the_action_goes_on_and_stop_ends_it_in_order() {
    let (mut client, folder) = client();
    let mut events = invoke(&mut client, RING, &ring("hang")).await;
    assert_eq!(message(&mut events).await, "hang 1");
    assert!(!folder.path().join(ended("hang")).exists());
    client.stop(wire::stop::Request {}).await.unwrap();
    let (messages, diagnostics) = rest(events).await;
    assert_eq!(messages, ["stopped"]);
    assert_eq!(diagnostics[0].severity(), Severity::Error);
    assert!(folder.path().join(ended("hang")).exists());
}

#[tokio::test]
async fn a_client_that_reads_no_more_does_not_abort_what_is_under_way() {
    let (mut client, folder) = client();
    let mut events = invoke(&mut client, RING, &ring("hang")).await;
    assert_eq!(message(&mut events).await, "hang 1");
    drop(events);
    client.stop(wire::stop::Request {}).await.unwrap();
    let file = folder.path().join(ended("hang"));
    tokio::task::spawn_blocking(move || wait_for("the action ends", || file.exists())).await.unwrap();
}

#[tokio::test]
async fn a_panic_is_the_end_with_a_diagnostic() {
    let (mut client, _folder) = client();
    for (bell, messages) in [("crash", vec![]), ("break", vec!["break 1"])] {
        let (said, diagnostics) = rest(invoke(&mut client, RING, &ring(bell)).await).await;
        assert_eq!(said, messages);
        assert_eq!(only(&diagnostics).summary, "The ring failed");
    }
    // What is no request of core's ends the same way.
    let (_, diagnostics) = rest(invoke(&mut client, "pve_nothing", &ring("a")).await).await;
    assert!(only(&diagnostics).detail.contains("no action pve_nothing"));
    let (_, diagnostics) = rest(invoke(&mut client, RING, &json!({"bell": 5, "times": null})).await).await;
    assert!(only(&diagnostics).detail.contains("bell: is not a string"), "{diagnostics:?}");
}
