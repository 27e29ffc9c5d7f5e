//! What is done in steps over SSH, when the provider is killed or the user presses Ctrl-C in the middle of a step.

use std::io::Write as _;
use std::process::Child;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use acceptance_tests::process::{interrupt, kill_providers, start, until};
use acceptance_tests::promise::turns;
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Release;
use serde_json::{Value as Json, json};

use crate::broken_steps::{TARGETS, Target};

/// What befalls an apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blow {
    Kill,
    Interrupt,
}

#[test]
fn nothing_is_lost_by_a_kill_or_an_interrupt() {
    let name = "ssh_interrupts::nothing_is_lost_by_a_kill_or_an_interrupt";
    if Cluster::own(name, pve_emulator::Options::default()).is_none() {
        return;
    }
    let blows = thread::scope(|scope| {
        let targets: Vec<_> = TARGETS.iter().map(|target| scope.spawn(move || befall(name, target))).collect();
        targets.into_iter().map(|target| target.join().expect("the panic is printed above")).sum::<u32>()
    });
    let _ =
        writeln!(std::io::stderr(), "{blows} kills and interrupts in the middle of a command: 0 lost, all converged");
}

/// Every blow at several commands of the create; how many there were.
fn befall(test: &str, target: &Target) -> u32 {
    let cluster = Cluster::of_nodes(test, Release::V9, target.nodes).map(Arc::new).expect("a cluster of our own");
    let _hurry = cluster.hurry();
    let w = Workspace::new(&cluster);
    let commands = commands_of_a_create(&w, &cluster, target);
    let moments = turns(2, commands).min(commands);
    let mut blows = 0;
    for moment in 0..moments {
        // The last commands are part of it: half-way through each share.
        let skip = (2 * moment + 1) * commands / (2 * moments);
        for (blow, kind) in [(Blow::Kill, "hang-after"), (Blow::Interrupt, "hang-after")] {
            let what = format!("{blow:?} in command {skip} of {} ({kind})", target.kind);
            configure(&w, &cluster, target, false);
            cluster.command_fault(json!({"kind": kind, "skip": skip}));
            let mut apply = start(&w, &["apply", "-auto-approve"]);
            until(&what, || cluster.emulator().commands().report()["met"].as_u64() > Some(0) || has_ended(&mut apply));
            let begun = Instant::now();
            match blow {
                Blow::Kill => drop(kill_providers(&apply)),
                Blow::Interrupt if has_ended(&mut apply) => {}
                Blow::Interrupt => interrupt(&apply),
            }
            apply.wait().unwrap();
            assert!(blow == Blow::Kill || begun.elapsed() < Duration::from_secs(45), "{what}: {:?}", begun.elapsed());
            cluster.clear_command_faults();
            blows += 1;

            let (there, recorded) = ((target.there)(&cluster), !w.state().is_empty());
            assert!(blow == Blow::Kill || !there || recorded, "{what}: on the cluster, but not in the state");
            let run = w.run(&["apply", "-auto-approve", "-json"]);
            if run.code != Some(0) {
                // An object that is in no state is named, ready to be imported.
                assert!(
                    there && !recorded && run.errors().iter().any(|error| error.flat().contains("import {")),
                    "{what}\n{}",
                    run.text
                );
                configure(&w, &cluster, target, true);
                w.apply();
            }
            assert!((target.there)(&cluster) && w.state().len() == 1, "{what}: {:?}", w.state());
            w.plan_is_empty();
            w.destroy();
            assert!(!(target.there)(&cluster), "{what}: still there");
        }
    }
    blows
}

/// Number of programs that an undisturbed create runs.
fn commands_of_a_create(w: &Workspace, cluster: &Arc<Cluster>, target: &Target) -> u64 {
    configure(w, cluster, target, false);
    cluster.api.control("commands/clear", &json!({}));
    w.apply();
    let programs = cluster.emulator().commands().report()["programs"].clone();
    w.destroy();
    programs.as_object().unwrap().values().filter_map(Json::as_u64).sum::<u64>().max(1)
}

fn configure(w: &Workspace, cluster: &Cluster, target: &Target, adopt: bool) {
    let configuration = json!({
        "provider": {"pve": {"adopt_existing": adopt, "ssh": cluster.ssh().expect("the nodes can be logged in to")}},
        "resource": {target.kind: {"a": (target.create)()}},
    });
    w.write("provider.tf", "");
    w.write("main.tf.json", &configuration.to_string());
}

fn has_ended(apply: &mut Child) -> bool {
    matches!(apply.try_wait(), Ok(Some(_)))
}
