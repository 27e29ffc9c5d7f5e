//! Actions, by a Terraform that has them: planned, invoked by hand and by a resource, refused, failed, interrupted.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use acceptance_tests::closed_port::ClosedPort;
use acceptance_tests::process::{interrupt, until};
use acceptance_tests::receivers::Receivers;
use acceptance_tests::{Cluster, Workspace, cli, runtime};
use pve_emulator::Options;
use serde_json::{Value as Json, json};

/// A cluster, a folder whose CLI has actions, and what receives notifications.
struct Scene {
    cluster: Arc<Cluster>,
    w: Workspace,
    receivers: Receivers,
}

impl Scene {
    fn set(test: &str) -> Option<Self> {
        let terraform = cli::with_actions(test)?;
        let cluster = Arc::new(Cluster::own(test, Options::default())?);
        let w = Workspace::of(&cluster, terraform);
        Some(Self { cluster, w, receivers: runtime::block_on(Receivers::start()).unwrap() })
    }

    /// A target that delivers to this machine.
    fn target(&self, name: &str) {
        self.gotify(name, &format!("http://{}/{name}", self.receivers.http));
    }

    fn gotify(&self, name: &str, server: &str) {
        let params = [("name", name), ("server", server), ("token", "t")];
        self.cluster.api.post("/cluster/notifications/endpoints/gotify", &params);
    }

    fn received(&self) -> Vec<String> {
        let received = runtime::block_on(self.receivers.take());
        received.iter().map(|entry| entry["target"].as_str().unwrap().to_owned()).collect()
    }
}

fn test_of(target: &str) -> String {
    format!("action \"pve_notification_test\" \"x\" {{\n  config {{\n    target = {target}\n  }}\n}}\n")
}

const INVOKE: &str = "-invoke=action.pve_notification_test.x";

#[test]
fn an_action_is_planned_as_a_warning_and_invoked_with_its_messages() {
    let Some(scene) = Scene::set("actions::an_action_is_planned_as_a_warning_and_invoked_with_its_messages") else {
        return;
    };
    scene.target("push");
    scene.w.configure(&test_of("\"push\""));
    let run = scene.w.expect(0, &["plan", "-json", INVOKE]);
    let planned: Vec<_> = run.warnings().iter().map(|warning| warning.flat()).collect();
    assert_eq!(planned.len(), 1, "{}", run.text);
    assert!(planned[0].starts_with("Planned: Send a test message through the target push."), "{planned:?}");
    assert!(scene.received().is_empty(), "a plan sends nothing");
    let run = scene.w.expect(0, &["apply", "-auto-approve", "-no-color", INVOKE]);
    assert!(run.text.contains("The target push accepted the test message."), "{}", run.text);
    assert_eq!(scene.received(), ["/push/message"]);
}

#[test]
fn a_resource_triggers_an_action_whose_target_the_same_plan_creates() {
    let Some(scene) = Scene::set("actions::a_resource_triggers_an_action_whose_target_the_same_plan_creates") else {
        return;
    };
    let resource = format!(
        "resource \"pve_notification_gotify\" \"push\" {{\n  name = \"push\"\n  server = \"http://{}/push\"\n  token = \"t\"\n\n  \
         lifecycle {{\n    action_trigger {{\n      events = [after_create]\n      actions = \
         [action.pve_notification_test.x]\n    }}\n  }}\n}}\n",
        scene.receivers.http
    );
    scene.w.configure(&format!("{}{resource}", test_of("\"push\"")));
    let run = scene.w.expect(0, &["plan", "-json"]);
    let missing = run.warnings().into_iter().find(|warning| warning.summary.contains("notification test is refused"));
    let text = missing.unwrap_or_else(|| panic!("{}", run.text)).flat();
    assert!(text.contains("push: there is no such target") && text.contains("this plan creates first"), "{text}");
    scene.w.apply();
    assert_eq!(scene.received(), ["/push/message"]);
    scene.w.destroy();
}

#[test]
fn what_is_refused_and_what_fails_are_errors_of_the_action() {
    let Some(scene) = Scene::set("actions::what_is_refused_and_what_fails_are_errors_of_the_action") else { return };
    scene.w.configure(&test_of("\"x y\""));
    let run = scene.w.expect(1, &["plan", "-json"]);
    assert_eq!(run.only_error().summary, "Invalid value for target");

    scene.w.configure(&test_of("\"nothing\""));
    let run = scene.w.expect(1, &["apply", "-auto-approve", "-json", INVOKE]);
    let error = run.only_error().flat();
    assert!(error.contains("The notification test is refused nothing: there is no such target."), "{error}");

    let closed = ClosedPort::new();
    scene.gotify("dead", &format!("http://{closed}"));
    scene.w.configure(&test_of("\"dead\""));
    let run = scene.w.expect(1, &["apply", "-auto-approve", "-json", INVOKE]);
    assert!(run.only_error().flat().starts_with("The notification test failed dead:"), "{}", run.text);
}

#[test]
fn an_interrupt_ends_an_action_in_order() {
    let Some(scene) = Scene::set("actions::an_interrupt_ends_an_action_in_order") else { return };
    scene.target("push");
    scene.w.configure(&test_of("\"push\""));
    let path = "/cluster/notifications/targets/push/test";
    let fault: Json = json!({"method": "POST", "path": path, "kind": "hang"});
    scene.cluster.emulator().faults().add(serde_json::from_value(fault).unwrap()).unwrap();
    let mut command = scene.w.command(&["apply", "-auto-approve", "-no-color", INVOKE]);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let apply = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the request hangs", || scene.cluster.emulator().faults().met() > 0);
    let start = Instant::now();
    interrupt(&apply);
    let output = apply.wait_with_output().unwrap();
    assert!(start.elapsed() < super::interrupts::SETTLED, "it took {:?} to end", start.elapsed());
    let text = acceptance_tests::output::Run::new(&output).text;
    assert!(output.status.code() == Some(1) && text.contains("The notification test failed"), "{text}");
    assert!(!text.contains("panicked") && !text.contains("plugin crashed"), "{text}");
}
