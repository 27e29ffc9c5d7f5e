use super::server::Fault;
use super::{Things, thing};
use crate::framework::{Applied, ApplyRequest, Link, Severity, Value};
pub(super) async fn create(things: &Things, size: i64) -> Applied {
    let mut planned = thing("a", size);
    for (name, value) in
        [("id", Value::from("a")), ("serial", Value::Unknown), ("writes", Value::Unknown), ("note", Value::from(false))]
    {
        planned.insert(name, value);
    }
    let request = ApplyRequest { prior: Value::Null, config: thing("a", size), planned, link: Link::default() };
    things.provider().resource("pve_thing").unwrap().apply(request).await
}

async fn update(things: &Things, prior: &Value, size: i64) -> Applied {
    let mut planned = prior.clone();
    planned.insert("size", Value::from(size));
    let request = ApplyRequest { prior: prior.clone(), config: thing("a", size), planned, link: Link::default() };
    things.provider().resource("pve_thing").unwrap().apply(request).await
}

pub(super) async fn delete(things: &Things, prior: &Value) -> Applied {
    let link = Link::default();
    let request = ApplyRequest { prior: prior.clone(), planned: Value::Null, config: Value::Null, link };
    things.provider().resource("pve_thing").unwrap().apply(request).await
}

pub(super) fn severities(applied: &Applied) -> Vec<Severity> {
    applied.diagnostics.iter().map(|d| d.severity).collect()
}

#[tokio::test]
async fn a_create_comes_back_complete() {
    let things = Things::new();
    let applied = create(&things, 3).await;
    assert!(applied.diagnostics.is_empty());
    assert_eq!(applied.state.at("serial"), &Value::from(7));
    assert!(applied.state.is_wholly_known());
}

#[tokio::test]
async fn what_does_not_do_its_work_is_mended_by_an_update() {
    let things = Things::new();
    create(&things, 3).await;
    things.edit("a", "serial", Value::from(13));
    let prior = things.object("a").unwrap();
    let mut planned = prior.clone();
    planned.insert("serial", Value::Unknown);
    let request = ApplyRequest { prior, config: thing("a", 3), planned, link: Link::default() };
    let applied = things.provider().resource("pve_thing").unwrap().apply(request).await;
    assert!(applied.diagnostics.is_empty(), "{:?}", applied.diagnostics);
    assert_eq!((applied.state.at("serial"), things.writes()), (&Value::from(7), 2));
}

#[tokio::test]
async fn an_edit_of_a_secret_is_reported_without_it() {
    let things = Things::new();
    let prior = create(&things, 3).await.state;
    things.edit("a", "secret", Value::from("hunter2"));
    let mut planned = prior.clone();
    planned.insert("secret", Value::from("canary"));
    let request = ApplyRequest { prior, config: thing("a", 3), planned, link: Link::default() };
    let applied = things.provider().resource("pve_thing").unwrap().apply(request).await;
    let reported = format!("{:?}", applied.diagnostics);
    assert!(reported.contains("(sensitive value)"), "{reported}");
    assert!(!reported.contains("hunter2") && !reported.contains("canary"), "{reported}");
}

#[tokio::test]
async fn a_lost_answer_loses_and_doubles_nothing() {
    for faults in
        [vec![Fault::LostAfter], vec![Fault::LostBefore], vec![Fault::LostBefore, Fault::LostAfter], vec![Fault::Panic]]
    {
        let things = Things::new();
        let applied = create(things.faults(&faults), 3).await;
        assert!(applied.diagnostics.is_empty(), "{faults:?}: {:?}", applied.diagnostics);
        assert_eq!(applied.state.at("serial"), &Value::from(7));
        assert!(things.object("a").is_some());
    }
}

