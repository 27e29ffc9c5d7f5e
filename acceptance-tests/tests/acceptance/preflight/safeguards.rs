//! Backups of HA guests, and events that reach no notification target.

use std::sync::Arc;

use acceptance_tests::core::Core;
use acceptance_tests::{Cluster, Workspace, runtime};
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};

use super::{Bench, JOB, NODE_RULE, RESOURCE, node_rule, with};

const BACKUP: &str = "pve_backup_job";
const MATCHER: &str = "pve_notification_matcher";
const SENDMAIL: &str = "pve_notification_sendmail";

const MISSES: &str = "backup-misses-ha-guest";
const FENCING: &str = "fencing-unheard";
const REPLICATION: &str = "replication-unheard";

const ALL_CHECKS: &[(&str, Json)] = &[("ignore_preflight", Json::Array(Vec::new()))];

fn bench(test: &str) -> Option<Bench> {
    Bench::on(&format!("preflight::safeguards::{test}"), Options::default(), ALL_CHECKS)
}

/// The next run of the CLI: nothing is planned yet.
fn anew(bench: Bench) -> Bench {
    let core = runtime::block_on(Core::with(&bench.cluster, ALL_CHECKS));
    Bench { core, ..bench }
}

fn job(more: Json) -> Json {
    with(json!({"name": "nightly", "schedule": "21:00", "storage": "shared-nfs"}), more)
}

fn matcher(name: &str, more: Json) -> Json {
    with(json!({"name": name, "targets": ["mail-to-root"]}), more)
}

/// Changes the built-in matcher outside of Terraform.
fn default_matcher(bench: &Bench, parameters: &[(&str, &str)]) {
    bench.cluster.api.put("/cluster/notifications/matchers/default-matcher", parameters);
}

#[test]
fn an_ha_guest_is_in_an_enabled_job() {
    let Some(bench) = bench("an_ha_guest_is_in_an_enabled_job") else { return };
    bench.manage("vm:101");
    let web = json!({"sid": "vm:100"});
    bench.create(RESOURCE, web.clone()).warns(MISSES, "", &["vm:100 and vm:101 are in no enabled backup job"]);
    // Each is named once.
    bench.create(RESOURCE, json!({"sid": "vm:102"})).warns(MISSES, "", &["vm:102 is in no enabled backup job"]);
    let bench = anew(bench);
    bench.create(RESOURCE, json!({"sid": "vm:100", "state": "ignored"})).warns(MISSES, "", &["vm:101 is in"]);

    let bench = anew(bench);
    bench.create(BACKUP, job(json!({"guests": [100, 101]}))).not(MISSES);
    bench.create(RESOURCE, web.clone()).not(MISSES);
    bench.create(RESOURCE, json!({"sid": "vm:102"})).warns(MISSES, "", &["vm:102 is in"]);
    let bench = anew(bench);
    bench.create(BACKUP, job(json!({"all": true, "enabled": false}))).warns(MISSES, "", &["vm:101 is in"]);
    // What is unknown is not guessed.
    let bench = anew(bench);
    bench.create_partly(BACKUP, job(json!({})), &["guests"]).not(MISSES);
    bench.create(RESOURCE, web.clone()).not(MISSES);

    // Live jobs count, and the plan that removes one warns.
    bench.cluster.api.post("/cluster/backup", &[("id", "nightly"), ("schedule", "21:00"), ("all", "1")]);
    let bench = anew(bench);
    bench.create(RESOURCE, web.clone()).not(MISSES);
    bench.change(BACKUP, job(json!({"all": true})), job(json!({"all": true, "exclude": [101]}))).warns(
        MISSES,
        "",
        &["vm:101 is in"],
    );
    let bench = anew(bench);
    bench.destroy(BACKUP, job(json!({"all": true}))).warns(MISSES, "", &["vm:101 is in"]);
}

#[test]
fn the_pool_of_a_guest_counts() {
    let Some(bench) = bench("the_pool_of_a_guest_counts") else { return };
    bench.cluster.api.post("/pools", &[("poolid", "web")]);
    bench.cluster.api.put("/pools/web", &[("vms", "100")]);
    bench.create(BACKUP, job(json!({"pool": "web"})));
    bench.create(RESOURCE, json!({"sid": "vm:100"})).not(MISSES);
    bench.create(RESOURCE, json!({"sid": "vm:101"})).warns(MISSES, "", &["vm:101 is in"]);
}

#[test]
fn a_mail_setting_without_effect() {
    let name = "backup-mail-ignored";
    let Some(bench) = bench("a_mail_setting_without_effect") else { return };
    let plan = |more: Json| bench.create(BACKUP, with(job(json!({"all": true, "mailnotification": "failure"})), more));
    plan(json!({})).warns(name, "mailnotification", &["nightly", "without `mailto`"]);
    plan(json!({"mailto": ["a@example.com"]})).not(name);
    let system = json!({"mailto": ["a@example.com"], "notification_mode": "notification-system"});
    plan(system).warns(name, "mailnotification", &["with `notification_mode"]);
    bench.create(BACKUP, job(json!({"all": true}))).not(name);
    bench.create_partly(BACKUP, job(json!({"all": true, "mailnotification": "failure"})), &["mailto"]).not(name);
}

