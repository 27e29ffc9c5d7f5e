//! `secret_options_wo` of `pve_fence_device`: in the file, and in no plan, no state and no log.

use std::sync::Arc;

use acceptance_tests::core::{Core, Object, errors};
use acceptance_tests::{Cluster, Workspace, runtime};
use pve_emulator::Release;
use serde_json::{Value as Json, json};

const FILE: &str = "/etc/pve/ha/fence.cfg";

const ADDRESS: &str = "pve_fence_device.a";

fn workspace(test: &str) -> Option<(Arc<Cluster>, Workspace)> {
    let name = format!("fence_device_write_only::{test}");
    let cluster = Arc::new(Cluster::with_ssh(&name, Release::V9)?);
    let w = Workspace::new(&cluster);
    Some((cluster, w))
}

/// A device with `own` lines, and with each of `connects`: a node and its lines.
fn device(own: &str, connects: &[(&str, &str)]) -> String {
    let connects = connects.iter().map(|(node, lines)| {
        format!("  connect {{\n    node = {node:?}\n    options = {{ plug = \"1\" }}\n{lines}\n  }}\n")
    });
    format!(
        "resource \"pve_fence_device\" \"a\" {{\n  name = \"a\"\n  agent = \"fence_x\"\n  options = {{ ip = \"1\" \
         }}\n{own}\n{}}}\n",
        connects.collect::<String>()
    )
}

fn secret(map: &str) -> String {
    format!("secret_options = {map}")
}

fn write_only(map: &str, version: u32) -> String {
    format!("secret_options_wo = {map}\nsecret_options_wo_version = {version}")
}

/// The line of the device, or of its connection to a node.
fn line(cluster: &Cluster, start: &str) -> String {
    let text = cluster.shared_file(FILE).unwrap_or_default();
    text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned()
}

fn own(cluster: &Cluster) -> String {
    line(cluster, "device a:1 fence_x")
}

fn of_node(cluster: &Cluster, node: &str) -> String {
    line(cluster, &format!("connect a:1 node={node}"))
}

/// Replaces a part of the file outside of Terraform.
fn edit(cluster: &Cluster, from: &str, to: &str) {
    let text = cluster.shared_file(FILE).unwrap();
    assert!(text.contains(from), "{from:?} is not in\n{text}");
    cluster.write_shared_file(FILE, &text.replace(from, to));
}

/// What runs with these values of variables leave: their output, their logs, the plan, and the state.
fn traces(w: &Workspace, variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut traces = Vec::new();
    let commands: [&[&str]; 6] = [
        &["validate", "-json"],
        &["plan", "-no-color", "-out=plan"],
        &["show", "-json", "plan"],
        &["apply", "-no-color", "plan"],
        &["plan", "-no-color"],
        &["show", "-json"],
    ];
    for arguments in commands {
        let output = w.command(arguments).env("TF_LOG", "TRACE").envs(variables.iter().copied()).output().unwrap();
        let [out, log] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(output.status.success(), "{log}");
        traces.push((format!("output of {arguments:?}"), out));
        traces.push((format!("log of {arguments:?}"), log));
    }
    let state = std::fs::read_to_string(w.path("terraform.tfstate")).unwrap();
    assert!(state.contains("pve_fence_device"));
    traces.push(("state".to_owned(), state));
    traces
}

fn with_canary(traces: &[(String, String)]) -> Vec<String> {
    traces.iter().filter(|(_, text)| text.contains("canary")).map(|(what, _)| what.clone()).collect()
}