#[tokio::test]
async fn a_lost_create_of_what_always_exists_is_sent_again_and_in_the_end_reported_as_it_is() {
    for (lost, succeeds) in [(1, true), (2, true), (9, false)] {
        let things = Things::new();
        create(&things, 3).await;
        things.server.lock().unwrap().always_exists = true;
        let applied = create(things.faults(&vec![Fault::LostBefore; lost]), 5).await;
        assert_eq!(applied.diagnostics.is_empty(), succeeds, "{lost}: {:?}", applied.diagnostics);
        assert!(applied.diagnostics.iter().all(|d| d.detail == "the answer was lost"), "{:?}", applied.diagnostics);
        assert_eq!(things.object("a").unwrap().at("size") == &Value::from(5), succeeds);
    }
}

#[tokio::test]
async fn a_create_of_unknown_fate_is_in_the_state_and_tainted() {
    let things = Things::new();
    let applied = create(things.faults(&[Fault::LostAfter]).dead_reads(9), 3).await;
    assert_eq!(severities(&applied), [Severity::Error]);
    assert_eq!(applied.state.at("name"), &Value::from("a"));
    assert!(applied.state.is_wholly_known());
    assert!(applied.diagnostics.iter().any(|d| d.detail.contains("untaint")));
}

#[tokio::test]
async fn a_read_back_that_fails_is_a_warning() {
    let things = Things::new();
    let applied = create(things.dead_reads(9), 3).await;
    assert_eq!(severities(&applied), [Severity::Warning]);
    assert_eq!(applied.state.at("size"), &Value::from(3));
}

#[tokio::test]
async fn a_refused_create_leaves_no_state() {
    let things = Things::new();
    let applied = create(things.faults(&[Fault::Refused]), 3).await;
    assert!(applied.state.is_null() && applied.diagnostics.has_error());
    assert_eq!(things.writes(), 1);
}

#[tokio::test]
async fn what_exists_is_imported_or_adopted_but_never_overwritten() {
    let things = Things::new();
    create(&things, 3).await;
    let applied = create(&things, 3).await;
    assert!(applied.state.is_null());
    assert!(applied.diagnostics.iter().any(|d| d.detail.contains("id = \"a\"")));
    things.server.lock().unwrap().adopts = true;
    let applied = create(&things, 3).await;
    assert_eq!(severities(&applied), [Severity::Warning]);
    assert_eq!(applied.state.at("serial"), &Value::from(7));
    let applied = create(&things, 4).await;
    assert!(applied.state.is_null());
    assert!(applied.diagnostics.iter().any(|d| d.detail.contains("differs in size")));
    assert_eq!(things.writes(), 1);
}

#[tokio::test]
async fn an_update_sends_once_and_survives_lost_answers() {
    for faults in
        [vec![], vec![Fault::LostAfter], vec![Fault::LostBefore], vec![Fault::Stale, Fault::Stale], vec![Fault::Panic]]
    {
        let things = Things::new();
        let prior = create(&things, 3).await.state;
        let applied = update(things.faults(&faults), &prior, 5).await;
        assert!(applied.diagnostics.is_empty(), "{faults:?}: {:?}", applied.diagnostics);
        assert_eq!(things.object("a").unwrap().at("size"), &Value::from(5));
        assert_eq!(applied.state.at("size"), &Value::from(5));
    }
}

#[tokio::test]
async fn an_edit_outside_of_terraform_is_reported_and_kept() {
    let things = Things::new();
    let prior = create(&things, 3).await.state;
    things.edit("a", "comment", Value::from("mine"));
    let applied = update(&things, &prior, 5).await;
    let paths: Vec<String> = applied.diagnostics.iter().map(|d| d.path.clone().unwrap().to_string()).collect();
    assert_eq!(paths, ["comment"]);
    assert_eq!(things.writes(), 1);
    assert_eq!(applied.state.at("comment"), &Value::from("mine"));
    assert_eq!(applied.state.at("size"), &Value::from(3));
}

#[tokio::test]
async fn what_the_write_itself_changed_is_read_back() {
    let things = Things::new();
    let prior = create(&things, 3).await.state;
    let mut planned = prior.clone();
    planned.insert("size", Value::from(5));
    planned.insert("writes", Value::Unknown);
    let request = ApplyRequest { prior, config: thing("a", 5), planned, link: Link::default() };
    let applied = things.provider().resource("pve_thing").unwrap().apply(request).await;
    assert_eq!((applied.state.at("size"), applied.state.at("writes")), (&Value::from(5), &Value::from(2)));
}

