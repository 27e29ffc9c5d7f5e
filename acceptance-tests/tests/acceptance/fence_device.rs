//! `pve_fence_device`

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use acceptance_tests::life::{Life, Object, Replacement, block};
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Release;
use serde_json::json;

const FILE: &str = "/etc/pve/ha/fence.cfg";

/// Lines of others, of every kind.
const FOREIGN: &str = "# by hand, keep\n\n  device old-one fence_apc   ip=10.9.9.9 'login=a b'\nconnect old node=pve1 plug=\"1\"\n\
                       no line that means anything\n";

const BASE: &[(&str, &str)] = &[
    ("agent", "\"fence_ipmilan\""),
    ("options", "{ ip = \"10.0.9.1\" }"),
    ("connect", "block {\n    node = \"pve1\"\n    options = { plug = \"1\" }\n  }"),
];

/// A device called like the attribute that it is here for.
fn object(name: &'static str, more: &[(&'static str, &str)]) -> Object {
    let quoted = format!("{name:?}");
    let base = BASE.iter().filter(|(base, _)| more.iter().all(|(given, _)| given != base)).copied();
    let all: Vec<(&'static str, &str)> =
        [("name", quoted.as_str())].into_iter().chain(base).chain(more.iter().copied()).collect();
    Object::new(name, name, &all)
}

/// Edits the file outside of Terraform.
fn by_hand(from: &'static str, to: &'static str) -> impl Fn(&Cluster) {
    move |cluster| {
        let text = cluster.shared_file(FILE).unwrap();
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        cluster.write_shared_file(FILE, &text.replace(from, to));
    }
}

fn remove(cluster: &Cluster, id: &str) {
    let text = cluster.shared_file(FILE).unwrap();
    let left = text.lines().filter(|line| !line.contains(&format!(" {id}:1 ")));
    cluster.write_shared_file(FILE, &left.map(|line| format!("{line}\n")).collect::<String>());
}

fn list(cluster: &Cluster) -> BTreeSet<String> {
    let text = cluster.shared_file(FILE).unwrap_or_default();
    let names = text.lines().filter_map(|line| line.strip_prefix("device ")?.split(' ').next());
    names.map(|name| name.trim_end_matches(":1").to_owned()).collect()
}

fn life(release: Release, test: &str) {
    let Some(cluster) = Cluster::with_ssh(test, release).map(Arc::new) else { return };
    cluster.write_shared_file(FILE, FOREIGN);
    let objects = vec![
        object("agent", &[]).becomes("\"fence_apc\"").edited(by_hand("device agent:1 fence_apc", "device agent:1 fence_ilo")),
        object("options", &[("options", "{ ip = \"10.0.9.1\", lanplus = \"\" }")])
            .becomes("{ ip = \"10.0.9.2\", \"power-wait\" = \"it \\\\ $(x) \\\"q\\\"\" }")
            .edited(by_hand("device options:1 fence_ipmilan 'ip=10.0.9.2'", "device options:1 fence_ipmilan 'ip=10.0.9.3' by-hand")),
        object("secret_options", &[("secret_options", "{ password = \"first of all\" }")])
            .becomes("{ password = \"second\", token = \"t\" }")
            .edited(by_hand("password=second", "password=third"))
            .secret(),
        object(
            "secret_options_wo_version",
            &[("secret_options_wo", "{ passwd = \"first of all\" }"), ("secret_options_wo_version", "1")],
        )
        .becomes("2")
        .with_write_only("secret_options_wo", "{ passwd = \"second of all\" }"),
        object("connect", &[])
            .becomes(
                "block {\n    node = \"pve1\"\n    options = { plug = \"1\", action = \"off\" }\n  }\n  connect {\n    node = \
                 \"pve2\"\n    secret_options = { passwd = \"x\" }\n  }",
            )
            .edited(by_hand("connect connect:1 node=pve1 action=off", "connect connect:1 node=pve1 action=reboot"))
            .secret(),
        object("after", &[("after", "pve_fence_device.agent.name")]).becomes("pve_fence_device.connect.name").edited(|cluster| {
            // The device is moved to the front, in front of the one that it has to stand behind.
            let text = cluster.shared_file(FILE).unwrap();
            let (own, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.contains(" after:1 "));
            cluster.write_shared_file(FILE, &[own, rest].concat().join("\n"));
        }),
        object("verify", &[]).becomes("true"),
        object("timeouts", &[("timeouts", "block {\n    create = \"1m\"\n  }")]).becomes("block {\n    delete = \"90s\"\n  }"),
        object("verify__gone", &[]).becomes("true"),
    ];
    let replacement = |object, attribute, value: &str, id: &str| Replacement {
        object,
        attribute,
        value: value.to_owned(),
        id: id.to_owned(),
    };
    let replacements =
        vec![replacement("agent", "name", "\"other\"", "other"), replacement("options", "instance", "2", "options:2")];
    Life {
        kind: "pve_fence_device",
        objects,
        replacements,
        removes: Some(remove),
        lists: Some(list),
        warns: true,
        // Where no demand is made, the state has what stood in front when it was read first.
        follows: &["after"],
        ..Life::default()
    }
    .live(&cluster);
    // Whoever removed a device by hand left the blank line in front of it.
    let left = cluster.shared_file(FILE).unwrap();
    assert_eq!(left.trim_end(), FOREIGN.trim_end(), "lines of others have changed");
    assert_eq!(cluster.run("pve1", "ls /etc/pve/priv/lock"), "");
}

#[test]
fn a_life_on_pve_9() {
    life(Release::V9, "fence_device::a_life_on_pve_9");
}

#[test]
fn a_life_on_pve_8() {
    life(Release::V8, "fence_device::a_life_on_pve_8");
}

fn device(name: &str, more: &str) -> String {
    format!(
        "resource \"pve_fence_device\" \"{name}\" {{\n  name = \"{name}\"\n  agent = \"fence_ipmilan\"\n  options = {{ ip = \
         \"10.0.9.1\" }}\n  secret_options = {{ password = \"canary-7f3a\" }}\n  connect {{\n    node = \"pve1\"\n    options = {{ \
         plug = \"1\" }}\n  }}\n{more}}}\n"
    )
}

#[test]
fn it_says_that_proxmox_does_not_act_on_it() {
    let Some(cluster) =
        Cluster::with_ssh("fence_device::it_says_that_proxmox_does_not_act_on_it", Release::V9).map(Arc::new)
    else {
        return;
    };
    let w = Workspace::new(&cluster);
    w.configure(&device("a", ""));
    for _ in 0..2 {
        let run = w.apply();
        let reported: Vec<String> = run.warnings().iter().map(|warning| warning.flat()).collect();
        assert!(
            reported.len() == 1
                && reported[0].contains("does not use fence devices")
                && reported[0].contains("watchdog"),
            "{reported:?}"
        );
        w.configure(&device("a", "  connect {\n    node = \"pve2\"\n    options = { plug = \"2\" }\n  }\n"));
    }
}

#[test]
fn an_edit_outside_of_terraform_is_reported_without_its_secret_and_not_overwritten() {
    let name = "fence_device::an_edit_outside_of_terraform_is_reported_without_its_secret_and_not_overwritten";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&device("a", ""));
    w.apply();
    w.configure(&device("a", "").replace("canary-7f3a", "canary-9c1d"));
    w.plan();
    by_hand("canary-7f3a", "canary-5b2e")(&cluster);
    let before = cluster.shared_file(FILE);
    let run = w.expect(1, &["apply", "-json", "plan"]);
    let error = run.only_error();
    assert!(error.flat().contains("secret_options was (sensitive value)"), "{error:?}");
    assert!(!run.text.contains("canary"), "{}", run.text);
    assert_eq!(cluster.shared_file(FILE), before);
    // A sibling's edit is no conflict.
    w.plan();
    cluster.write_shared_file(FILE, &format!("{}\n# more\n", before.unwrap()));
    w.apply_plan();
    w.plan_is_empty();
    assert!(cluster.shared_file(FILE).unwrap().ends_with("\n# more\n"));
}

