//! Secrets of targets: sent, delivered, and in no plan, no state and no log.

use std::sync::Arc;

use acceptance_tests::receivers::Receivers;
use acceptance_tests::{Cluster, Workspace, runtime};
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};

const PRIVATE: &str = "/etc/pve/priv/notifications.cfg";

fn workspace(test: &str, release: Release) -> Option<(Arc<Cluster>, Workspace)> {
    let options = Options { release, ..Options::default() };
    let cluster = Cluster::own(&format!("notification_secrets::{test}"), options).map(Arc::new)?;
    let w = Workspace::new(&cluster);
    Some((cluster, w))
}

/// A resource of each type with secrets, which are these attributes.
fn targets(receivers: &Receivers, password: &str, token: &str, secrets: &str) -> String {
    let (http, smtp) = (receivers.http, receivers.smtp.port());
    format!(
        r#"
resource "pve_notification_smtp" "s" {{
  name         = "relay"
  server       = "127.0.0.1"
  port         = {smtp}
  mode         = "insecure"
  username     = "pve"
  mailto       = ["ops@example.org"]
  from_address = "pve@example.org"
  {password}
}}

resource "pve_notification_gotify" "g" {{
  name   = "push"
  server = "http://{http}"
  {token}
}}

resource "pve_notification_webhook" "w" {{
  name    = "hook"
  url     = "http://{http}/hook"
  method  = "post"
  headers = {{ X-Auth = "Bearer {{{{ secrets.tok }}}}" }}
  body    = "{{{{ title }}}}"
  {secrets}
}}
"#
    )
}

fn write_only(receivers: &Receivers, password: &str, token: &str, secrets: &str, version: u32) -> String {
    let pair = |name: &str, value: &str| format!("{name}_wo = {value}\n  {name}_wo_version = {version}");
    targets(receivers, &pair("password", password), &pair("token", token), &pair("secrets", secrets))
}

fn in_state(receivers: &Receivers, password: &str, token: &str, secrets: &str) -> String {
    let set = |name: &str, value: &str| format!("{name} = {value}");
    targets(receivers, &set("password", password), &set("token", token), &set("secrets", secrets))
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
    traces.push(("state".to_owned(), std::fs::read_to_string(w.path("terraform.tfstate")).unwrap()));
    traces
}

/// The traces that have the value, in clear or as it is sent.
fn with(traces: &[(String, String)], values: &[&str]) -> Vec<String> {
    let has = |text: &str| values.iter().any(|value| text.contains(value));
    traces.iter().filter(|(_, text)| has(text)).map(|(what, _)| what.clone()).collect()
}

/// What the receivers get when all targets are tested: user and password, token, and header.
fn delivered(cluster: &Cluster, receivers: &Receivers) -> String {
    for target in ["relay", "push", "hook"] {
        cluster.api.post(&format!("/cluster/notifications/targets/{target}/test"), &[]);
    }
    runtime::block_on(receivers.take()).iter().map(|entry| entry.to_string() + "\n").collect()
}

fn receivers() -> Receivers {
    runtime::block_on(Receivers::start()).unwrap()
}

#[test]
fn write_only_secrets_are_delivered_and_are_nowhere_else() {
    for release in [Release::V9, Release::V8] {
        let test = "write_only_secrets_are_delivered_and_are_nowhere_else";
        let Some((cluster, w)) = workspace(test, release) else { return };
        let receivers = receivers();
        let variable =
            |name: &str| format!("variable {name:?} {{\n  type = string\n  sensitive = true\n  ephemeral = true\n}}\n");
        for (version, value) in [(1, "canary-7f3a"), (2, "canary-5b2e")] {
            let targets = write_only(&receivers, "var.a", "var.b", "{ tok = var.c }", version);
            w.configure(&(variable("a") + &variable("b") + &variable("c") + &targets));
            let [a, b, c] = ["a", "b", "c"].map(|which| format!("{value}-{which}"));
            let traces = traces(&w, &[("TF_VAR_a", &a), ("TF_VAR_b", &b), ("TF_VAR_c", &c)]);
            // `Y2FuYXJ5` is how `canary` begins in base64.
            assert_eq!(with(&traces, &["canary", "Y2FuYXJ5"]), [""; 0]);
            let received = delivered(&cluster, &receivers);
            for value in [&b, &format!("Bearer {c}")] {
                assert!(received.contains(value.as_str()), "{value} is not in\n{received}");
            }
            let private = cluster.shared_file(PRIVATE).unwrap();
            assert!(private.contains(&format!("password {a}")), "{private}");
        }
        // Another change keeps them, and so does the same version with other values.
        let before = cluster.shared_file(PRIVATE);
        let targets = write_only(&receivers, "\"other\"", "\"other\"", "{ other = \"other\" }", 2);
        w.configure(&targets.replace("\n  name ", "\n  comment = \"new\"\n  name "));
        w.apply();
        assert_eq!(cluster.shared_file(PRIVATE), before);
        w.destroy();
    }
}

