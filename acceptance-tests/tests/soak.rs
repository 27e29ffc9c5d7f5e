//! A cluster lives on between plans, in the suite for 200 events. `cargo xtask soak` lives longer.

use std::collections::BTreeSet;
use std::io::Write as _;

use acceptance_tests::soak::catalogue::Generation;
use acceptance_tests::soak::event::Event;
use acceptance_tests::soak::judge::HarmKind;
use acceptance_tests::soak::oracle::Oracle;
use acceptance_tests::soak::topology::{Changes, kind};
use acceptance_tests::soak::trial::{Setting, Step, relive, replay};
use acceptance_tests::soak::{Found, Options, run, shrunk};
use serde_json::json;

#[test]
fn nothing_is_lost_undone_or_misread() {
    let name = "soak::nothing_is_lost_undone_or_misread";
    let options = Options { events: 200, seed: 2026, jobs: 2, shrinks: true };
    let Some(report) = run(name, options, |_, _| {}) else { return };
    if let Some(found) = report.harm {
        panic!("{found}");
    }
    let _ = writeln!(std::io::stderr(), "{}: no harm", report.figures);
    assert!(report.figures.events >= 200 && report.figures.empty_plans > 0 && report.figures.applies > 0);
}

/// An apply without quorum ends with the reason, or carries on when the quorum is back; nothing is less than before.
#[test]
fn an_apply_without_quorum_waits_says_why_it_ends_and_loses_nothing() {
    let name = "soak::an_apply_without_quorum_waits_says_why_it_ends_and_loses_nothing";
    let edit = |value: &str| {
        let mail = || "pve_ha_resource.mail".to_owned();
        Step::Event(Event::Edited(mail(), "comment", json!(value)), 5)
    };
    let outage = || Step::Event(Event::QuorumLost("pve1".to_owned()), 60);
    let steps = [
        edit("changed"),
        outage(),
        Step::Plan,
        Step::Event(Event::PowerBack, 200),
        Step::Plan,
        edit("changed again"),
        outage(),
        Step::PlanAsPowerReturns,
        Step::Event(Event::TimePasses, 200),
        Step::Plan,
    ];
    let Some(life) = relive(name, Setting::of(Generation::Nine), &steps) else { return };
    assert!(life.harm.is_none(), "{}", life.harm.unwrap());
    let figures = life.figures;
    assert_eq!((figures.plans, figures.applies_without_quorum), (4, 2), "{figures}");
    assert!(figures.refused_applies >= 1 && figures.applies > figures.refused_applies, "{figures}");
}

/// A member that a person has taken out and installed anew is joined by the next apply, unless it is too old for the cluster by then;
/// one that has joined by hand is no change, or taken over.
#[test]
fn a_member_that_is_gone_joins_again_and_one_that_is_replaced_is_no_change() {
    let name = "soak::a_member_that_is_gone_joins_again_and_one_that_is_replaced_is_no_change";
    let wait = |event: Event| Step::Event(event, 120);
    let joins = [wait(Event::MemberRemoved), Step::Plan, Step::Plan];
    let is_as_before = [wait(Event::MemberReplaced), Step::Plan];
    let is_taken_over =
        [wait(Event::MemberRemoved), wait(Event::Refreshed), wait(Event::MemberReplaced), Step::Plan, Step::Plan];
    let is_too_old =
        [wait(Event::MemberRemoved), wait(Event::UpgradeBegun), Step::Plan, wait(Event::MemberReplaced), Step::Plan];
    let steps = [joins.as_slice(), &is_as_before, &is_taken_over, &is_too_old].concat();
    let Some(life) = relive(name, Setting::with_spare(Generation::Eight), &steps) else { return };
    assert!(life.harm.is_none(), "{}", life.harm.unwrap());
    let figures = life.figures;
    assert_eq!(figures.members, (3, 3), "{figures}");
    let plans = (figures.plans, figures.empty_plans, figures.refused_plans);
    assert_eq!((plans, figures.applies, figures.refused_applies), ((7, 4, 1), 2, 0), "{figures}");
}

/// A soak that expects what must not be has to fail: here it takes a guest that was stopped in the web UI for nothing that a
/// plan should name.
#[test]
fn what_is_not_expected_is_found_and_reduced_to_what_does_it() {
    let name = "soak::what_is_not_expected_is_found_and_reduced_to_what_does_it";
    let blind = |oracle: &Oracle, down: &BTreeSet<String>| -> Changes {
        let mut changes = oracle.expected(down);
        changes.remove("pve_ha_resource.web1");
        changes
    };
    let has = |address: &str| kind(address) == "pve_ha_resource";
    let setting = Setting { generation: Generation::Nine, has, expected: blind };
    let node = || "pve2".to_owned();
    let mail = || "pve_ha_resource.mail".to_owned();
    let steps = [
        Step::Event(Event::Migrated(101, node()), 60),
        Step::Event(Event::Edited(mail(), "comment", json!("changed")), 5),
        Step::Plan,
        Step::Event(Event::Stopped(100), 30),
        Step::Event(Event::CertificateRenewed, 5),
        Step::Event(Event::Stopped(105), 30),
        Step::Plan,
    ];
    let Some(harm) = replay(name, setting, &steps).or_else(|| skipped_or_blind(name)) else { return };
    assert_eq!(harm.kind, HarmKind::PlanTooMuch, "{harm}");
    let found = shrunk(name, setting, Found { seed: 0, harm, steps: steps.to_vec() });
    assert_eq!(found.steps, [Step::Event(Event::Stopped(100), 30), Step::Plan], "{found}");
    assert!(found.harm.text.contains("pve_ha_resource.web1"), "{found}");
}

/// Nothing was found: right where an existing cluster is under test, and wrong everywhere else.
fn skipped_or_blind<T>(name: &str) -> Option<T> {
    assert!(acceptance_tests::cluster::is_existing(), "{name}: a wrong expectation was not found");
    None
}
