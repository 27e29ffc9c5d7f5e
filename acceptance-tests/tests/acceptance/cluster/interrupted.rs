//! A create or a join that breaks off, is killed, interrupted or loses its answer, at each of its steps: the next apply completes it,
//! or names the commands that do.

use std::io::Write as _;
use std::process::Child;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use acceptance_tests::output::Run;
use acceptance_tests::process::{interrupt, kill_providers, start, start_of, until};
use acceptance_tests::promise::turns;
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Release;
use serde_json::json;

use super::stage::{Way, alone, configuration, member, members, passwords};

/// What befalls an apply.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Blow {
    /// The provider is killed so many seconds after the node has begun.
    Kill(f64),
    /// Ctrl-C so many seconds after that.
    Interrupt(f64),
    /// The process on the node breaks off before that step.
    Broken(&'static str),
    /// The answer to the request, or the exit status of `pvecm`, is lost.
    Lost,
}

/// The steps of a join, as the emulator calls them.
const STEPS: [&str; 8] = ["connect", "request", "answer", "database", "start", "certificate", "reload", "reloaded"];

/// Moments before, between and after the steps of a join, in seconds of the recorded timeline.
const JOIN: [f64; 11] = [0.1, 0.5, 1.0, 1.7, 3.0, 5.1, 7.0, 8.9, 10.0, 11.2, 12.0];

/// The same of a create.
const CREATE: [f64; 8] = [0.0, 0.5, 0.9, 1.2, 1.6, 3.0, 5.0, 7.1];

#[test]
fn a_join_by_the_api_is_completed_or_the_remedy_is_named() {
    joins("cluster::interrupted::a_join_by_the_api_is_completed_or_the_remedy_is_named", Way::Api);
}

#[test]
fn a_join_over_ssh_is_completed_or_the_remedy_is_named() {
    joins("cluster::interrupted::a_join_over_ssh_is_completed_or_the_remedy_is_named", Way::Ssh);
}

#[test]
fn a_create_is_completed() {
    let test = "cluster::interrupted::a_create_is_completed";
    let blows = CREATE.iter().flat_map(|at| [Blow::Kill(*at), Blow::Interrupt(*at)]).chain([Blow::Lost]);
    let blows: Vec<(Way, Blow)> = blows.flat_map(|blow| [(Way::Api, blow), (Way::Ssh, blow)]).collect();
    let mut befallen = 0;
    for (way, blow) in sample(&blows) {
        let Some(cluster) = alone(test, Release::V9, &["pva"], way) else { return };
        let w = Workspace::new(&cluster);
        w.configure(&configuration(&cluster, way, &[]));
        let what = format!("{blow:?} in a create ({way:?})");
        befall(&w, &cluster, blow, ("POST", "/cluster/config$", "pvecm create"), "pva", &[]);
        let _hurry = cluster.hurry();
        w.apply();
        w.plan_is_empty();
        assert_eq!(members(&cluster), [("pva".to_owned(), true)], "{what}");
        befallen += 1;
    }
    let _ = writeln!(std::io::stderr(), "{befallen} kills, interrupts and lost answers in a create: all completed");
}

fn joins(test: &str, way: Way) {
    let moments = JOIN.iter().flat_map(|at| [Blow::Kill(*at), Blow::Interrupt(*at)]);
    let blows: Vec<Blow> = STEPS.iter().map(|step| Blow::Broken(step)).chain(moments).chain([Blow::Lost]).collect();
    let (mut completed, mut named) = (0, 0);
    for blow in sample(&blows) {
        let Some(cluster) = alone(test, Release::V9, &["pva", "pvb"], way) else { return };
        let w = Workspace::new(&cluster);
        let variables = passwords(&cluster, "pva", "pvb");
        {
            let _hurry = cluster.hurry();
            w.configure(&configuration(&cluster, way, &[]));
            w.apply();
        }
        let bounded = member(&cluster, way, "pvb", "  timeouts {\n    create = \"20s\"\n  }\n");
        w.configure(&format!("{}{bounded}", configuration(&cluster, way, &[])));
        let what = format!("{blow:?} in a join ({way:?})");
        befall(&w, &cluster, blow, ("POST", "/cluster/config/join$", "pvecm add"), "pvb", &variables);
        assert!(!w.is_tainted("pve_cluster_member.pvb"), "{what}");
        let _hurry = cluster.hurry();
        let run =
            |arguments: &[&str]| Run::new(&w.command(arguments).envs(variables.iter().cloned()).output().unwrap());
        let apply = || run(&["apply", "-auto-approve", "-json"]);
        let first = apply();
        if first.code == Some(0) {
            completed += 1;
        } else {
            // Nothing but a person's commands can help: they are named, and then do.
            let text = first.only_error().flat();
            remedy(&cluster, &text, &what);
            let second = apply();
            assert_eq!(second.code, Some(0), "{what}: after {text}\n{}", second.text);
            named += 1;
        }
        let plan = run(&["plan", "-detailed-exitcode", "-no-color"]);
        assert_eq!(plan.code, Some(0), "{what}\n{}", plan.text);
        assert_eq!(members(&cluster), [("pva".to_owned(), true), ("pvb".to_owned(), true)], "{what}");
        let tasks = cluster.emulator().cluster().world().conf().map(|conf| conf.members.len());
        assert_eq!(tasks, Some(2), "{what}");
    }
    let _ = writeln!(
        std::io::stderr(),
        "{} kills, interrupts and failed steps in a join ({way:?}): {completed} completed by the next apply, {named} named the remedy",
        completed + named
    );
}