#[tokio::test]
async fn an_edit_to_what_is_planned_is_done() {
    let things = Things::new();
    let prior = create(&things, 3).await.state;
    things.edit("a", "size", Value::from(5));
    let applied = update(&things, &prior, 5).await;
    assert!(applied.diagnostics.is_empty());
    assert_eq!((applied.state.at("size"), things.writes()), (&Value::from(5), 1));
}

#[tokio::test]
async fn a_failed_update_leaves_the_prior_state() {
    let things = Things::new();
    let prior = create(&things, 3).await.state;
    let applied = update(things.faults(&[Fault::Refused]), &prior, 5).await;
    assert!(applied.diagnostics.has_error());
    assert_eq!(applied.state, prior);
}

/// What an object is waited for would otherwise hold up every other write of the apply.
#[tokio::test]
async fn nothing_is_waited_for_while_a_permit_is_held() {
    let lost = [vec![], vec![Fault::LostAfter], vec![Fault::LostBefore], vec![Fault::LostAfter; 9], vec![Fault::Panic]];
    for faults in lost {
        let things = Things::new();
        let prior = create(things.faults(&faults), 3).await.state;
        update(things.faults(&faults), &prior, 5).await;
        // The cluster has what is planned already, then only what is kept here changes.
        update(things.faults(&[]), &prior, 5).await;
        let mut planned = things.object("a").unwrap();
        planned.insert("note", Value::from(true));
        let prior = things.object("a").unwrap();
        let request = ApplyRequest { prior: prior.clone(), config: thing("a", 5), planned, link: Link::default() };
        things.provider().resource("pve_thing").unwrap().apply(request).await;
        delete(things.faults(&faults), &prior).await;
        let server = things.server.lock().unwrap();
        assert_eq!(server.waits, [0; 6], "{faults:?}");
        assert_eq!(server.permits, 0, "{faults:?}");
    }
}

#[tokio::test]
async fn a_permit_is_given_back_whatever_happens() {
    for faults in [vec![Fault::Refused], vec![Fault::LostBefore; 9]] {
        let things = Things::new();
        create(things.faults(&faults), 3).await;
        let prior = create(things.faults(&[]), 3).await.state;
        update(things.faults(&faults), &prior, 5).await;
        delete(things.faults(&faults), &prior).await;
        create(&things, 3).await;
        assert_eq!(things.server.lock().unwrap().permits, 0, "{faults:?}");
    }
}

#[tokio::test]
async fn an_attribute_that_is_only_kept_here_is_not_sent() {
    let things = Things::new();
    let prior = create(&things, 3).await.state;
    let mut planned = prior.clone();
    planned.insert("note", Value::from(true));
    let request = ApplyRequest { prior, config: thing("a", 3), planned, link: Link::default() };
    let applied = things.provider().resource("pve_thing").unwrap().apply(request).await;
    assert_eq!(applied.state.at("note"), &Value::from(true));
    assert_eq!(things.writes(), 1);
}

/// It is not in this plan to create it.
#[tokio::test]
async fn what_was_removed_since_the_plan_is_not_made_anew_by_an_update() {
    let things = Things::new();
    let prior = create(&things, 3).await.state;
    things.server.lock().unwrap().objects.clear();
    let applied = update(&things, &prior, 5).await;
    assert_eq!(severities(&applied), [Severity::Error]);
    assert_eq!((things.writes(), things.object("a")), (1, None));
}

