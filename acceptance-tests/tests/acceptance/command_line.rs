//! `do`: an operation from the command line, in each way that it can end.

use std::process::{Command, Output, Stdio};
use std::time::Instant;

use acceptance_tests::closed_port::ClosedPort;
use acceptance_tests::process::{signal, until};
use acceptance_tests::receivers::Receivers;
use acceptance_tests::{Cluster, cli, runtime};
use pve_emulator::Options;
use serde_json::{Value as Json, json};

/// A cluster with two targets: `push` delivers to this machine, `dead` to a closed port.
struct Scene {
    cluster: Cluster,
    receivers: Receivers,
    _closed: ClosedPort,
}

/// How a command ended, and what it wrote where.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Scene {
    fn set(test: &str) -> Option<Self> {
        let cluster = Cluster::own(test, Options::default())?;
        let (receivers, closed) = (runtime::block_on(Receivers::start()).unwrap(), ClosedPort::new());
        for (name, server) in [("push", format!("{}/push", receivers.http)), ("dead", closed.to_string())] {
            let params = [("name", name), ("server", &format!("http://{server}")), ("token", "t")];
            cluster.api.post("/cluster/notifications/endpoints/gotify", &params);
        }
        Some(Self { cluster, receivers, _closed: closed })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(arguments, &self.cluster.environment)
    }

    fn test(&self, arguments: &[&str]) -> Ended {
        self.command(&[&["notify", "test"], arguments].concat()).output().unwrap().into()
    }

    fn received(&self) -> usize {
        runtime::block_on(self.receivers.take()).len()
    }

    /// The next test of `push` is carried out, and its response never comes.
    fn hang(&self) {
        let fault: Json = json!({"method": "POST", "path": "/cluster/notifications/targets/push/test", "kind": "hang"});
        self.cluster.emulator().faults().add(serde_json::from_value(fault).unwrap()).unwrap();
    }
}

/// `do` with this environment and no other.
fn command(arguments: &[&str], environment: &[(String, String)]) -> Command {
    let mut command = Command::new(cli::program("terraform-provider-pve"));
    command.arg("do").args(arguments).env_clear().envs(environment.iter().cloned()).stdin(Stdio::null());
    command
}

/// The documents of JSON Lines, of which the last one is the result.
#[track_caller]
fn documents(ended: &Ended) -> Vec<Json> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let documents: Vec<Json> = ended.stdout.lines().map(parse).collect();
    let result = documents.last().unwrap();
    assert_eq!((&result["type"], result["exit_code"].as_i64()), (&json!("result"), ended.code.map(i64::from)));
    assert_eq!(ended.stderr, "");
    documents
}

fn types(documents: &[Json]) -> Vec<&str> {
    documents.iter().map(|document| document["type"].as_str().unwrap()).collect()
}

#[test]
fn an_operation_that_succeeds_says_its_steps_and_what_happened() {
    let Some(scene) = Scene::set("command_line::an_operation_that_succeeds_says_its_steps_and_what_happened") else {
        return;
    };
    let ended = scene.test(&["push"]);
    assert_eq!((ended.code, scene.received()), (Some(0), 1), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("Done after ") && ended.stdout.lines().count() == 1, "{}", ended.stdout);
    let lines: Vec<&str> = ended.stderr.lines().collect();
    assert_eq!(lines[0], "- Send a test message through the target push.");
    assert!(lines[1].ends_with("s] The target push accepted the test message."), "{lines:?}");

    let documents = documents(&scene.test(&["push", "--json", "--timeout", "1m"]));
    assert_eq!(types(&documents), ["start", "plan", "progress", "result"]);
    assert_eq!(documents[0]["command"], "notify test");
    assert_eq!(documents[1]["steps"], json!(["Send a test message through the target push."]));
    assert_eq!((&documents[3]["result"], scene.received()), (&json!("done"), 1));
}

