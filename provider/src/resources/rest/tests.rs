//! The writes of REST objects over the client's fake server: what is sent, and what its answers become.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pve_schemas::{HaGroup, HaNodeAffinityRule, HaResource};
use serde_json::json;

use super::*;
use crate::client::tests::fake::Fake;
use crate::client::tests::server::{Reply, Seen, die, ok};
use crate::framework::{Cause, Stop};
use crate::session::{Configured, SshAccess};

const NINE: &str = r#"{"version":"9.1.2","release":"9.1","repoid":"x"}"#;

/// A resource type of `N`, configured for a server.
struct Setup<N> {
    server: Fake,
    session: Arc<Session>,
    resource: RestResource<N>,
    cx: Context,
}

impl<N: Operations> Setup<N> {
    /// A cluster of PVE 9.1 without HA groups that answers everything else with `answer`.
    fn new(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let server = Fake::start(move |seen| match seen.path.as_str() {
            "/version" => ok(NINE),
            "/cluster/ha/groups" if seen.method == "GET" => {
                die("cannot index groups: ha groups have been migrated to rules")
            }
            _ => answer(seen),
        });
        let session = Arc::new(Session::default());
        session.ready_with(Configured::new(server.client(), SshAccess::Absent, false, BTreeSet::new()));
        let cx = Context::new(Instant::now() + Duration::from_secs(60), Stop::new());
        Self { resource: RestResource::new(session.clone()), server, session, cx }
    }

    fn value(&self, object: serde_json::Value) -> Value {
        let block = &self.resource.schema().block;
        let names = block.attributes.iter().map(|a| &a.name).chain(block.blocks.iter().map(|b| &b.name));
        let all = names.map(|name| (name.clone(), object[name.as_str()].clone())).collect::<serde_json::Map<_, _>>();
        Value::from_json(&all.into(), self.resource.noun.ty()).unwrap()
    }

    async fn create(&self, planned: serde_json::Value) -> Result<(), Failure> {
        self.resource.permit(&self.cx).await?.create(&self.value(planned)).await
    }

    async fn update(
        &self,
        from: serde_json::Value,
        revision: Option<&str>,
        to: serde_json::Value,
    ) -> Result<(), Failure> {
        let from = Found { object: self.value(from), revision: revision.map(str::to_owned) };
        self.resource.permit(&self.cx).await?.update(&from, &self.value(to)).await
    }

    async fn delete(&self, state: serde_json::Value) -> Result<(), Failure> {
        self.resource.permit(&self.cx).await?.delete(&self.value(state)).await
    }

    /// The summaries of all diagnostics of a plan that makes `planned` of `prior`.
    async fn planned(&self, prior: Option<serde_json::Value>, planned: serde_json::Value) -> Vec<String> {
        let (prior, planned) = (prior.map(|prior| self.value(prior)), self.value(planned));
        let (mut all, checks) = self.resource.planned(prior.as_ref(), Some(&planned));
        let change = Change { prior: prior.as_ref(), config: &planned, planned: &planned, replaces: None };
        all.extend(checks.change(&self.cx, change).await);
        all.iter().map(|diagnostic| diagnostic.summary.clone()).collect()
    }

    /// The writes, as `METHOD PATH` and their parameters.
    fn writes(&self) -> Vec<(String, serde_json::Value)> {
        let seen = self.server.seen().into_iter().filter(|seen| seen.method != "GET");
        seen.map(|seen| (seen.line(), json!(seen.form))).collect()
    }
}

fn invalid(errors: serde_json::Value) -> Reply {
    let body = json!({"data": null, "message": "Parameter verification failed.\n", "errors": errors});
    Reply::Answer(400, "Parameter verification failed.".into(), body.to_string())
}

const PATH: &str = "/cluster/ha/resources/vm:100";

#[tokio::test(start_paused = true)]
async fn a_create_sends_the_key_and_what_is_set() {
    let setup = Setup::<HaResource>::new(|_| ok("null"));
    setup.create(json!({"sid": "vm:100", "state": "stopped", "comment": "x"})).await.unwrap();
    let sent = json!({"sid": "vm:100", "state": "stopped", "max_restart": "1", "max_relocate": "1", "comment": "x"});
    assert_eq!(setup.writes(), [("POST /cluster/ha/resources".to_owned(), sent)]);
}

