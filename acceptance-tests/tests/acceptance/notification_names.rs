//! Names of targets and matchers: shared, taken, referred to.

use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release, Version};
use serde_json::json;

const SMTP: &str = "/cluster/notifications/endpoints/smtp";
const MATCHERS: &str = "/cluster/notifications/matchers";

fn workspace(test: &str) -> Option<(Arc<Cluster>, Workspace)> {
    let cluster = Cluster::own(&format!("notification_names::{test}"), Options::default()).map(Arc::new)?;
    let w = Workspace::new(&cluster);
    Some((cluster, w))
}

fn mail(label: &str, name: &str) -> String {
    format!("resource \"pve_notification_sendmail\" \"{label}\" {{\n  name = {name:?}\n  mailto = [\"a@b.c\"]\n}}\n")
}

fn matcher(targets: &str) -> String {
    format!("resource \"pve_notification_matcher\" \"m\" {{\n  name = \"alerts\"\n  targets = [{targets}]\n}}\n")
}

#[test]
fn a_name_that_another_type_has_is_refused_at_plan() {
    let Some((cluster, w)) = workspace("a_name_that_another_type_has_is_refused_at_plan") else { return };
    let relay = [("name", "ops"), ("server", "mx"), ("from-address", "a@b.c"), ("mailto", "a@b.c")];
    cluster.api.post(SMTP, &relay);
    cluster.api.post(MATCHERS, &[("name", "quiet")]);
    w.configure(&(mail("a", "ops") + &mail("b", "quiet")));
    let run = w.plan_fails();
    let errors: Vec<String> = run.errors().iter().map(|error| error.flat()).collect();
    for (name, holder) in [("ops", "SMTP target"), ("quiet", "notification matcher")] {
        assert!(
            errors.iter().any(|e| e.contains(&format!("{name}: the {holder} {name} of the cluster has"))),
            "{errors:?}"
        );
    }
    // Two of one configuration.
    w.configure(&(mail("a", "twice") + &matcher("").replace("alerts", "twice").replace("  targets = []\n", "")));
    assert!(w.plan_fails().text.contains("another resource of this configuration also creates it"));
    // What has taken the name meanwhile. Once an apply has begun to write, its plans have no checks.
    let late = mail("a", "late").replace("}\n", "  depends_on = [pve_notification_sendmail.z]\n}\n");
    w.configure(&(late + &mail("z", "first")));
    w.plan();
    cluster.api.post(SMTP, &[("name", "late"), relay[1], relay[2], relay[3]]);
    let run = w.expect(1, &["apply", "-json", "plan"]);
    let error = run.only_error();
    assert!(error.flat().contains("late: the SMTP target late has that name"), "{}", error.flat());
    assert_eq!(w.state().len(), 1);
}

#[test]
fn a_target_in_use_names_its_matchers() {
    let Some((cluster, w)) = workspace("a_target_in_use_names_its_matchers") else { return };
    w.configure(&mail("a", "ops"));
    w.apply();
    cluster.api.post(MATCHERS, &[("name", "foreign"), ("target", "ops")]);
    let run = w.expect(1, &["destroy", "-json", "-auto-approve"]);
    let error = run.only_error().flat();
    for part in [
        "ops: it is a target of the matcher foreign. Nothing was changed.",
        "Datacenter > Notifications",
        "referenced by: foreign",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    cluster.api.delete(&format!("{MATCHERS}/foreign"), &[]);
    w.destroy();
}

#[test]
fn a_target_is_renamed_under_its_matchers_with_create_before_destroy() {
    let Some((cluster, w)) = workspace("a_target_is_renamed_under_its_matchers_with_create_before_destroy") else {
        return;
    };
    let first =
        |name: &str| mail("a", name).replace("}\n", "  lifecycle {\n    create_before_destroy = true\n  }\n}\n");
    let refer = matcher("pve_notification_sendmail.a.name");
    w.configure(&(first("old-name") + &refer));
    w.apply();
    w.configure(&(first("new-name") + &refer));
    w.apply();
    assert_eq!(cluster.api.read(&format!("{MATCHERS}/alerts"))["target"], json!(["new-name"]));
    w.plan_is_empty();
    // Without it the error says so.
    w.configure(&(mail("a", "third") + &refer));
    let run = w.apply_fails();
    let error = run.only_error().flat();
    assert!(error.contains("create_before_destroy") && error.contains("the matcher alerts"), "{error}");
    w.destroy();
}

#[test]
fn a_target_that_does_not_exist_is_an_error_on_targets() {
    let Some((_, w)) = workspace("a_target_that_does_not_exist_is_an_error_on_targets") else { return };
    w.configure(&matcher("\"nowhere\""));
    let run = w.apply_fails();
    let error = run.only_error();
    assert!(error.flat().contains("names a notification target that does not exist"), "{}", error.flat());
    assert!(error.line.contains("targets"), "{}", error.line);
}

#[test]
fn what_a_version_does_not_have_is_refused_at_plan() {
    let test = "notification_names::what_a_version_does_not_have_is_refused_at_plan";
    let hook = "resource \"pve_notification_webhook\" \"w\" {\n  name = \"hook\"\n  url = \"http://x\"\n  method = \"get\"\n}\n";
    let mail = mail("a", "ops");
    for (version, config, needs) in [
        (Version::new(8, 2, 4), hook, "pve_notification_webhook needs PVE 8.3"),
        (Version::new(8, 0, 9), mail.as_str(), "pve_notification_sendmail needs PVE 8.1"),
    ] {
        let options = Options { release: Release::At(version), ..Options::default() };
        let Some(cluster) = Cluster::own(test, options).map(Arc::new) else { return };
        let w = Workspace::new(&cluster);
        w.configure(config);
        let run = w.plan_fails();
        assert_eq!(run.only_error().summary, needs);
        assert!(run.only_error().detail.contains(&format!("this cluster runs {version}")), "{}", run.text);
    }
}
