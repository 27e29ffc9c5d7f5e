use super::Things;
use super::plans::plan;
use super::server::Fault;
use crate::framework::{Applied, ApplyRequest, ClientCapabilities, Diagnostics, Value};

const OLD: ClientCapabilities = ClientCapabilities { has_write_only: false };

/// The configuration of a thing with a kept token, a write-only one, and the version of that.
fn config(token: Option<&str>, write_only: Option<(&str, i64)>) -> Value {
    let mut config = Value::object([("name", Value::from("a"))]);
    if let Some(token) = token {
        config.insert("token", Value::from(token));
    }
    if let Some((secret, version)) = write_only {
        config.insert("token_wo", Value::from(secret));
        config.insert("token_wo_version", Value::from(version));
    }
    config
}

/// Plans and applies, as core does.
async fn run(things: &Things, prior: &Value, config: Value) -> Applied {
    let planned = plan(things, prior.clone(), config.clone()).await;
    assert!(!planned.diagnostics.has_error(), "{:?}", planned.diagnostics);
    assert!(planned.state.at("token_wo").is_null());
    let request = ApplyRequest { prior: prior.clone(), planned: planned.state, config, link: planned.link };
    let applied = things.provider().resource("pve_thing").unwrap().apply(request).await;
    assert!(applied.state.at("token_wo").is_null());
    applied
}

async fn ok(things: &Things, prior: &Value, config: Value) -> Value {
    let applied = run(things, prior, config).await;
    assert!(applied.diagnostics.is_empty(), "{:?}", applied.diagnostics);
    applied.state
}

async fn has_changes(things: &Things, state: &Value, config: Value) -> bool {
    plan(things, state.clone(), config).await.state != *state
}

fn validate(config: &Value, core: ClientCapabilities) -> Diagnostics {
    Things::new().provider().resource("pve_thing").unwrap().validate_config(config, core)
}

#[tokio::test]
async fn a_write_only_value_is_sent_by_a_create_and_with_each_new_version() {
    let things = Things::new();
    let state = ok(&things, &Value::Null, config(None, Some(("one", 1)))).await;
    assert_eq!((things.token("a").as_deref(), state.at("token_wo_version")), (Some("one"), &Value::from(1)));
    assert!(!state.to_json().to_string().contains("one"));

    assert!(!has_changes(&things, &state, config(None, Some(("two", 1)))).await);
    let mut other = config(None, Some(("two", 1)));
    other.insert("size", Value::from(5));
    let state = ok(&things, &state, other).await;
    assert_eq!(things.token("a").as_deref(), Some("one"));

    let state = ok(&things, &state, config(None, Some(("two", 2)))).await;
    assert_eq!((things.token("a").as_deref(), state.at("size")), (Some("two"), &Value::from(3)));
    assert!(!has_changes(&things, &state, config(None, Some(("two", 2)))).await);
}

#[tokio::test]
async fn a_secret_whose_version_is_removed_is_removed() {
    let things = Things::new();
    let state = ok(&things, &Value::Null, config(None, Some(("one", 1)))).await;
    ok(&things, &state, config(None, None)).await;
    assert_eq!(things.token("a"), None);
}

#[tokio::test]
async fn a_secret_in_the_state_is_sent_where_it_changes_and_never_read() {
    let things = Things::new();
    let state = ok(&things, &Value::Null, config(Some("one"), None)).await;
    assert_eq!((things.token("a").as_deref(), state.at("token")), (Some("one"), &Value::from("one")));
    assert!(!has_changes(&things, &state, config(Some("one"), None)).await);
    let read = things.provider().resource("pve_thing").unwrap().refresh(state.clone()).await;
    assert_eq!(read.state, state);
    let state = ok(&things, &state, config(Some("two"), None)).await;
    assert_eq!(things.token("a").as_deref(), Some("two"));
    let state = ok(&things, &state, config(None, Some(("three", 1)))).await;
    assert_eq!((things.token("a").as_deref(), state.at("token")), (Some("three"), &Value::Null));
    ok(&things, &state, config(Some("four"), None)).await;
    assert_eq!(things.token("a").as_deref(), Some("four"));
}