#[test]
fn the_fallback_is_in_the_state_and_hidden_elsewhere() {
    let Some((cluster, w)) = workspace("the_fallback_is_in_the_state_and_hidden_elsewhere", Release::V9) else {
        return;
    };
    let receivers = receivers();
    w.configure(&in_state(&receivers, "\"canary-a\"", "\"canary-b\"", "{ tok = \"canary-c\" }"));
    let traces = traces(&w, &[]);
    // `show -json` and core's own log have what plan and state have; people read the rest.
    let machine = |what: &str| what == "state" || what.contains("\"show\"");
    let ours = traces.iter().map(|(what, text)| {
        let is_ours = |line: &&str| !what.starts_with("log") || line.contains("provider.terraform-provider-pve");
        (what.clone(), text.lines().filter(is_ours).map(|line| format!("{line}\n")).collect())
    });
    let ours: Vec<(String, String)> = ours.collect();
    let found = with(&ours, &["canary", "Y2FuYXJ5"]);
    assert!(found.iter().all(|what| machine(what)) && found.contains(&"state".to_owned()), "{found:?}");
    let received = delivered(&cluster, &receivers);
    assert!(received.contains("canary-b") && received.contains("Bearer canary-c"), "{received}");
    w.destroy();
}

#[test]
fn secrets_move_into_write_only_ones_and_away() {
    let Some((cluster, w)) = workspace("secrets_move_into_write_only_ones_and_away", Release::V9) else { return };
    let receivers = receivers();
    let private = || cluster.shared_file(PRIVATE).unwrap_or_default();
    w.configure(&in_state(&receivers, "\"one\"", "\"one\"", "{ a = \"one\", b = \"one\" }"));
    w.apply();
    // A secret that was removed outside of Terraform comes back: Proxmox returns the names.
    cluster.api.put("/cluster/notifications/endpoints/webhook/hook", &[("secret", "name=a")]);
    assert_eq!(w.plan().changes(), ["pve_notification_webhook.w update"]);
    w.apply_plan();
    assert!(private().contains("secret name=a,value=b25l\n\tsecret name=b,value=b25l"), "{}", private());
    w.configure(&write_only(&receivers, "\"two\"", "\"two\"", "{ c = \"two\" }", 1));
    w.apply();
    let now = private();
    for line in ["password two\n", "token two\n", "secret name=c,value=dHdv\n"] {
        assert!(now.contains(line), "{line}: {now}");
    }
    assert!(
        !now.contains("name=a") && !std::fs::read_to_string(w.path("terraform.tfstate")).unwrap().contains("\"one\"")
    );
    w.plan_is_empty();
    w.configure(&in_state(&receivers, "\"three\"", "\"three\"", "{ d = \"three\" }"));
    w.apply();
    let now = private();
    for line in ["password three\n", "token three\n", "secret name=d,value=dGhyZWU=\n"] {
        assert!(now.contains(line), "{line}: {now}");
    }
    w.plan_is_empty();
    // Without any: they go, except for a token, which Proxmox can't remove.
    for before in ["in_state", "write_only"] {
        if before == "write_only" {
            w.configure(&write_only(&receivers, "\"four\"", "\"four\"", "{ e = \"four\" }", 1));
            w.apply();
        }
        w.configure(&targets(&receivers, "", "", ""));
        w.apply();
        let now = private();
        assert!(now.contains("token ") && !now.contains("password") && !now.contains("secret"), "{before}: {now}");
        w.plan_is_empty();
    }
    // After an import they are unset, and the targets keep what they have.
    cluster.api.put("/cluster/notifications/endpoints/webhook/hook", &[("secret", "name=x,value=eA==")]);
    for (address, id) in [("smtp.s", "relay"), ("gotify.g", "push"), ("webhook.w", "hook")] {
        let address = format!("pve_notification_{address}");
        w.expect(0, &["state", "rm", &address]);
        w.expect(0, &["import", "-no-color", &address, id]);
    }
    let state: Json = w.attributes("pve_notification_webhook.w");
    assert_eq!((&state["secrets"], &state["secrets_wo_version"]), (&json!(null), &json!(null)));
    w.plan_is_empty();
    w.configure(&targets(&receivers, "comment = \"x\"", "comment = \"x\"", "comment = \"x\""));
    w.apply();
    assert!(private().contains("token ") && private().contains("name=x,value=eA=="), "{}", private());
    w.destroy();
}

#[test]
fn a_new_target_needs_its_secret() {
    let Some((_, w)) = workspace("a_new_target_needs_its_secret", Release::V9) else { return };
    let receivers = receivers();
    w.configure(&targets(&receivers, "", "", ""));
    let run = w.plan_fails();
    let mut errors: Vec<&str> = run.errors().iter().map(|error| error.summary.as_str()).collect();
    errors.sort_unstable();
    assert_eq!(errors, ["A user name without a password", "Missing token"]);
}