#[test]
fn a_job_of_one_node_loses_what_fails_over() {
    let name = "backup-node-pinned";
    let Some(bench) = bench("a_job_of_one_node_loses_what_fails_over") else { return };
    let pinned = job(json!({"guests": [100, 101], "node": "pve1"}));
    // No guest of it is an HA resource yet.
    bench.create(BACKUP, pinned.clone()).not(name);
    bench.create(RESOURCE, json!({"sid": "vm:100"})).warns(name, "sid", &["vm:100", "After a failover"]);
    bench.manage("vm:100");
    let bench = anew(bench);
    bench.create(BACKUP, pinned.clone()).warns(name, "node", &["runs on pve1 only", "vm:100"]);
    // Another job covers it on the other nodes.
    let bench = anew(bench);
    bench.create(BACKUP, with(job(json!({"all": true})), json!({"name": "all-of-it"})));
    bench.create(BACKUP, pinned.clone()).not(name);
    let bench = anew(bench);
    bench.create(BACKUP, with(pinned, json!({"enabled": false}))).not(name);
}

#[test]
fn a_storage_that_dies_with_the_node() {
    let name = "backup-storage-local";
    let Some(bench) = bench("a_storage_that_dies_with_the_node") else { return };
    let plan = |storage: Json| bench.create(BACKUP, job(json!({"all": true, "storage": storage})));
    plan(json!("local")).warns(name, "storage", &["the storage local is not shared"]);
    plan(Json::Null).warns(name, "storage", &["the storage `local`, the default, is not shared"]);
    plan(json!("shared-nfs")).not(name);
    plan(json!("nosuch")).not(name);
    {
        let mut world = bench.cluster.emulator().cluster().world();
        let file =
            world.file("/etc/pve/storage.cfg").replace("nfs: shared-nfs\n", "nfs: shared-nfs\n\tnodes pve1,pve2\n");
        world.write_file("/etc/pve/storage.cfg", file);
    }
    let bench = anew(bench);
    bench.create(BACKUP, job(json!({"all": true}))).warns(name, "storage", &["shared-nfs does not exist on pve3"]);
    bench.create(BACKUP, job(json!({"all": true, "node": "pve1"}))).not(name);
}

#[test]
fn fencing_reaches_a_target_at_every_hour() {
    let Some(bench) = bench("fencing_reaches_a_target_at_every_hour") else { return };
    let web = json!({"sid": "vm:900"});
    bench.create(RESOURCE, web.clone()).not(FENCING);
    // A matcher of our own takes nothing away; the built-in one that changes does.
    bench.create(MATCHER, matcher("own", json!({"fields": {"type": ["vzdump"]}}))).not(FENCING);
    let (before, office) = (matcher("default-matcher", json!({})), json!({"calendar": ["mon..fri 8-17"]}));
    let told = bench.change(MATCHER, before.clone(), matcher("default-matcher", office));
    told.warns(FENCING, "", &["`fencing` of pve1 at mon 00:00"]);
    let bench = anew(bench);
    let gone = json!({"name": "mail-to-root", "mailto": ["a@example.com"]});
    bench.change(SENDMAIL, gone.clone(), with(gone.clone(), json!({"disabled": true}))).warns(FENCING, "", &["pve1"]);
    let bench = anew(bench);
    bench.create_partly(MATCHER, matcher("own", json!({})), &["targets"]).not(FENCING);
    bench.change(MATCHER, before.clone(), matcher("default-matcher", json!({"disabled": true}))).not(FENCING);

    default_matcher(&bench, &[("disable", "1")]);
    let bench = anew(bench);
    bench.create(RESOURCE, web.clone()).warns(
        FENCING,
        "",
        &["`fencing` of pve1 reaches no", "pve_notification_matcher"],
    );
    // Once per plan.
    bench.create(RESOURCE, json!({"sid": "vm:901"})).not(FENCING);
    let bench = anew(bench);
    bench.create(SENDMAIL, json!({"name": "mails", "mailto": ["a@example.com"]})).not(FENCING);
    bench.create(MATCHER, json!({"name": "own", "targets": ["mails"]})).not(FENCING);
    bench.create(RESOURCE, web).not(FENCING);
    // Its destroy resets a built-in one to its default, which sends everything.
    let bench = anew(bench);
    bench.destroy(MATCHER, matcher("default-matcher", json!({"disabled": true}))).not(FENCING);
}

