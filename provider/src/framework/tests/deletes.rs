//! What becomes of a delete.

use super::applies::{create, delete, severities};
use super::server::Fault;
use super::{Things, thing};
use crate::framework::{ApplyRequest, GivenUp, Link, Severity, Value};
#[tokio::test]
async fn a_delete_is_done_when_it_is_gone() {
    for faults in [vec![], vec![Fault::LostAfter], vec![Fault::LostBefore]] {
        let things = Things::new();
        let prior = create(&things, 3).await.state;
        let applied = delete(things.faults(&faults), &prior).await;
        assert!(applied.diagnostics.is_empty() && applied.state.is_null(), "{faults:?}");
        assert!(things.object("a").is_none());
        assert!(delete(&things, &prior).await.diagnostics.is_empty());
    }
}

/// The answer was lost and the object can't be looked for: it may be there, so it stays in the state.
#[tokio::test]
async fn a_delete_of_unknown_fate_stays_in_the_state() {
    for (fault, dead) in [(Fault::LostBefore, 9), (Fault::LostAfter, 9), (Fault::LostBefore, 1)] {
        let things = Things::new();
        let prior = create(&things, 3).await.state;
        let applied = delete(things.faults(&[fault]).dead_reads(dead), &prior).await;
        assert_eq!((severities(&applied), &applied.state), (vec![Severity::Error], &prior), "{fault:?} {dead}");
        assert_eq!(things.writes(), 2, "{fault:?} {dead}");
    }
}

#[tokio::test]
async fn a_delete_that_never_arrives_is_sent_three_times() {
    let things = Things::new();
    let prior = create(&things, 3).await.state;
    let applied = delete(things.faults(&[Fault::LostBefore; 9]), &prior).await;
    assert_eq!((severities(&applied), &applied.state), (vec![Severity::Error], &prior));
    assert_eq!(things.writes(), 1 + 3);
}

/// What the plan says of the objects that refer to it is sent first, and reported where the delete is refused all the same.
#[tokio::test]
async fn a_delete_in_use_sends_what_gives_it_up_once() {
    for (faults, succeeds) in
        [(vec![Fault::InUse], true), (vec![Fault::InUse, Fault::None, Fault::InUse], false), (vec![Fault::None], true)]
    {
        let things = Things::new();
        let prior = create(&things, 3).await.state;
        let given_up = vec![GivenUp { id: "b".to_owned(), from: "a".to_owned(), to: None, is_to_new: false }];
        let link = Link { given_up, ..Link::default() };
        let request = ApplyRequest { prior, planned: Value::Null, config: Value::Null, link };
        let applied = things.faults(&faults).provider().resource("pve_thing").unwrap().apply(request).await;
        let sent = things.server.lock().unwrap().writes.clone();
        let expected: &[&str] = if faults.len() == 1 && matches!(faults[0], Fault::None) {
            &["delete"]
        } else {
            &["delete", "b gives it up", "delete"]
        };
        assert_eq!(sent[1..], *expected, "{faults:?}");
        assert_eq!((applied.state.is_null(), applied.diagnostics.has_error()), (succeeds, !succeeds), "{faults:?}");
        let details: Vec<_> = applied.diagnostics.iter().map(|diagnostic| diagnostic.detail.as_str()).collect();
        assert!(
            succeeds || details[0].contains("removed from b") && !details[0].contains("Nothing was changed"),
            "{details:?}"
        );
    }
}

/// The old object stays where the new one could not be created.
#[tokio::test]
async fn a_replacement_looks_ahead_before_it_deletes() {
    let things = Things::new();
    let prior = create(&things, 3).await.state;
    let taken = thing("taken", 3);
    let link = Link { creates: Some(taken.to_json()), ..Link::default() };
    let request = ApplyRequest { prior: prior.clone(), planned: Value::Null, config: Value::Null, link };
    let applied = things.provider().resource("pve_thing").unwrap().apply(request).await;
    assert_eq!((severities(&applied), &applied.state), (vec![Severity::Error], &prior));
    assert!(things.object("a").is_some() && things.writes() == 1);
}

#[tokio::test]
async fn a_refused_delete_stays_in_the_state() {
    let things = Things::new();
    let prior = create(&things, 3).await.state;
    let applied = delete(things.faults(&[Fault::Refused]), &prior).await;
    assert_eq!((severities(&applied), &applied.state), (vec![Severity::Error], &prior));
}