#[tokio::test]
async fn an_edit_is_reported_with_the_old_and_the_new_value() {
    let things = Things::new();
    let prior = create(&things, 3).await.state;
    things.edit("a", "comment", Value::from("theirs"));
    let mut planned = prior.clone();
    planned.insert("comment", Value::from("ours"));
    let request = ApplyRequest { prior, config: thing("a", 3), planned, link: Link::default() };
    let applied = things.provider().resource("pve_thing").unwrap().apply(request).await;
    let details: Vec<_> = applied.diagnostics.iter().map(|diagnostic| diagnostic.detail.as_str()).collect();
    assert!(details[0].contains(r#"comment was unset when the plan was made and is "theirs" now"#), "{details:?}");
}

/// Proxmox takes a removed resource out of its rules: what this run brought about is no edit of others.
#[tokio::test]
async fn what_other_writes_of_this_process_have_done_is_no_edit() {
    for (own, writes) in [(None, 1), (Some("theirs"), 2)] {
        let things = Things::new();
        let prior = create(&things, 3).await.state;
        things.edit("a", "comment", Value::from("theirs"));
        things.server.lock().unwrap().own = own.map(|own| ("comment", Value::from(own)));
        let mut planned = prior.clone();
        planned.insert("comment", Value::from("ours"));
        let request = ApplyRequest { prior, config: thing("a", 3), planned, link: Link::default() };
        let applied = things.provider().resource("pve_thing").unwrap().apply(request).await;
        assert_eq!((applied.diagnostics.has_error(), things.writes()), (own.is_none(), writes), "{own:?}");
    }
}

#[tokio::test]
async fn an_existing_object_is_reported_with_the_block_that_imports_it() {
    let things = Things::new();
    create(&things, 3).await;
    let applied = create(&things, 3).await;
    let details: Vec<_> = applied.diagnostics.iter().map(|diagnostic| diagnostic.detail.as_str()).collect();
    assert!(details[0].contains("to = pve_thing.<name>\n  id = \"a\""), "{details:?}");
    assert!(!details[0].contains("refer"), "nothing refers to it: {details:?}");
}

#[tokio::test]
async fn a_refresh_sees_drift_keeps_spelling_and_notices_removal() {
    let things = Things::new();
    let state = create(&things, 3).await.state;
    let provider = things.provider();
    assert_eq!(provider.resource("pve_thing").unwrap().refresh(state.clone()).await.state, state);
    things.edit("a", "size", Value::from(8));
    assert_eq!(provider.resource("pve_thing").unwrap().refresh(state.clone()).await.state.at("size"), &Value::from(8));
    things.edit("a", "size", Value::from(3));
    // What a list leaves out is not gone for that.
    things.server.lock().unwrap().hidden = true;
    assert_eq!(provider.resource("pve_thing").unwrap().refresh(state.clone()).await.state, state);
    delete(&things, &state).await;
    assert!(provider.resource("pve_thing").unwrap().refresh(state).await.state.is_null());
}

#[tokio::test]
async fn an_import_takes_everything() {
    let things = Things::new();
    create(&things, 5).await;
    let provider = things.provider();
    let imported = provider.resource("pve_thing").unwrap().import("a").await;
    assert_eq!(imported.state.at("size"), &Value::from(5));
    assert_eq!(imported.state.at("note"), &Value::from(false));
    assert!(provider.resource("pve_thing").unwrap().import("b").await.diagnostics.has_error());
    assert!(provider.resource("pve_thing").unwrap().import("a/b").await.diagnostics.has_error());
}

#[tokio::test]
async fn a_long_wait_is_reported_where_the_apply_succeeds() {
    let things = Things::new();
    let mut planned = thing("a", 3);
    for (name, value) in [("id", Value::from("a")), ("serial", Value::Unknown), ("comment", Value::from("slow"))] {
        planned.insert(name, value);
    }
    let request = ApplyRequest { prior: Value::Null, config: thing("a", 3), planned, link: Link::default() };
    let applied = things.provider().resource("pve_thing").unwrap().apply(request).await;
    let details: Vec<_> = applied
        .diagnostics
        .iter()
        .map(|diagnostic| (diagnostic.summary.as_str(), diagnostic.detail.as_str()))
        .collect();
    assert_eq!(details, [("Waited for the server", "a: waited 12 s for the server.")]);
}