#[test]
fn a_secret_is_nowhere_but_in_the_file_and_the_state() {
    let name = "fence_device::a_secret_is_nowhere_but_in_the_file_and_the_state";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&device("a", "  verify = true\n"));
    let mut said = String::new();
    for arguments in [&["plan", "-no-color"][..], &["apply", "-auto-approve", "-no-color"], &["plan", "-no-color"]] {
        let output = w.command(arguments).env("TF_LOG", "TRACE").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Core writes the plan's and the state's own bytes into its log; what our lines say is what counts.
        said.push_str(&String::from_utf8_lossy(&output.stdout));
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        said.extend(
            log.lines().filter(|line| line.contains("provider.terraform-provider-pve")).map(|line| format!("{line}\n")),
        );
    }
    assert!(!said.contains("canary"), "{}", said.lines().find(|line| line.contains("canary")).unwrap_or_default());
    let commands = cluster.emulator().commands();
    let lines: Vec<String> = commands.log().iter().map(|entry| entry["command"].to_string()).collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| !line.contains("canary")), "{lines:?}");
    let calls = commands.agent_calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!((&calls[0]["arguments"], &calls[0]["options"]["action"]), (&json!([]), &json!("status")));
    assert_eq!(calls[0]["options"]["password"], "canary-7f3a");
    assert_ne!(calls[0]["node"], "pve1", "asked from the node itself");
    assert!(cluster.shared_file(FILE).unwrap().contains("canary-7f3a"));
}

