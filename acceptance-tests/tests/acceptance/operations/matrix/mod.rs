//! Each operation with each thing that can happen to it: its effect, a refusal, a lost answer of each of its writes, an
//! interrupt and the end of its time after each of its changes, an interrupt while an answer does not come. Nothing is ever
//! done twice, and the next run completes it.

mod cases;
mod stage;

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use acceptance_tests::cluster::{is_existing, skipped};
use acceptance_tests::promise;
use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::Ending;

pub(super) use self::cases::armed;
use self::cases::{Case, cases};
use self::stage::Stage;
use super::{Heard, Told};

const NAME: &str = "operations::matrix::whatever_happens_to_any_operation";

/// What a write meets. A sample has the first ones.
const FAULTS: [&str; 8] = ["reset-before", "reset-after", "596-after", "595", "596-before", "597", "599", "hang"];

/// What a command meets.
const COMMAND_FAULTS: [&str; 2] = ["cut-before", "cut-after"];

/// How long an operation may take to end after an interrupt.
const SETTLED: Duration = Duration::from_secs(45);

#[test]
fn whatever_happens_to_any_operation() {
    if is_existing() {
        return skipped(NAME, "needs the control plane of an emulator");
    }
    // Most of the time all of them wait.
    let rows = thread::scope(|scope| {
        let rows: Vec<_> = cases().into_iter().map(|case| scope.spawn(move || row(&case))).collect();
        rows.into_iter().map(|row| row.join().expect("the panic is printed above")).sum::<usize>()
    });
    let _ = writeln!(std::io::stderr(), "{rows} cells: nothing done twice, all completed by the next run");
}

/// All cells of one operation; how many.
fn row(case: &Case) -> usize {
    let (changes, writes, commands) = effect(case);
    let mut cells = 1;
    if !case.refusal.1.is_empty() {
        refusal(case);
        cells += 1;
    }
    let faults = usize::try_from(promise::turns(3, FAULTS.len() as u64)).unwrap();
    for fault in &FAULTS[..faults] {
        for skip in 0..writes {
            lost_answer(case, &format!("{fault} of write {skip}"), |stage| {
                stage.scene.fault(json!({"method": "POST", "skip": skip, "kind": fault}));
            });
            cells += 1;
        }
    }
    for fault in COMMAND_FAULTS {
        for skip in 0..commands {
            lost_answer(case, &format!("{fault} of command {skip}"), |stage| stage.break_command(fault, skip));
            cells += 1;
        }
    }
    for skip in 0..writes {
        let hang = json!({"method": "POST", "skip": skip, "kind": "hang"});
        interrupt_without_answer(case, &format!("interrupt while write {skip} has no answer"), &hang);
        cells += 1;
    }
    if writes > 0 {
        let hang = json!({"method": "GET", "after": "POST", "count": null, "kind": "hang"});
        interrupt_without_answer(case, "interrupt while no read has an answer", &hang);
        cells += 1;
    }
    for change in 1..=changes {
        interrupt(case, change);
        timeout(case, change);
        cells += 2;
    }
    cells
}

fn set(case: &Case, settings: &[(&str, &str)]) -> Stage {
    Stage::set(NAME, case.release, case.build, settings).expect("a cluster of our own")
}

/// It does what its plan says, once; how many changes, writes and commands that were.
fn effect(case: &Case) -> (u64, u64, usize) {
    let mut stage = set(case, &[]);
    let what = named(case, "effect");
    let before = stage.changes();
    let (steps, refusals) = stage.scene.plan(case.action, &case.config);
    assert!(!steps.is_empty() && refusals.is_empty(), "{what}: {steps:?} {refusals:?}");
    assert_eq!(stage.changes(), before, "{what}: a plan changes nothing");
    stage.mark();
    let told = stage.scene.invoke(case.action, &case.config);
    assert_eq!(told.ending, Ending::Done, "{what}: {told:#?}");
    stage.scene.until(&what, || (case.effect)(&stage.scene));
    assert!(stage.doubled().is_empty(), "{what}: {:?}", stage.doubled());
    let found = (stage.changes() - before, stage.writes(), stage.commands().len());
    if !case.repeats {
        let told = stage.scene.invoke(case.action, &case.config);
        assert_eq!((told.ending, told.messages.as_slice()), (Ending::Done, ["Nothing to do.".to_owned()].as_slice()));
    }
    found
}

fn refusal(case: &Case) {
    let mut stage = set(case, &[]);
    let what = named(case, "refusal");
    (case.refusal.0)(&stage.scene);
    stage.mark();
    let before = stage.changes();
    let told = stage.scene.invoke(case.action, &case.config);
    assert_eq!(told.ending, Ending::Refused, "{what}: {told:#?}");
    assert_eq!(told.errors, [case.refusal.1], "{what}");
    assert_eq!(stage.changes(), before, "{what}: a refusal changes nothing");
}

/// One write or command is lost.
fn lost_answer(case: &Case, fault: &str, arm: impl FnOnce(&Stage)) {
    let stage = set(case, &[("request_timeout", "4s")]);
    let what = named(case, fault);
    arm(&stage);
    // A reboot that was not executed is waited for to the end.
    let told = stage.scene.invoke(case.action, &with_timeout(case, "30s"));
    ended_in_order(&stage, &told, &what);
    let emulator = stage.scene.cluster.emulator();
    assert!(emulator.faults().clear() + emulator.commands().report()["met"].as_u64().unwrap() >= 1, "{what}: not met");
    complete(case, stage, &told, &what);
}