#[test]
fn a_write_only_secret_is_nowhere_but_in_the_file() {
    let Some((cluster, w)) = workspace("a_write_only_secret_is_nowhere_but_in_the_file") else { return };
    // A plan has its configuration with it, literals and all: an ephemeral variable is how a secret gets there without.
    let variable = |name: &str| {
        format!("variable {name:?} {{\n  type = string\n  sensitive = true\n  ephemeral = true\n  default = \"\"\n}}\n")
    };
    let of_connect = write_only("{ token = var.token }", 1);
    for (version, value) in [(1, "canary-7f3a"), (2, "canary-5b2e")] {
        let own = write_only("{ password = var.password }", version) + "\nverify = true";
        let device = device(&own, &[("pve1", &of_connect)]);
        w.configure(&[variable("password"), variable("token"), device].concat());
        let traces = traces(&w, &[("TF_VAR_password", value), ("TF_VAR_token", "canary-9c1d")]);
        assert_eq!(with_canary(&traces), [""; 0]);
        assert!(traces.iter().any(|(_, text)| text.contains("secret_options_wo_names")));
        assert_eq!(self::own(&cluster), format!("device a:1 fence_x 'ip=1' 'password={value}'"));
        assert!(of_node(&cluster, "pve1").contains("token=canary-9c1d"));
    }
    let state = w.attributes(ADDRESS);
    assert_eq!(state["secret_options_wo_names"], json!(["password"]));
    assert_eq!(state["connect"][0]["secret_options_wo_names"], json!(["token"]));
    // The agent that verifies gets them out of the file.
    let calls = cluster.emulator().commands().agent_calls();
    let options = &calls.last().unwrap()["options"];
    assert_eq!((&options["password"], &options["token"]), (&json!("canary-5b2e"), &json!("canary-9c1d")));
    w.destroy();
}

#[test]
fn the_fallback_is_in_the_state_and_hidden_elsewhere() {
    let Some((cluster, w)) = workspace("the_fallback_is_in_the_state_and_hidden_elsewhere") else { return };
    w.configure(&device(&secret("{ password = \"canary-7f3a\" }"), &[("pve1", "")]));
    let traces = traces(&w, &[]);
    // `show -json` and core's own log have what plan and state have; people read the rest.
    let machine = |what: &str| what == "state" || what.contains("\"show\"");
    let ours = traces.iter().map(|(what, text)| {
        let is_ours = |line: &&str| !what.starts_with("log") || line.contains("provider.terraform-provider-pve");
        (what.clone(), text.lines().filter(is_ours).map(|line| format!("{line}\n")).collect())
    });
    let ours: Vec<(String, String)> = ours.collect();
    let found = with_canary(&ours);
    assert!(found.iter().all(|what| machine(what)) && found.contains(&"state".to_owned()), "{found:?}");
    let state: Json = serde_json::from_str(&traces.last().unwrap().1).unwrap();
    let sensitive = state["resources"][0]["instances"][0]["sensitive_attributes"].to_string();
    assert!(sensitive.contains("secret_options"), "{sensitive}");
    assert!(own(&cluster).contains("password=canary-7f3a"));
    w.destroy();
}

#[test]
fn the_file_keeps_its_values_until_the_version_changes() {
    let Some((cluster, w)) = workspace("the_file_keeps_its_values_until_the_version_changes") else { return };
    let connects = [("pve1", "")];
    w.configure(&device(&write_only("{ a = \"1\", b = \"1\" }", 1), &connects));
    w.apply();
    w.configure(&device(&write_only("{ a = \"2\" }", 1), &connects));
    w.plan_is_empty();
    // Another change rewrites the line. What was changed outside of Terraform stays, too.
    edit(&cluster, "a=1", "a=by-hand");
    w.plan_is_empty();
    w.configure(&device(&write_only("{ a = \"2\" }", 1), &connects).replace("ip = \"1\"", "ip = \"2\""));
    w.apply();
    assert_eq!(own(&cluster), "device a:1 fence_x 'a=by-hand' 'b=1' 'ip=2'");
    w.configure(&device(&write_only("{ a = \"2\" }", 2), &connects));
    w.apply();
    assert_eq!(own(&cluster), "device a:1 fence_x 'a=2' 'ip=1'");
    w.plan_is_empty();
    // What the file has lost is written again, and only that.
    w.configure(&device(&write_only("{ a = \"3\", c = \"3\" }", 2), &connects));
    w.apply();
    assert_eq!(own(&cluster), "device a:1 fence_x 'a=2' 'c=3' 'ip=1'");
    edit(&cluster, " 'a=2'", "");
    let plan = w.plan();
    assert_eq!(plan.changed(ADDRESS), ["after", "secret_options_wo_names"].map(str::to_owned).into());
    w.apply_plan();
    assert_eq!(own(&cluster), "device a:1 fence_x 'a=3' 'c=3' 'ip=1'");
    w.plan_is_empty();
    // What goes away between plan and apply is no edit to overwrite.
    w.configure(&device(&write_only("{ a = \"3\", c = \"3\" }", 2), &connects).replace("ip = \"1\"", "ip = \"2\""));
    w.plan();
    edit(&cluster, " 'a=3'", "");
    let run = w.expect(1, &["apply", "-json", "plan"]);
    assert!(run.only_error().flat().contains("it has no option \"a\". Nothing was changed."), "{}", run.text);
    w.apply();
    assert_eq!(own(&cluster), "device a:1 fence_x 'a=3' 'c=3' 'ip=2'");
    // Without map and version they go.
    w.configure(&device("", &connects));
    w.apply();
    assert_eq!(own(&cluster), "device a:1 fence_x 'ip=1'");
    w.plan_is_empty();
}