#[test]
fn a_refresh_reads_the_file_once_for_all_devices() {
    let name = "fence_device::a_refresh_reads_the_file_once_for_all_devices";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    let ten: String = "abcdefghij".chars().map(|letter| device(&letter.to_string(), "")).collect();
    w.configure(&ten);
    w.apply();
    let commands = cluster.emulator().commands();
    commands.reset();
    w.plan_is_empty();
    let log = commands.log();
    let reads = log.iter().filter(|entry| entry["command"].to_string().contains("fence.cfg")).count();
    assert_eq!(reads, 1, "{log:?}");
}

#[test]
fn verify_reports_each_result() {
    let Some(cluster) = Cluster::with_ssh("fence_device::verify_reports_each_result", Release::V9).map(Arc::new) else {
        return;
    };
    cluster.api.control(
        "agent",
        &json!({"agent": "fence_ipmilan", "option": ["plug", "2"], "exit": 1, "stderr": "Unable to log in with canary-7f3a"}),
    );
    let w = Workspace::new(&cluster);
    let second = "  verify = true\n  connect {\n    node = \"pve2\"\n    options = { plug = \"2\" }\n  }\n";
    w.configure(&device("a", second));
    let run = w.apply();
    let reported = run.warnings().iter().map(|warning| warning.flat()).collect::<String>();
    assert!(
        reported.contains("- pve1, asked from pve2: on") && reported.contains("- pve2, asked from pve1: exit code 1"),
        "{reported}"
    );
    assert!(!run.text.contains("canary"), "{}", run.text);
    // What is there already is an error: nothing would be tainted by it.
    w.configure(&device("a", &second.replace("plug = \"2\"", "plug = \"2\", retry = \"1\"")));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("Correct the options"), "{}", run.text);
    w.plan_is_empty();
    w.configure(&device("a", &second.replace("plug = \"2\"", "plug = \"3\"")));
    w.apply();
}

#[test]
fn an_invalid_value_is_reported_and_nothing_is_written() {
    let name = "fence_device::an_invalid_value_is_reported_and_nothing_is_written";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    cluster.write_shared_file(FILE, FOREIGN);
    let w = Workspace::new(&cluster);
    w.configure(&device("a", "  after = \"nosuch\"\n"));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("there is no fence device nosuch"), "{}", run.text);
    assert!(run.only_error().line.starts_with("after"), "{}", run.text);
    assert_eq!(cluster.shared_file(FILE).as_deref(), Some(FOREIGN));
    assert!(w.state().is_empty());
    // It exists already, as Proxmox reads names.
    w.configure(&device("old", ""));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("id = \"old\""), "{}", run.text);
    assert_eq!(cluster.shared_file(FILE).as_deref(), Some(FOREIGN));
    // The file has an error outside of our sections: Proxmox reads none of it then.
    cluster.write_shared_file(FILE, "connect nobody node=pve1 plug=1\n");
    w.configure(&device("a", ""));
    let reported = w.apply().warnings().iter().map(|warning| warning.flat()).collect::<String>();
    assert!(reported.contains("line 1: device 'nobody' must be declared before you can connect to it"), "{reported}");
}

