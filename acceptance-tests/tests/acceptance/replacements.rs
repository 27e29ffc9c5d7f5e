//! No replacement loses an object: every resource type, in every order in which core can replace it, for every reason, under a
//! new address or not, with and without `adopt_existing`.
//!
//! One configuration holds one object for each combination, so that one apply carries out all of them. What core's order makes
//! impossible is refused with nothing changed, and the next apply finds what the first one left.

mod subjects;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::thread;

use acceptance_tests::output::Run;
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Release;
use serde_json::Value as Json;
use terraform_provider_pve::registry;

use subjects::{Cause, Subject};

/// Who says which of the two objects comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    DestroyFirst,
    /// `create_before_destroy` of the resource itself.
    CreateFirst,
    /// That of a resource that depends on it.
    Inherited,
}

/// A resource of the configuration, and what becomes of it.
struct Case {
    subject: &'static Subject,
    order: Order,
    cause: Cause,
    is_moved: bool,
    /// Which of its type it is.
    slot: usize,
    adopts: bool,
}

/// What is to come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Replaced,
    Refused,
}

impl Case {
    fn end(&self) -> End {
        let adopts = self.adopts && !self.subject.is_always_new;
        let may_be_first = match self.cause {
            Cause::Renamed => self.subject.are_two,
            Cause::Asked | Cause::Tainted => self.subject.always_exists || adopts,
        };
        if self.order == Order::DestroyFirst || may_be_first { End::Replaced } else { End::Refused }
    }

    fn name(&self, is_changed: bool) -> String {
        format!("{}{}_{}", if is_changed && self.is_moved { "new_" } else { "" }, self.subject.short, self.slot)
    }

    fn address(&self, is_changed: bool) -> String {
        format!("{}.{}", self.subject.kind, self.name(is_changed))
    }

    /// What the cluster has of it.
    fn id(&self, is_changed: bool) -> String {
        (self.subject.id)(self.slot, is_changed && self.cause == Cause::Renamed)
    }

    /// Its blocks, before the change and after it; `order` is the `lifecycle` block.
    fn blocks(&self, is_changed: bool, order: Order) -> String {
        let body = (self.subject.body)(self.slot, is_changed && self.cause == Cause::Renamed);
        let mut lifecycle = String::new();
        if order == Order::CreateFirst {
            lifecycle.push_str("    create_before_destroy = true\n");
        }
        if self.cause == Cause::Asked {
            lifecycle.push_str("    replace_triggered_by = [terraform_data.revision]\n");
        }
        let mut text = format!(
            "resource {:?} {:?} {{\n{body}  lifecycle {{\n{lifecycle}  }}\n}}\n",
            self.subject.kind,
            self.name(is_changed)
        );
        if self.order == Order::Inherited {
            text.push_str(&format!(
                "resource \"terraform_data\" \"of_{}\" {{\n  input = {}.id\n  lifecycle {{\n    create_before_destroy = {}\n  }}\n}}\n",
                self.name(false),
                self.address(is_changed),
                order == Order::Inherited,
            ));
        }
        if is_changed && self.is_moved {
            text.push_str(&format!(
                "moved {{\n  from = {}\n  to   = {}\n}}\n",
                self.address(false),
                self.address(true)
            ));
        }
        text
    }
}

/// Every combination for each of the subjects.
fn cases(subjects: &[&'static Subject], adopts: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for subject in subjects {
        let mut slot = 0;
        for order in [Order::DestroyFirst, Order::CreateFirst, Order::Inherited] {
            for cause in [Cause::Asked, Cause::Tainted, Cause::Renamed] {
                for is_moved in [false, true] {
                    // What always exists has no other name.
                    if cause != Cause::Renamed || !subject.always_exists {
                        cases.push(Case { subject, order, cause, is_moved, slot, adopts });
                        slot += 1;
                    }
                }
            }
        }
    }
    cases
}

fn configuration(cluster: &Cluster, cases: &[&Case], is_changed: bool, order: impl Fn(&Case) -> Order) -> String {
    let mut kinds: Vec<&str> = cases.iter().map(|case| case.subject.needs).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let adopts = cases.iter().any(|case| case.adopts);
    let ssh = if cluster.ssh().is_some() { cluster.ssh_block() } else { String::new() };
    let mut text = format!(
        "provider \"pve\" {{\n  adopt_existing = {adopts}\n{ssh}}}\n{}resource \"terraform_data\" \"revision\" {{\n  input = {is_changed}\n}}\n",
        kinds.concat()
    );
    cases.iter().for_each(|case| text.push_str(&case.blocks(is_changed, order(case))));
    text
}