#[test]
fn failed_replication_reaches_a_target() {
    let Some(bench) = bench("failed_replication_reaches_a_target") else { return };
    let copies = json!({"guest": 900, "target": "pve2", "job_number": 0});
    bench.create(JOB, copies.clone()).not(REPLICATION);
    default_matcher(&bench, &[("match-field", "exact:type=fencing")]);
    let bench = anew(bench);
    bench.create(JOB, copies.clone()).warns(REPLICATION, "", &["`replication` of pve1 reaches no"]);
    let bench = anew(bench);
    bench.create(RESOURCE, json!({"sid": "vm:900"})).not(FENCING).not(REPLICATION);
    bench.create(MATCHER, matcher("own", json!({"fields": {"type": ["replication"]}})));
    bench.create(JOB, copies).not(REPLICATION);
    // Without a job there is nothing to be told of.
    let bench = anew(bench);
    bench.create(MATCHER, matcher("own", json!({"fields": {"type": ["vzdump"]}}))).not(REPLICATION);
}

#[test]
fn what_has_nothing_to_do_with_them_reads_none_of_their_lists() {
    let name = "what_has_nothing_to_do_with_them_reads_none_of_their_lists";
    let Some(bench) = bench(name) else { return };
    bench.manage("vm:100");
    let bench = anew(bench);
    bench.cluster.emulator().counters().reset();
    bench.create(NODE_RULE, node_rule("web", &["vm:100"], json!({"pve1": 1, "pve2": 1})));
    let report = bench.cluster.emulator().counters().report();
    let asked: Vec<&String> = report["requests"].as_object().unwrap().keys().collect();
    let is_theirs = |call: &&&String| call.contains("/cluster/backup") || call.contains("/cluster/notifications");
    assert_eq!(asked.iter().filter(is_theirs).count(), 0, "{asked:?}");
}

/// Otherwise an apply, which plans its objects once more, would begin to write only when all of them have waited in vain.
#[test]
fn the_first_of_those_that_wait_goes_on_and_its_warnings_are_not_lost() {
    let Some(bench) = bench("the_first_of_those_that_wait_goes_on_and_its_warnings_are_not_lost") else { return };
    bench.cluster.api.put("/cluster/notifications/matchers/default-matcher", &[("disable", "1")]);
    let bench = anew(bench);
    let replication = (JOB, json!({"guest": 103, "target": "pve3"}));
    let said = bench.create_both(replication, (RESOURCE, json!({"sid": "vm:100"})));
    for check in [FENCING, REPLICATION, MISSES] {
        assert_eq!(said.iter().filter(|said| said.of(check).is_some()).count(), 1, "{check}");
    }
    assert!(said.iter().any(|said| [FENCING, REPLICATION, MISSES].iter().all(|check| said.of(check).is_none())));
}

const ALL_OF_IT: &str = r#"
provider "pve" {
  ignore_preflight = []
}
resource "pve_ha_resource" "web" {
  for_each = toset(["vm:900", "vm:901", "ct:950"])
  sid      = each.key
}
"#;

/// Core comes to it after the alerts, and so after the HA resources.
const JOB_OF_ALL: &str = r#"
resource "pve_backup_job" "nightly" {
  name       = "nightly"
  schedule   = "21:00"
  all        = true
  storage    = "shared-nfs"
  depends_on = [pve_notification_matcher.alerts]
}
"#;

const ALERTS: &str = r#"
resource "pve_notification_sendmail" "oncall" {
  name   = "oncall"
  mailto = ["oncall@example.com"]
}
resource "pve_notification_matcher" "alerts" {
  name    = "alerts"
  targets = [pve_notification_sendmail.oncall.name]
  fields  = { type = ["fencing", "replication"] }
}
"#;

/// The head lines of the warnings of a plan.
fn warnings(w: &Workspace) -> Vec<String> {
    let run = w.expect(0, &["plan", "-json"]);
    let mut all: Vec<String> = run.warnings().iter().map(|warning| warning.summary.clone()).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn one_plan_may_add_the_guests_their_backup_and_the_alerts_in_any_order() {
    let test = "preflight::safeguards::one_plan_may_add_the_guests_their_backup_and_the_alerts_in_any_order";
    for release in [Release::V9, Release::V8] {
        let options = Options { release, ..Options::default() };
        let Some(cluster) = Cluster::own(test, options).map(Arc::new) else { return };
        cluster.api.put("/cluster/notifications/matchers/default-matcher", &[("disable", "1")]);
        let w = Workspace::new(&cluster);
        w.configure(ALL_OF_IT);
        let [fencing, backup] = ["Fencing reaches no notification target", "HA guests without a backup job"];
        assert_eq!(warnings(&w), [fencing, backup]);
        w.configure(&(ALL_OF_IT.to_owned() + JOB_OF_ALL + ALERTS));
        assert_eq!(warnings(&w), [""; 0]);
        w.apply();
        w.plan_is_empty();
        // Both go, and the HA resources stay.
        w.configure(ALL_OF_IT);
        assert_eq!(warnings(&w), [fencing, backup]);
        let silent = format!("ignore_preflight = [{MISSES:?}, {FENCING:?}]");
        w.configure(&ALL_OF_IT.replace("ignore_preflight = []", &silent));
        assert_eq!(warnings(&w), [""; 0]);
        w.destroy();
    }
}