/// A `pvecm add` goes on when its client is gone. An apply that follows at once waits for it, whatever it has done so far.
#[test]
fn a_join_over_ssh_that_is_still_at_work_is_waited_for() {
    let test = "cluster::interrupted::a_join_over_ssh_that_is_still_at_work_is_waited_for";
    for seconds in [0.1, 2.0, 6.0] {
        let Some(cluster) = alone(test, Release::V9, &["pva", "pvb"], Way::Ssh) else { return };
        let w = Workspace::new(&cluster);
        w.configure(&configuration(&cluster, Way::Ssh, &[]));
        let hurry = cluster.hurry();
        w.apply();
        drop(hurry);
        cluster.emulator().commands().reset();
        w.configure(&configuration(&cluster, Way::Ssh, &["pvb"]));
        let mut first = start(&w, &["apply", "-auto-approve"]);
        until("pvecm add", || is_begun(&cluster, "pvb") || has_ended(&mut first));
        cluster.emulator().cluster().world().advance(seconds);
        interrupt(&first);
        first.wait().unwrap();
        let mut second = start(&w, &["apply", "-auto-approve"]);
        let asked = || commands(&cluster, "pgrep").len();
        let before = asked();
        // The plan asks once, the apply until it has ended.
        until("the second apply", || asked() > before + 3 || has_ended(&mut second));
        let _hurry = cluster.hurry();
        assert!(second.wait().unwrap().success(), "{seconds} s: {:?}", commands(&cluster, ""));
        assert_eq!(joins_begun(&cluster), 1, "{seconds} s: {:?}", commands(&cluster, "pvecm"));
        w.plan_is_empty();
        assert_eq!(members(&cluster), [("pva".to_owned(), true), ("pvb".to_owned(), true)]);
    }
}

/// It has the configuration, and its services do not run: they are started, and no second join is sent.
#[test]
fn services_that_do_not_run_are_started() {
    let test = "cluster::interrupted::services_that_do_not_run_are_started";
    let Some(cluster) = alone(test, Release::V9, &["pva", "pvb"], Way::Ssh) else { return };
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    w.configure(&configuration(&cluster, Way::Ssh, &[]));
    w.apply();
    cluster.emulator().commands().reset();
    cluster.api.control("interrupt-join", &json!({"before": "start", "node": "pvb"}));
    w.configure(&configuration(&cluster, Way::Ssh, &["pvb"]));
    let text = w.apply_fails().only_error().flat();
    assert!(text.contains("pvb: `pvecm add` has failed on the node") && text.contains("Apply again"), "{text}");
    assert!(!text.contains("rm "), "{text}");
    w.apply();
    assert_eq!((joins_begun(&cluster), commands(&cluster, "systemctl start corosync").len()), (1, 1));
    w.plan_is_empty();
}