/// Marks the objects in the state as tainted.
fn taint(w: &Workspace, cases: &[&Case]) {
    let path = w.path("terraform.tfstate");
    let mut state: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    for resource in state["resources"].as_array_mut().unwrap() {
        let address = format!("{}.{}", resource["type"].as_str().unwrap(), resource["name"].as_str().unwrap());
        if cases.iter().any(|case| case.cause == Cause::Tainted && case.address(false) == address) {
            resource["instances"][0]["status"] = Json::from("tainted");
        }
    }
    fs::write(path, state.to_string()).unwrap();
}

/// What the state has: every object once, none deposed, none tainted.
#[track_caller]
fn assert_state(w: &Workspace, cases: &[&Case], said: &Run) {
    let state = w.state();
    for (address, instance) in &state {
        assert!(instance["deposed"].is_null(), "{address} is deposed\n{}", said.text);
    }
    for case in cases {
        let address = case.address(true);
        let found: Vec<_> = state.iter().filter(|(a, _)| *a == address).collect();
        assert_eq!(found.len(), 1, "{address} in the state\n{}", said.text);
        let is_as_it_was = case.cause == Cause::Tainted && case.end() == End::Refused;
        assert_eq!(found[0].1["status"] == "tainted", is_as_it_was, "{address}\n{}", said.text);
    }
}

/// What the cluster has: whatever was replaced under its new name, whatever was refused under its old one.
#[track_caller]
fn assert_cluster(cluster: &Cluster, subjects: &[&Subject], cases: &[&Case], is_new: impl Fn(&Case) -> bool) {
    for subject in subjects {
        let own = || cases.iter().filter(|case| case.subject.short == subject.short);
        let wanted: BTreeSet<String> = own().map(|case| case.id(is_new(case))).collect();
        let other: BTreeSet<String> = own().flat_map(|case| [case.id(false), case.id(true)]).collect();
        let found = (subject.list)(cluster);
        let found: BTreeSet<String> = found.intersection(&other).cloned().collect();
        assert_eq!(found, wanted, "{}", subject.short);
    }
}

/// One error for each object that was refused, which names what is to blame and who may have brought it in.
#[track_caller]
fn assert_refused(run: &Run, cases: &[&Case], is_refused: impl Fn(&Case) -> bool) {
    for case in cases {
        let address = case.address(true);
        let errors: Vec<_> = run.errors().into_iter().filter(|error| error.address == address).collect();
        if !is_refused(case) {
            assert!(errors.is_empty(), "{address}: {errors:?}");
            continue;
        }
        assert_eq!(errors.len(), 1, "{address}\n{}", run.text);
        let words = errors[0].flat();
        for word in ["create_before_destroy", "that depends on it", "Nothing was changed"] {
            assert!(words.contains(word), "{address}: {word} is missing in {words}");
        }
    }
}