#[test]
fn secrets_move_into_write_only_ones_and_back() {
    let Some((cluster, w)) = workspace("secrets_move_into_write_only_ones_and_back") else { return };
    let with = |own: &str, connect: &str| w.configure(&device(own, &[("pve1", connect)]));
    let kept = |value: &str| (secret(&format!("{{ password = {value:?} }}")), secret("{ token = \"t\" }"));
    let moved = |value: &str, version| {
        (write_only(&format!("{{ password = {value:?} }}"), version), write_only("{ token = \"t\" }", version))
    };
    let in_file = |value: &str| {
        assert_eq!(own(&cluster), format!("device a:1 fence_x 'ip=1' 'password={value}'"));
        assert_eq!(of_node(&cluster, "pve1"), "connect a:1 node=pve1 plug=1 token=t");
    };
    for (before, after) in [("one", "one"), ("one", "two")] {
        let (own, connect) = kept(before);
        with(&own, &connect);
        w.apply();
        in_file(before);
        assert_eq!(w.attributes(ADDRESS)["secret_options_wo_names"], json!(null));
        let (own, connect) = moved(after, 1);
        with(&own, &connect);
        w.apply();
        in_file(after);
        let state = w.attributes(ADDRESS);
        assert_eq!((&state["secret_options"], &state["connect"][0]["secret_options"]), (&json!(null), &json!(null)));
        w.plan_is_empty();
    }
    // After an import they are in `secret_options`, until the next apply.
    w.expect(0, &["state", "rm", ADDRESS]);
    w.expect(0, &["import", "-no-color", ADDRESS, "a"]);
    assert_eq!(w.attributes(ADDRESS)["secret_options"], json!({"password": "two"}));
    w.apply();
    in_file("two");
    let state = std::fs::read_to_string(w.path("terraform.tfstate")).unwrap();
    assert!(!state.contains("\"two\""), "{state}");
    w.plan_is_empty();
}