#[test]
fn without_quorum_a_write_waits_and_then_says_who_is_missing() {
    let name = "fence_device::without_quorum_a_write_waits_and_then_says_who_is_missing";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    let power = |up: bool, seconds: f64| {
        let mut world = cluster.emulator().cluster().world();
        for node in ["pve2", "pve3"] {
            world.power(node, up);
        }
        world.advance(seconds);
    };
    let w = Workspace::new(&cluster);
    w.configure(&device("a", "  timeouts {\n    create = \"3s\"\n  }\n"));
    // 9 s after the loss pmxcfs is busy, later it denies.
    for seconds in [9.0, 30.0] {
        power(false, seconds);
        let run = w.apply_fails();
        let error = run.only_error().flat();
        for part in ["no quorum, so /etc/pve is read-only", "Nothing was changed", "1 of 3 votes", "Waited "] {
            assert!(error.contains(part), "{part:?} is missing in {error}");
        }
        assert!(!error.contains("Only root"), "{error}");
        assert_eq!(cluster.shared_file(FILE), None);
        power(true, 60.0);
    }
    // With quorum back in time the write is made.
    power(false, 30.0);
    w.configure(&device("a", ""));
    let asked = || cluster.emulator().commands().report()["programs"]["pvecm"].as_u64().unwrap_or_default();
    let before = asked();
    thread::scope(|scope| {
        let run = scope.spawn(|| w.apply());
        while asked() == before {
            thread::yield_now();
        }
        power(true, 60.0);
        run.join().unwrap();
    });
    assert!(cluster.shared_file(FILE).is_some_and(|text| text.contains("device a")));
    w.plan_is_empty();
    w.destroy();
}

#[test]
fn two_at_once_both_come_about() {
    let Some(cluster) = Cluster::with_ssh("fence_device::two_at_once_both_come_about", Release::V9).map(Arc::new)
    else {
        return;
    };
    let many = |prefix: &str| (0..5).map(|i| device(&format!("{prefix}{i}"), "")).collect::<String>();
    let workspaces = ["x", "y"].map(|prefix| {
        let w = Workspace::new(&cluster);
        w.configure(&many(prefix));
        w
    });
    thread::scope(|scope| {
        let runs: Vec<_> = workspaces.iter().map(|w| scope.spawn(|| w.apply())).collect();
        for run in runs {
            run.join().unwrap();
        }
    });
    assert_eq!(list(&cluster).len(), 10);
    for w in &workspaces {
        w.plan_is_empty();
        w.destroy();
    }
    assert_eq!(cluster.shared_file(FILE).unwrap_or_default(), "");
}

#[test]
fn a_conflicting_object_may_be_removed_in_the_same_apply() {
    let name = "fence_device::a_conflicting_object_may_be_removed_in_the_same_apply";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&[device("a", ""), device("b", "  depends_on = [pve_fence_device.a]\n")].concat());
    w.apply();
    assert_eq!(w.attributes("pve_fence_device.b")["after"], "a");
    // The apply determines its position then.
    w.configure(&device("b", "  connect {\n    node = \"pve2\"\n    options = { plug = \"2\" }\n  }\n"));
    w.apply();
    w.plan_is_empty();
    assert_eq!(w.attributes("pve_fence_device.b")["after"], serde_json::Value::Null);
    w.destroy();
}

#[test]
fn the_order_of_connections_means_nothing() {
    let name = "fence_device::the_order_of_connections_means_nothing";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    let connect = |node: &str| format!("block {{\n    node = \"{node}\"\n    options = {{ plug = \"{node}\" }}\n  }}");
    let with = |first: &str, second: &str| {
        let attributes = [
            ("name", "\"a\"".to_owned()),
            ("agent", "\"fence_x\"".to_owned()),
            ("options", "{ ip = \"1\" }".to_owned()),
            ("connect", connect(first)),
            ("connect", connect(second)),
        ];
        block("pve_fence_device", "a", &attributes)
    };
    w.configure(&with("pve2", "pve1"));
    w.apply();
    w.plan_is_empty();
    w.configure(&with("pve1", "pve2"));
    w.plan_is_empty();
}

#[test]
fn without_an_ssh_block_the_plan_says_what_to_write() {
    let name = "fence_device::without_an_ssh_block_the_plan_says_what_to_write";
    let Some(cluster) = Cluster::own(name, pve_emulator::Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure(&device("a", ""));
    let run = w.plan_fails();
    assert!(run.only_error().flat().contains("Add an `ssh` block to the provider block"), "{}", run.text);
}