#[tokio::test]
async fn an_import_keeps_the_secret_of_the_cluster() {
    let things = Things::new();
    ok(&things, &Value::Null, config(Some("one"), None)).await;
    let imported = things.provider().resource("pve_thing").unwrap().import("a").await.state;
    assert!(imported.at("token").is_null());
    let mut other = config(None, None);
    other.insert("size", Value::from(5));
    ok(&things, &imported, other).await;
    assert_eq!(things.token("a").as_deref(), Some("one"));
}

#[tokio::test]
async fn a_secret_is_sent_again_after_a_lost_response() {
    for fault in [Fault::LostBefore, Fault::LostAfter] {
        let things = Things::new();
        let state = ok(&things, &Value::Null, config(None, Some(("one", 1)))).await;
        things.faults(&[fault]);
        ok(&things, &state, config(None, Some(("two", 2)))).await;
        assert_eq!((things.token("a").as_deref(), things.writes()), (Some("two"), 3), "{fault:?}");
    }
}

#[tokio::test]
async fn a_secret_whose_fate_is_unknown_is_an_error_and_planned_again() {
    let things = Things::new();
    let state = ok(&things, &Value::Null, config(None, Some(("one", 1)))).await;
    things.faults(&[Fault::LostBefore; 3]);
    let applied = run(&things, &state, config(None, Some(("two", 2)))).await;
    assert!(applied.diagnostics.has_error());
    assert!(has_changes(&things, &applied.state, config(None, Some(("two", 2)))).await);
    assert_eq!(things.token("a").as_deref(), Some("one"));
}

#[tokio::test]
async fn an_object_with_a_configured_secret_is_not_adopted() {
    let things = Things::new();
    ok(&things, &Value::Null, config(None, None)).await;
    things.server.lock().unwrap().adopts = true;
    assert!(!run(&things, &Value::Null, config(None, None)).await.state.is_null());
    for config in [config(Some("one"), None), config(None, Some(("one", 1)))] {
        let applied = run(&things, &Value::Null, config).await;
        assert!(applied.state.is_null() && format!("{:?}", applied.diagnostics).contains("it differs in token"));
    }
}

#[test]
fn a_write_only_value_needs_its_version_and_a_core_that_has_such_attributes() {
    let summary = |config: &Value, core: ClientCapabilities| {
        let mut found = validate(config, core).into_iter().map(|diagnostic| diagnostic.summary);
        (found.next().unwrap_or_default(), found.next())
    };
    assert_eq!(summary(&config(None, Some(("one", 1))), ClientCapabilities::NEWEST), (String::new(), None));
    assert_eq!(summary(&config(Some("one"), None), OLD), (String::new(), None));
    assert_eq!(
        summary(&config(None, Some(("one", 1))), OLD),
        ("Write-only arguments are not supported".to_owned(), None)
    );
    let mut alone = config(None, Some(("one", 1)));
    alone.insert("token_wo_version", Value::Null);
    assert_eq!(summary(&alone, ClientCapabilities::NEWEST), ("Missing token_wo_version".to_owned(), None));
    let mut idle = config(None, Some(("one", 1)));
    idle.insert("token_wo", Value::Null);
    assert_eq!(summary(&idle, ClientCapabilities::NEWEST), ("Missing write-only argument".to_owned(), None));
    let both = config(Some("one"), Some(("two", 1)));
    assert_eq!(summary(&both, ClientCapabilities::NEWEST), ("token_wo conflicts with token".to_owned(), None));
    let mut unknown = config(None, Some(("one", 1)));
    unknown.insert("token_wo", Value::Unknown);
    assert_eq!(summary(&unknown, ClientCapabilities::NEWEST), (String::new(), None));
}