/// The digest is what keeps an update from overwriting what another client wrote since the look.
#[tokio::test(start_paused = true)]
async fn an_update_sends_what_changes_and_the_digest_of_what_it_has_seen() {
    let setup = Setup::<HaResource>::new(|_| ok("null"));
    let from = json!({"sid": "vm:100", "state": "started", "max_restart": 1, "max_relocate": 1, "comment": "x"});
    let to = json!({"sid": "vm:100", "state": "started", "max_restart": 3, "max_relocate": 1});
    setup.update(from.clone(), Some("0123abcd"), to).await.unwrap();
    let sent = json!({"max_restart": "3", "delete": "comment", "digest": "0123abcd"});
    assert_eq!(setup.writes(), [(format!("PUT {PATH}"), sent)]);
    setup.update(from.clone(), Some("0123abcd"), from).await.unwrap();
    assert_eq!(setup.writes().len(), 1, "nothing changes, nothing is sent");
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_written_with_its_type() {
    let setup = Setup::<HaNodeAffinityRule>::new(|_| ok("null"));
    let rule = |comment| json!({"name": "web", "resources": ["vm:100"], "nodes": {"pve1": 1}, "comment": comment});
    setup.update(rule("a"), None, rule("b")).await.unwrap();
    let sent = json!({"type": "node-affinity", "comment": "b"});
    assert_eq!(setup.writes(), [("PUT /cluster/ha/rules/web".to_owned(), sent)]);
}

#[tokio::test(start_paused = true)]
async fn an_outdated_digest_is_told_from_every_other_refusal() {
    let setup = Setup::<HaResource>::new(|_| {
        die("update resources config failed: detected modified configuration - file changed by other user? Try again.")
    });
    let from = json!({"sid": "vm:100"});
    let failure = setup.update(from, Some("0"), json!({"sid": "vm:100", "comment": "x"})).await.unwrap_err();
    assert_eq!(failure.cause, Cause::Stale);
}

/// One parameter that Proxmox complains of is an error on its attribute, whatever the attribute is called here.
#[tokio::test(start_paused = true)]
async fn what_proxmox_refuses_of_one_parameter_is_told_on_its_attribute() {
    let rule = || json!({"name": "web", "resources": ["vm:100"], "nodes": {"pve1": 1}, "disabled": true});
    for (parameters, attribute) in [
        (json!({"nodes": "bad"}), Some("nodes")),
        (json!({"rule": "bad"}), Some("name")),
        (json!({"disable": "bad"}), Some("disabled")),
        (json!({"digest": "bad"}), None),
        (json!({"nodes": "bad", "resources": "bad"}), None),
    ] {
        let answer = parameters.clone();
        let setup = Setup::<HaNodeAffinityRule>::new(move |_| invalid(answer.clone()));
        let failure = setup.create(rule()).await.unwrap_err();
        assert_eq!(failure.path, attribute.map(Path::attribute), "{parameters}");
    }
    let setup = Setup::<HaResource>::new(|_| invalid(json!({"sid": "bad"})));
    let failure = setup.create(json!({"sid": "vm:100"})).await.unwrap_err();
    assert_eq!(failure.path, Some(Path::attribute("sid")));
    // A group's key is called `group` there and `name` here; an HA resource has an attribute of that name.
    let setup = Setup::<HaGroup>::new(|_| invalid(json!({"group": "bad"})));
    let failure = setup.create(json!({"name": "web", "nodes": {"pve1": 1}})).await.unwrap_err();
    assert_eq!(failure.path, Some(Path::attribute("name")));
}

/// A purge whose answer was lost may have edited rules: what it did to them is no edit of others.
#[tokio::test(start_paused = true)]
async fn a_purge_is_remembered_unless_it_certainly_did_not_happen() {
    for (reply, purged) in [
        (ok as fn(&str) -> Reply, true),
        (|_| Reply::Close, true),
        (|_| die("delete resource failed: no such resource 'vm:100'"), false),
        (|_| Reply::Answer(403, "Permission check failed (/, Sys.Console)".into(), String::new()), false),
    ] {
        let setup = Setup::<HaResource>::new(move |_| reply("null"));
        let sent = setup.delete(json!({"sid": "vm:100", "purge_rules": true})).await;
        assert_eq!(setup.session.ready().unwrap().has_purged("vm:100"), purged, "{sent:?}");
        assert_eq!(setup.writes(), [(format!("DELETE {PATH}"), json!({"purge": "1"}))]);
    }
    let setup = Setup::<HaResource>::new(|_| ok("null"));
    setup.delete(json!({"sid": "vm:100"})).await.unwrap();
    assert!(!setup.session.ready().unwrap().has_purged("vm:100"));
    assert_eq!(setup.writes(), [(format!("DELETE {PATH}"), json!({"purge": "0"}))]);
}

/// A rule that is refused because of another rule of the same apply is sent again after that one was changed.
#[tokio::test(start_paused = true)]
async fn a_rule_that_another_one_stands_against_waits_for_other_writes_without_the_turn() {
    let changed = AtomicBool::new(false);
    let setup = Arc::new(Setup::<HaNodeAffinityRule>::new(move |seen| match seen.path.as_str() {
        "/cluster/ha/rules/other" => {
            changed.store(true, Ordering::SeqCst);
            ok("null")
        }
        _ if changed.load(Ordering::SeqCst) => ok("null"),
        _ => die("create HA rule failed: 400 Rule 'web' is invalid.\nresources: x"),
    }));
    let rule = |name, comment| json!({"name": name, "resources": ["vm:100"], "nodes": {"pve1": 1}, "comment": comment});
    let other = tokio::spawn({
        let setup = setup.clone();
        async move {
            // Not before the first attempt.
            while setup.writes().is_empty() {
                tokio::task::yield_now().await;
            }
            setup.update(rule("other", "a"), None, rule("other", "b")).await
        }
    });
    setup.create(rule("web", "x")).await.unwrap();
    other.await.unwrap().unwrap();
    let lines: Vec<String> = setup.writes().into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, ["POST /cluster/ha/rules", "PUT /cluster/ha/rules/other", "POST /cluster/ha/rules"]);
    // Without anybody to wait for it is refused at once, and another attempt gets its turn again.
    let setup =
        Setup::<HaNodeAffinityRule>::new(|_| die("create HA rule failed: 400 Rule 'web' is invalid.\nresources: x"));
    let planned = setup.value(rule("web", "x"));
    let mut permit = setup.resource.permit(&setup.cx).await.unwrap();
    for _ in 0..2 {
        assert_eq!(permit.create(&planned).await.unwrap_err().cause, Cause::Refused);
    }
    assert_eq!(setup.writes().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_cluster_does_not_have_any_more_is_not_deleted_by_a_request() {
    let setup = Setup::<HaGroup>::new(|_| ok("[]"));
    setup.delete(json!({"name": "web", "nodes": {"pve1": 1}})).await.unwrap();
    assert_eq!(setup.writes(), []);
}

#[tokio::test(start_paused = true)]
async fn a_look_takes_the_digest_along_and_another_nouns_entry_for_none() {
    let setup = Setup::<HaNodeAffinityRule>::new(|seen| {
        let kind = if seen.path.ends_with("/other") { "resource-affinity" } else { "node-affinity" };
        let rule = json!({"rule": "web", "type": kind, "resources": "vm:100", "nodes": "pve1:1", "digest": "0123"});
        if seen.path.ends_with("rules") {
            ok(&json!([{"rule": "other", "type": "resource-affinity"}]).to_string())
        } else {
            ok(&rule.to_string())
        }
    });
    let named = |name: &str| setup.value(json!({"name": name}));
    let found = setup.resource.read(&setup.cx, &named("web"), Freshness::Fresh).await.unwrap().unwrap();
    assert_eq!(found.revision.as_deref(), Some("0123"));
    assert!(setup.resource.read(&setup.cx, &named("other"), Freshness::Fresh).await.unwrap().is_none());
    let refused = setup.resource.read_import(&setup.cx, &named("other")).await.unwrap_err();
    assert!(refused.detail.contains("Import it as pve_ha_resource_affinity_rule"), "{}", refused.detail);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_not_understood_is_left_out_of_a_list_with_a_warning() {
    let setup = Setup::<HaResource>::new(|_| ok(r#"[{"sid":"vm:100"},{"sid":"vm:101","state":"haywire"}]"#));
    let listed = setup.resource.list(&setup.cx).await.unwrap();
    assert_eq!(listed.iter().map(|object| object.at("sid").clone()).collect::<Vec<_>>(), [Value::from("vm:100")]);
    let warnings = format!("{:?}", setup.cx.into_warnings());
    assert!(warnings.contains("Left out: HA resource vm:101"), "{warnings}");
}

/// A configuration could not say it, so that an import would plan its removal.
#[tokio::test(start_paused = true)]
async fn an_entry_with_an_unknown_property_is_left_out_of_a_list_with_a_warning() {
    let setup = Setup::<HaResource>::new(|_| ok(r#"[{"sid":"vm:100"},{"sid":"vm:101","zone":"north"}]"#));
    let listed = setup.resource.list(&setup.cx).await.unwrap();
    assert_eq!(listed.iter().map(|object| setup.resource.id(object)).collect::<Vec<_>>(), [Some("vm:100".to_owned())]);
    let warnings = format!("{:?}", setup.cx.into_warnings());
    assert!(warnings.contains("Left out: HA resource vm:101") && warnings.contains("zone"), "{warnings}");
}

/// What a noun has nothing to say of is not made up.
#[tokio::test(start_paused = true)]
async fn an_ha_resource_is_exported_without_remarks_and_lost_without_a_loss() {
    let setup = Setup::<HaResource>::new(|_| ok("null"));
    let object = setup.value(json!({"sid": "vm:100"}));
    assert_eq!((setup.resource.remarks(&object), setup.resource.loss(&object)), (Vec::new(), None));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_for_a_successor_whose_id_another_object_has() {
    let setup = Setup::<HaResource>::new(|seen| match seen.path.as_str() {
        "/cluster/ha/resources" => ok(r#"[{"sid":"vm:100","state":"started"},{"sid":"vm:101","state":"started"}]"#),
        _ => ok("null"),
    });
    let (state, taken, free) = (json!({"sid": "vm:100"}), json!({"sid": "vm:101"}), json!({"sid": "vm:102"}));
    let state = setup.value(state);
    let taken = setup.value(taken);
    let refused = setup.resource.look_ahead(&setup.cx, &state, &taken).await.unwrap_err();
    assert!(refused.detail.contains("vm:101 exists already"), "{}", refused.detail);
    setup.resource.look_ahead(&setup.cx, &state, &setup.value(free)).await.unwrap();
    setup.resource.look_ahead(&setup.cx, &state, &state).await.unwrap();
    assert!(setup.writes().is_empty());
}

/// An error on one attribute hides no finding on another one.
#[tokio::test(start_paused = true)]
async fn a_plan_has_all_findings_of_an_object_at_once() {
    let setup = Setup::<HaResource>::new(|_| ok("[]"));
    let found = setup.planned(None, json!({"sid": "vm:100", "group": "web", "max_relocate": 0})).await;
    let has = |text: &str| found.iter().any(|summary| summary.contains(text));
    assert!(has("This cluster has no HA groups any more"), "{found:?}");
    assert!(has("Relocation is disabled"), "{found:?}");
}

/// What is wrong with the nodes of a group is beside the point on a cluster that has no groups.
#[tokio::test(start_paused = true)]
async fn an_object_that_the_cluster_cannot_have_gets_one_error() {
    let setup = Setup::<HaGroup>::new(|_| ok("[]"));
    let group = json!({"name": "web", "nodes": {"pve1": 1}, "restricted": true, "nofailback": false});
    assert_eq!(setup.planned(None, group).await, ["This cluster has no HA groups any more"]);
}