#[test]
fn a_dry_run_says_what_would_happen_and_sends_nothing() {
    let Some(scene) = Scene::set("command_line::a_dry_run_says_what_would_happen_and_sends_nothing") else { return };
    let ended = scene.test(&["--dry-run", "push"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "This would:\n- Send a test message through the target push.\n");
    let documents = documents(&scene.test(&["push", "--dry-run", "--json"]));
    assert_eq!(types(&documents), ["start", "plan", "result"]);
    assert_eq!(documents[2]["result"], "planned");
    assert_eq!(scene.received(), 0);
}

#[test]
fn what_is_refused_ends_with_3_and_sends_nothing() {
    let Some(scene) = Scene::set("command_line::what_is_refused_ends_with_3_and_sends_nothing") else { return };
    for dry in [&[][..], &["--dry-run"]] {
        let ended = scene.test(&[&["nothing"], dry].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{}", ended.stderr);
        assert!(ended.stderr.starts_with("Error: The notification test is refused (TARGET)\n"), "{}", ended.stderr);
        assert!(ended.stderr.contains("nothing: there is no such target."), "{}", ended.stderr);
    }
    let documents = documents(&scene.test(&["nothing", "--json"]));
    assert_eq!(types(&documents), ["start", "diagnostic", "result"]);
    assert_eq!((&documents[1]["argument"], &documents[1]["severity"]), (&json!("TARGET"), &json!("error")));
}

#[test]
fn what_fails_ends_with_1_and_the_words_of_proxmox() {
    let Some(scene) = Scene::set("command_line::what_fails_ends_with_1_and_the_words_of_proxmox") else { return };
    let ended = scene.test(&["dead"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("Error: The notification test failed\n\ndead: the target did not"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains("PVE: 500 Could not test target"), "{}", ended.stderr);
    let documents = documents(&scene.test(&["dead", "--json"]));
    assert_eq!(types(&documents), ["start", "plan", "diagnostic", "result"]);
}

#[test]
fn a_response_that_never_comes_ends_with_4() {
    let Some(scene) = Scene::set("command_line::a_response_that_never_comes_ends_with_4") else { return };
    scene.hang();
    let ended = scene.test(&["push", "--timeout", "3s"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{}", ended.stderr);
}

#[test]
fn an_interrupt_ends_an_operation_in_order() {
    let Some(scene) = Scene::set("command_line::an_interrupt_ends_an_operation_in_order") else { return };
    for json in [&[][..], &["--json"]] {
        scene.hang();
        let met = scene.cluster.emulator().faults().met();
        let arguments = [&["notify", "test", "push"], json].concat();
        let process = scene.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until("the request hangs", || scene.cluster.emulator().faults().met() > met);
        let start = Instant::now();
        assert!(signal("-INT", &process.id().to_string()));
        let ended = Ended::from(process.wait_with_output().unwrap());
        assert!(start.elapsed() < super::interrupts::SETTLED, "it took {:?} to end", start.elapsed());
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        if json.is_empty() {
            assert!(ended.stderr.contains("Interrupted: stopping in order."), "{}", ended.stderr);
            assert!(ended.stderr.contains("Error: The notification test failed"), "{}", ended.stderr);
        } else {
            let documents = documents(&ended);
            let result = documents.last().unwrap();
            assert_eq!((&result["result"], &result["interrupted"]), (&json!("unfinished"), &json!(true)));
        }
    }
}

#[test]
fn nothing_begins_without_a_cluster_or_credentials() {
    let Some(scene) = Scene::set("command_line::nothing_begins_without_a_cluster_or_credentials") else { return };
    let run = |environment: &[(String, String)]| {
        let ended = Ended::from(command(&["notify", "test", "push"], environment).output().unwrap());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""), "{}", ended.stderr);
        ended.stderr
    };
    let text = run(&[]);
    assert!(text.contains("Error: Missing endpoint") && text.contains("Error: Missing credentials"), "{text}");
    let changed = |name: &str, value: &str| {
        let mut environment = scene.cluster.environment.clone();
        environment.iter_mut().filter(|(n, _)| n == name).for_each(|(_, v)| value.clone_into(v));
        environment
    };
    let closed = ClosedPort::new();
    let text = run(&changed("PROXMOX_VE_ENDPOINT", &format!("https://{closed}")));
    assert!(text.contains("the endpoint can't be reached. Nothing was sent."), "{text}");
    let text = run(&changed("PROXMOX_VE_API_TOKEN", "root@pam!terraform=00000000-0000-0000-0000-000000000000"));
    assert!(text.contains("Error: Cannot use the Proxmox VE API"), "{text}");
    assert_eq!(scene.received(), 0);
}