/// Both have looked at the node before either sends: one sends, the other one finds that out on the node itself, during the join of
/// the first or after it.
#[test]
fn of_two_applies_at_once_one_sends_the_join() {
    let test = "cluster::interrupted::of_two_applies_at_once_one_sends_the_join";
    for (code, delayed, ms) in [(200, 2, 4_000), (201, 1, 8_000)] {
        let Some(cluster) = alone(test, Release::V9, &["pva", "pvb"], Way::Ssh) else { return };
        let [w, other] = [(); 2].map(|()| Workspace::new(&cluster));
        w.configure(&configuration(&cluster, Way::Ssh, &[]));
        let hurry = cluster.hurry();
        w.apply();
        drop(hurry);
        cluster.emulator().commands().reset();
        w.configure(&configuration(&cluster, Way::Ssh, &["pvb"]));
        other.configure(&member(&cluster, Way::Ssh, "pvb", "").replace("  depends_on = [pve_cluster.this]\n", ""));
        // What is asked between the look and the join.
        cluster.api.control(
            "fault",
            &json!({"method": "GET", "path": "/cluster/config/join$", "kind": "latency", "ms": ms, "count": delayed}),
        );
        let hurry = (code == 201).then(|| cluster.hurry());
        let mut applies = [&w, &other].map(|w| start(w, &["apply", "-auto-approve"]));
        let exits = || commands(&cluster, "pvecm add").iter().map(|(_, exit)| exit.clone()).collect::<Vec<_>>();
        until("the second join", || exits().len() == 2 || applies.iter_mut().any(has_ended));
        let _hurry = hurry.unwrap_or_else(|| cluster.hurry());
        let done = applies.map(|mut apply| apply.wait().unwrap().success());
        assert!(exits().contains(&json!(code)), "{:?}", commands(&cluster, "pvecm add"));
        assert_eq!((done, joins_begun(&cluster)), ([true, true], 1), "{:?}", commands(&cluster, "pvecm"));
        assert_eq!(members(&cluster), [("pva".to_owned(), true), ("pvb".to_owned(), true)]);
        for w in [w, other] {
            w.plan_is_empty();
        }
    }
}

#[test]
fn a_removal_is_completed() {
    let test = "cluster::interrupted::a_removal_is_completed";
    let blows = [Blow::Kill(0.0), Blow::Interrupt(0.0), Blow::Lost];
    let blows: Vec<(Way, Blow)> = blows.into_iter().flat_map(|blow| [(Way::Api, blow), (Way::Ssh, blow)]).collect();
    let mut befallen = 0;
    for (way, blow) in sample(&blows) {
        let Some(cluster) = alone(test, Release::V9, &["pva", "pvb"], way) else { return };
        let _hurry = cluster.hurry();
        let w = Workspace::new(&cluster);
        let variables = passwords(&cluster, "pva", "pvb");
        // One vote is not enough to remove the other one.
        let more = if way == Way::Ssh { "  votes = 0\n  clean_up = true\n" } else { "  votes = 0\n" };
        let first = configuration(&cluster, way, &[]);
        w.configure(&format!("{first}{}", member(&cluster, way, "pvb", more)));
        let done = w.command(&["apply", "-auto-approve"]).envs(variables.iter().cloned()).output().unwrap();
        assert!(done.status.success(), "{}", Run::new(&done).text);
        cluster.emulator().cluster().world().power("pvb", false);
        cluster.emulator().cluster().world().advance(60.0);
        w.configure(&first);
        let kind = if blow == Blow::Lost { ("reset-after", "cut-after") } else { ("hang", "hang-after") };
        cluster.api.control(
            "fault",
            &json!({"method": "DELETE", "path": "/cluster/config/nodes/", "kind": kind.0, "ms": 600_000}),
        );
        cluster.command_fault(json!({"command": "pvecm delnode", "kind": kind.1}));
        let mut apply = start_of(w.command(&["apply", "-auto-approve"]));
        let met = || {
            let faults = cluster.emulator().faults().met();
            faults > 0 || cluster.emulator().commands().report()["met"].as_u64() > Some(0)
        };
        until("the removal", || met() || has_ended(&mut apply));
        match blow {
            Blow::Kill(_) => drop(kill_providers(&apply)),
            Blow::Interrupt(_) => interrupt(&apply),
            Blow::Broken(_) | Blow::Lost => {}
        }
        apply.wait().unwrap();
        cluster.api.control("faults/clear", &json!({}));
        cluster.clear_command_faults();
        w.apply();
        w.plan_is_empty();
        let what = format!("{blow:?} in a removal ({way:?})");
        assert_eq!(members(&cluster), [("pva".to_owned(), true)], "{what}");
        if way == Way::Ssh {
            let keys = cluster.shared_file("/etc/pve/priv/authorized_keys").unwrap_or_default();
            assert!(!keys.contains("root@pvb"), "{what}: {keys}");
        }
        befallen += 1;
    }
    let _ = writeln!(std::io::stderr(), "{befallen} kills, interrupts and lost answers in a removal: all completed");
}