/// Whatever happened, the texts and the ending are true.
fn ended_in_order(stage: &Stage, told: &Told, what: &str) {
    let text = told.errors.join("\n");
    assert_eq!(told.ending == Ending::Done, told.errors.is_empty(), "{what}: {told:#?}");
    let claims_no_change = ["Nothing was changed.", "Nothing was sent."].iter().any(|claim| text.contains(claim));
    if let Some(change) = stage.what_has_changed() {
        assert_ne!(told.ending, Ending::Refused, "{what}: {change}\n{told:#?}");
        assert!(!claims_no_change, "{what}: {change}\n{text}");
    }
    let says_how_far = ["continues", "requested", "Not done", "not started", "lost", "HA is armed again", "has ended"];
    let is_said = says_how_far.iter().any(|words| text.contains(words));
    assert!(told.ending == Ending::Done || told.ending == Ending::Refused || is_said, "{what}: {text}");
    assert!(stage.doubled().is_empty(), "{what}: {:?}\n{told:#?}", stage.doubled());
}

/// The next run ends what the first one began.
fn complete(case: &Case, mut stage: Stage, told: &Told, what: &str) {
    if told.ending == Ending::Done && case.repeats {
        stage.scene.until(what, || (case.effect)(&stage.scene));
        return;
    }
    if case.repeats {
        // What the first one has done to the end is done again; what is under way is not.
        let is_still_under_way = stage.has_stopped();
        stage.mark();
        stage.before.tasks.retain(|task| !is_still_under_way || stage.scene.has_ended(task));
    }
    stage.scene.again();
    let heard = Heard::default();
    let again = thread::scope(|scope| {
        let run = scope.spawn(|| stage.scene.invoke_heard(case.action, &case.config, &heard));
        // Time goes on when the second run has seen what the first one left.
        while !heard.has_begun.load(std::sync::atomic::Ordering::Acquire) && !run.is_finished() {
            thread::yield_now();
        }
        stage.go_on();
        run.join().unwrap()
    });
    assert_eq!(again.ending, Ending::Done, "{what}, second run: {again:#?}\nfirst: {told:#?}");
    stage.scene.until(what, || (case.effect)(&stage.scene));
    let doubled = stage.doubled();
    assert!(doubled.is_empty(), "{what}: {doubled:?}\nfirst: {told:#?}\nsecond: {again:#?}");
}

/// It is interrupted after so many changes.
fn interrupt(case: &Case, changes: u64) {
    let stage = set(case, &[]);
    let what = named(case, &format!("interrupt after change {changes}"));
    stage.stop_time_after(changes);
    let (told, took) = thread::scope(|scope| {
        let run = scope.spawn(|| stage.scene.invoke(case.action, &case.config));
        while !stage.has_stopped() && !run.is_finished() {
            thread::yield_now();
        }
        let start = Instant::now();
        stage.scene.core.stop();
        if case.undoes {
            stage.go_on();
        }
        (run.join().unwrap(), start.elapsed())
    });
    assert!(took < SETTLED, "{what}: {took:?}");
    ended_in_order(&stage, &told, &what);
    complete(case, stage, &told, &what);
}

/// It is interrupted while it waits for an answer that does not come.
fn interrupt_without_answer(case: &Case, what: &str, hang: &Json) {
    let stage = set(case, &[]);
    let what = named(case, what);
    stage.scene.fault(hang.clone());
    let faults = stage.scene.cluster.emulator().faults();
    let (told, took) = thread::scope(|scope| {
        let run = scope.spawn(|| stage.scene.invoke(case.action, &case.config));
        while faults.met() == 0 && !run.is_finished() {
            thread::yield_now();
        }
        assert!(faults.met() >= 1, "{what}: not met");
        stage.stand_still();
        let start = Instant::now();
        stage.scene.core.stop();
        if case.undoes {
            // It is undone by requests that are answered, and in some time.
            faults.clear();
            stage.go_on();
        }
        (run.join().unwrap(), start.elapsed())
    });
    faults.clear();
    assert!(took < SETTLED, "{what}: {took:?}");
    ended_in_order(&stage, &told, &what);
    complete(case, stage, &told, &what);
}

/// Its time is over after so many changes.
fn timeout(case: &Case, changes: u64) {
    let stage = set(case, &[]);
    let what = named(case, &format!("timeout after change {changes}"));
    stage.stop_time_after(changes);
    let told = thread::scope(|scope| {
        let run = scope.spawn(|| stage.scene.invoke(case.action, &with_timeout(case, "5s")));
        while case.undoes && !stage.has_stopped() && !run.is_finished() {
            thread::yield_now();
        }
        if case.undoes {
            stage.go_on();
        }
        run.join().unwrap()
    });
    ended_in_order(&stage, &told, &what);
    if stage.has_stopped() {
        // The last change may be the one after the effect.
        let is_there = told.ending == Ending::Done && (case.effect)(&stage.scene);
        assert!(told.ending == Ending::Unfinished || is_there, "{what}: {told:#?}");
    }
    complete(case, stage, &told, &what);
}

fn with_timeout(case: &Case, timeout: &str) -> Json {
    let mut config = case.config.clone();
    config["timeout"] = Json::from(timeout);
    config
}

fn named(case: &Case, what: &str) -> String {
    format!("{} on {:?}, {what}", case.name, case.release)
}
