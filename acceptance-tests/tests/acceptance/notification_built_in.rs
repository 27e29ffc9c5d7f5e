//! What Proxmox ships is changed by a create, and reset by a destroy.

use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};

const TARGET: &str = "/cluster/notifications/endpoints/sendmail/mail-to-root";
const MATCHER: &str = "/cluster/notifications/matchers/default-matcher";

fn target(lines: &str) -> String {
    format!("resource \"pve_notification_sendmail\" \"root\" {{\n  name = \"mail-to-root\"\n{lines}\n}}\n")
}

fn matcher(lines: &str) -> String {
    format!(
        "resource \"pve_notification_matcher\" \"default\" {{\n  name = \"default-matcher\"\n  targets = \
         [pve_notification_sendmail.root.name]\n{lines}\n}}\n"
    )
}

/// An object without what differs by file.
fn read(cluster: &Cluster, path: &str) -> Json {
    let mut entry = cluster.api.read(path);
    entry.as_object_mut().unwrap().remove("digest");
    entry
}

#[test]
fn a_create_changes_it_and_a_destroy_resets_it() {
    for release in [Release::V9, Release::V8] {
        let name = "notification_built_in::a_create_changes_it_and_a_destroy_resets_it";
        let Some(cluster) = Cluster::own(name, Options { release, ..Options::default() }).map(Arc::new) else { return };
        let shipped = [read(&cluster, TARGET), read(&cluster, MATCHER)];
        let w = Workspace::new(&cluster);
        w.configure(
            &(target("  mailto = [\"ops@example.org\"]\n  disabled = true") + &matcher("  severities = [\"error\"]")),
        );
        let run = w.run(&["plan", "-json", "-out=plan"]);
        let said: Vec<String> =
            run.warnings().iter().map(|warning| format!("{} {}", warning.summary, warning.flat())).collect();
        for (at, object) in ["mail-to-root", "default-matcher"].iter().enumerate() {
            let of = said.iter().filter(|text| text.contains(object)).collect::<Vec<_>>();
            assert!(of.len() == 1 && of[0].contains("Destroying it resets it"), "{at} {said:?}");
        }
        w.apply_plan();
        w.plan_is_empty();
        let expected =
            json!({"name": "mail-to-root", "mailto": ["ops@example.org"], "disable": 1, "origin": "modified-builtin"});
        assert_eq!(read(&cluster, TARGET), expected);
        let expected = json!({
            "name": "default-matcher", "mode": "all", "target": ["mail-to-root"], "match-severity": ["error"],
            "origin": "modified-builtin"
        });
        assert_eq!(without_mode(read(&cluster, MATCHER)), without_mode(expected));
        w.configure("");
        let run = w.run(&["plan", "-json", "-out=plan"]);
        let said: Vec<String> =
            run.warnings().iter().map(|warning| format!("{} {}", warning.summary, warning.flat())).collect();
        assert!(said.len() == 2 && said.iter().all(|text| text.contains("resets it")), "{said:?}");
        w.apply_plan();
        assert_eq!([read(&cluster, TARGET), read(&cluster, MATCHER)], shipped);
        assert!(w.state().is_empty());
    }
}

/// Proxmox answers the default mode, set or not.
fn without_mode(mut entry: Json) -> Json {
    entry.as_object_mut().unwrap().remove("mode");
    entry
}

#[test]
fn one_that_equals_what_proxmox_ships_stays_in_the_state() {
    let name = "notification_built_in::one_that_equals_what_proxmox_ships_stays_in_the_state";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    let shipped = "  mailto_user = [\"root@pam\"]\n  comment = \"Send mails to root@pam's email address\"";
    w.configure(&target(shipped));
    w.apply();
    assert_eq!(read(&cluster, TARGET)["origin"], "builtin");
    w.plan_is_empty();
    // It was reset outside of Terraform.
    w.configure(&target("  mailto = [\"ops@example.org\"]"));
    w.apply();
    cluster.api.delete(TARGET, &[]);
    assert_eq!(w.plan().changes(), ["pve_notification_sendmail.root update"]);
    w.apply_plan();
    assert_eq!(read(&cluster, TARGET)["mailto"], json!(["ops@example.org"]));
    w.destroy();
    assert_eq!(read(&cluster, TARGET)["origin"], "builtin");
}