/// Some of the cases, or all of them where whole figures are asked for.
fn sample<T: Copy>(all: &[T]) -> Vec<T> {
    let count = usize::try_from(turns(5, all.len() as u64)).unwrap().min(all.len());
    (0..count).map(|index| all[(2 * index + 1) * all.len() / (2 * count)]).collect()
}

/// An apply that something happens to; `request` is how either way begins.
fn befall(
    w: &Workspace,
    cluster: &Arc<Cluster>,
    blow: Blow,
    (method, path, command): (&str, &str, &str),
    node: &str,
    variables: &[(String, String)],
) {
    match blow {
        Blow::Broken(before) => {
            cluster.api.control("interrupt-join", &json!({"before": before, "node": node}));
        }
        Blow::Lost => {
            cluster.api.control("fault", &json!({"method": method, "path": path, "kind": "reset-after"}));
            cluster.command_fault(json!({"command": command, "kind": "cut-after"}));
        }
        Blow::Kill(_) | Blow::Interrupt(_) => {}
    }
    let mut command = w.command(&["apply", "-auto-approve"]);
    command.envs(variables.iter().cloned());
    let mut apply = start_of(command);
    let begun = || is_begun(cluster, node);
    let mut since = None;
    while !has_ended(&mut apply) {
        // Five seconds of the cluster in one.
        cluster.emulator().cluster().world().advance(0.1);
        thread::sleep(Duration::from_millis(20));
        if since.is_none() && begun() {
            since = Some(0.0);
        } else if let Some(seconds) = &mut since {
            *seconds += 0.1;
        }
        match (blow, since) {
            (Blow::Kill(at), Some(seconds)) if seconds >= at => {
                kill_providers(&apply);
                break;
            }
            (Blow::Interrupt(at), Some(seconds)) if seconds >= at => {
                interrupt(&apply);
                break;
            }
            _ => {}
        }
    }
    while !has_ended(&mut apply) {
        cluster.emulator().cluster().world().advance(0.1);
        thread::sleep(Duration::from_millis(20));
    }
    cluster.api.control("faults/clear", &json!({}));
    cluster.clear_command_faults();
}

/// Whether the node has begun: a task of the cluster's membership, or `pvecm`.
fn is_begun(cluster: &Cluster, node: &str) -> bool {
    let has_task = {
        let world = cluster.emulator().cluster().world_of(node);
        world.tasks.iter().any(|task| matches!(task.kind.as_str(), "clustercreate" | "clusterjoin"))
    };
    has_task || cluster.emulator().commands().report()["programs"]["pvecm"].as_u64() > Some(0)
}

/// The commands with `words` in them, and how each has ended.
fn commands(cluster: &Cluster, words: &str) -> Vec<(String, serde_json::Value)> {
    let log = cluster.emulator().commands().log();
    let of =
        |entry: &serde_json::Value| (entry["command"].as_str().unwrap_or_default().to_owned(), entry["exit"].clone());
    log.iter().map(of).filter(|(line, _)| line.contains(words)).collect()
}

/// How often `pvecm` itself has run since the log was emptied.
fn joins_begun(cluster: &Cluster) -> u64 {
    cluster.emulator().commands().report()["programs"]["pvecm"].as_u64().unwrap_or_default()
}

/// What the error says, done by a person.
fn remedy(cluster: &Cluster, text: &str, what: &str) {
    if text.contains("run `pvecm expected 1` on pva") {
        cluster.run("pva", "pvecm expected 1");
    } else if text.contains("start `corosync` and `pve-cluster` on pvb, or restart it") {
        let emulator = cluster.emulator().cluster();
        emulator.world_of("pvb").power("pvb", false);
        emulator.world().advance(10.0);
        emulator.world_of("pvb").power("pvb", true);
        emulator.world().advance(60.0);
    } else if text.contains("`pvecm updatecerts --force`") {
        cluster.run("pvb", "pvecm updatecerts --force");
    } else {
        panic!("{what}: no remedy in {text}");
    }
}

fn has_ended(apply: &mut Child) -> bool {
    matches!(apply.try_wait(), Ok(Some(_)))
}