#[test]
fn each_node_keeps_its_own_secret() {
    let Some((cluster, w)) = workspace("each_node_keeps_its_own_secret") else { return };
    let of = |node: &str| write_only(&format!("{{ passwd = \"of-{node}\" }}"), 1);
    let other = write_only("{ passwd = \"not-sent\" }", 1);
    let lines = |nodes: &[&str]| {
        for node in ["pve1", "pve2", "pve3"] {
            let line = if nodes.contains(&node) {
                format!("connect a:1 node={node} passwd=of-{node} plug=1")
            } else {
                String::new()
            };
            assert_eq!(of_node(&cluster, node), line);
        }
    };
    w.configure(&device("", &[("pve1", &of("pve1")), ("pve2", &of("pve2"))]));
    w.apply();
    lines(&["pve1", "pve2"]);
    // Another order is no change, also together with one.
    w.configure(&device("", &[("pve2", &other), ("pve1", &other)]));
    w.plan_is_empty();
    w.configure(&device("", &[("pve2", &other), ("pve1", &other)]).replace("ip = \"1\"", "ip = \"2\""));
    w.apply();
    lines(&["pve1", "pve2"]);
    // One in front of them.
    w.configure(&device("", &[("pve3", &of("pve3")), ("pve1", &other), ("pve2", &other)]));
    w.apply();
    lines(&["pve1", "pve2", "pve3"]);
    w.plan_is_empty();
    // The first ones go.
    w.configure(&device("", &[("pve2", &other)]));
    w.apply();
    lines(&["pve2"]);
    assert_eq!(w.attributes(ADDRESS)["connect"][0]["secret_options_wo_names"], json!(["passwd"]));
    w.plan_is_empty();
    // One that was removed outside of Terraform comes back with its secret.
    w.configure(&device("", &[("pve1", &of("pve1")), ("pve2", &of("pve2"))]));
    w.apply();
    edit(&cluster, "connect a:1 node=pve1 passwd=of-pve1 plug=1\n", "");
    w.apply();
    lines(&["pve1", "pve2"]);
    w.plan_is_empty();
}

#[test]
fn a_broken_update_brings_no_secret_into_the_state() {
    let name = "fence_device_write_only::a_broken_update_brings_no_secret_into_the_state";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    let _hurry = cluster.hurry();
    let device = |own: Json, connects: Json| {
        let mut device = json!({"name": "a", "agent": "fence_x", "options": {"ip": "1"}, "connect": connects});
        device.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        device
    };
    let pve1 = json!({"node": "pve1", "options": {"plug": "1"}});
    let kept = device(json!({"secret_options": {"password": "one"}}), json!([pve1]));
    let secret = |name: &str| json!({"secret_options_wo": {name: "canary"}, "secret_options_wo_version": 1});
    let mut pve2 = secret("passwd");
    pve2["node"] = json!("pve2");
    let moved = device(secret("password"), json!([pve1, pve2]));
    let core = || runtime::block_on(Core::new(&cluster, &[]));
    let clean = |object: &Object, what: &str| {
        // The debug form of a value leaves out every text.
        let state = object.state.to_json().to_string();
        assert!(!state.contains("canary"), "{what}: {state}");
    };
    let mut cases = 0;
    for (kind, count) in [("cut-after", Some(1)), ("cut-after", None), ("fail-after", None)] {
        for skip in 0.. {
            let what = format!("command {skip} {kind} {count:?}");
            let mut object = Object::new("pve_fence_device");
            let said = runtime::block_on(core().apply(&mut object, Some(&kept)));
            assert!(!said.has_error(), "{what}: {:?}", errors(&said));
            cluster.command_fault(json!({"kind": kind, "skip": skip, "count": count, "exit": 1}));
            runtime::block_on(core().apply(&mut object, Some(&moved)));
            let met = cluster.clear_command_faults();
            clean(&object, &what);
            // The next refresh, whatever becomes of the plan.
            let core = core();
            let resource = core.provider().resource("pve_fence_device").unwrap();
            object.state = runtime::block_on(resource.refresh(object.state)).state;
            clean(&object, &what);
            let said = runtime::block_on(core.apply(&mut object, Some(&moved)));
            assert!(!said.has_error(), "{what}: {:?}", errors(&said));
            clean(&object, &what);
            assert!(runtime::block_on(core.is_settled(&object, &moved)), "{what}: {object:?}");
            let (own, of_node) = (own(&cluster), of_node(&cluster, "pve2"));
            assert!(own.contains("password=canary") && of_node.contains("passwd=canary"), "{what}: {own} {of_node}");
            runtime::block_on(core.apply(&mut object, None));
            if met == 0 {
                break;
            }
            cases += 1;
        }
    }
    assert!(cases > 10, "{cases} commands are too few to have been all");
}