/// Lives through all combinations of `subjects` in one workspace; how many there were.
fn all_at_once(cluster: &Arc<Cluster>, subjects: &[&'static Subject], adopts: bool) -> usize {
    let before = cluster.inventory();
    let all = cases(subjects, adopts);
    let all: Vec<&Case> = all.iter().collect();
    live(&Workspace::new(cluster), cluster, subjects, &all);
    assert_eq!(cluster.inventory(), before, "something is left behind");
    all.len()
}

fn live(w: &Workspace, cluster: &Cluster, subjects: &[&Subject], cases: &[&Case]) {
    let is_replaced = |case: &Case| case.end() == End::Replaced;
    w.write("provider.tf", "");
    w.configure(&configuration(cluster, cases, false, |case| case.order));
    w.apply();
    assert_cluster(cluster, subjects, cases, |_| false);

    // All are replaced at once.
    taint(w, cases);
    w.configure(&configuration(cluster, cases, true, |case| case.order));
    let is_refused = cases.iter().any(|case| case.end() == End::Refused);
    let run = w.expect(i32::from(is_refused), &["apply", "-auto-approve", "-json"]);
    assert_refused(&run, cases, |case| case.end() == End::Refused);
    assert_cluster(cluster, subjects, cases, is_replaced);
    assert_state(w, cases, &run);

    // The next apply: what was only asked for once is as it should be; what is to be renamed, or tainted, is refused again.
    let again = |case: &Case| case.end() == End::Refused && case.cause != Cause::Asked;
    let is_refused = cases.iter().any(|case| again(case));
    let run = w.expect(i32::from(is_refused), &["apply", "-auto-approve", "-json"]);
    assert_refused(&run, cases, again);
    assert_cluster(cluster, subjects, cases, is_replaced);
    assert_state(w, cases, &run);

    // As the message says: without it everything comes to where it was going, and there is nothing left to do.
    w.configure(&configuration(cluster, cases, true, |_| Order::DestroyFirst));
    let run = w.apply();
    assert_cluster(cluster, subjects, cases, |_| true);
    assert!(
        w.state().iter().all(|(_, instance)| instance["deposed"].is_null() && instance["status"].is_null()),
        "{}",
        run.text
    );
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn no_replacement_loses_an_object() {
    let name = "replacements::no_replacement_loses_an_object";
    // None is left out but the cluster, which can't be replaced, and its members, each of which is a machine: see `cluster`.
    let known = subjects::ALL.iter().map(|subject| subject.kind).chain(["pve_cluster", "pve_cluster_member"]);
    let known: BTreeSet<&str> = known.collect();
    let provider = registry::provider();
    assert_eq!(known, provider.resources().map(|(kind, _)| kind).collect());

    let on = |release, nodes, guests| Cluster::of_size(name, release, nodes, guests).map(Arc::new);
    let (Some(nine), Some(adopting)) = (on(Release::V9, 24, 50), on(Release::V9, 24, 50)) else { return };
    let (Some(eight), Some(pair)) = (on(Release::V8, 3, 4), on(Release::V9, 2, 4)) else { return };
    let of = |place| subjects::ALL.iter().filter(|subject| subject.place == place).collect::<Vec<_>>();
    let (many, groups, alone) = (of(subjects::Place::Nine), of(subjects::Place::Eight), of(subjects::Place::Alone));
    let count = thread::scope(|scope| {
        let runs = [
            scope.spawn(|| in_a_hurry(&nine, || all_at_once(&nine, &many, false))),
            scope.spawn(|| in_a_hurry(&adopting, || all_at_once(&adopting, &many, true))),
            scope.spawn(|| all_at_once(&eight, &groups, false) + all_at_once(&eight, &groups, true)),
            scope.spawn(|| in_a_hurry(&pair, || one_after_the_other(&pair, &alone))),
        ];
        runs.into_iter().map(|run| run.join().expect("the panic is printed above")).sum::<usize>()
    });
    let _ = writeln!(std::io::stderr(), "{count} replacements: 0 objects lost, 0 left deposed");
}

fn in_a_hurry<T>(cluster: &Arc<Cluster>, run: impl FnOnce() -> T) -> T {
    // A cluster takes no node into maintenance before its HA manager has something to do.
    cluster.api.post("/cluster/ha/resources", &[("sid", "vm:100")]);
    let _hurry = cluster.hurry();
    run()
}

/// A cluster has one of them at most.
fn one_after_the_other(cluster: &Arc<Cluster>, subjects: &[&'static Subject]) -> usize {
    subjects::set_up_alone(cluster);
    let combinations = [
        (Order::CreateFirst, Cause::Asked, false),
        (Order::CreateFirst, Cause::Asked, true),
        (Order::Inherited, Cause::Tainted, false),
        (Order::CreateFirst, Cause::Renamed, true),
    ];
    let mut count = 0;
    for subject in subjects {
        // What always exists has no other name.
        let is_possible = |cause: Cause| cause != Cause::Renamed || !subject.always_exists;
        for (order, cause, adopts) in combinations.into_iter().filter(|(_, cause, _)| is_possible(*cause)) {
            let case = Case { subject, order, cause, is_moved: adopts, slot: 0, adopts };
            live(&Workspace::new(cluster), cluster, subjects, &[&case]);
            count += 1;
        }
    }
    count
}

/// What a replacement that was cut off between its two halves leaves is no danger to the new object: the plan refuses to destroy
/// it, and the way out that it names leads out.
#[test]
fn a_replacement_that_was_cut_off_destroys_nothing_later() {
    let name = "replacements::a_replacement_that_was_cut_off_destroys_nothing_later";
    let Some(cluster) = Cluster::of(name, Release::V9).map(Arc::new) else { return };
    let sid = &cluster.guests(1, 0).sids()[0];
    let w = Workspace::new(&cluster);
    let resource = format!("resource \"pve_ha_resource\" \"a\" {{\n  sid = {sid:?}\n  state = \"ignored\"\n}}\n");
    w.configure(&resource);
    w.apply();
    // As core leaves it when it is ended after the create and before the destroy.
    let path = w.path("terraform.tfstate");
    let mut state: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let instances = state["resources"][0]["instances"].as_array_mut().unwrap();
    let mut deposed = instances[0].clone();
    deposed["deposed"] = Json::from("0a1b2c3d");
    instances.push(deposed);
    fs::write(path, state.to_string()).unwrap();
    for arguments in [["apply", "-auto-approve", "-json"], ["plan", "-refresh=false", "-json"]] {
        let run = w.expect(1, &arguments);
        let error = run.only_error().flat();
        assert!(error.contains("deposed object") && error.contains("terraform state rm"), "{error}");
        assert!(cluster.api.find(&format!("/cluster/ha/resources/{sid}")).is_some());
    }
    w.expect(0, &["state", "rm", "pve_ha_resource.a"]);
    w.configure(&format!("import {{\n  to = pve_ha_resource.a\n  id = {sid:?}\n}}\n{resource}"));
    assert!(w.plan().changes().is_empty());
    w.apply_plan();
    w.plan_is_empty();
    w.destroy();
}
