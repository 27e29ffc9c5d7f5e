//! `pve_notification_…`: the life of each type.

use std::sync::Arc;

use acceptance_tests::Cluster;
use acceptance_tests::life::{Life, Object, Replacement};
use pve_emulator::{Options, Release};

const RELEASES: [Release; 2] = [Release::V9, Release::V8];

/// An attribute and its value.
type Set<'a> = (&'static str, &'a str);

/// Objects of one type, each with what all of them have, except for the attribute that it is here for.
fn object(name: &'static str, common: &[Set<'_>], own: &[Set<'_>]) -> Object {
    let id = format!("tfacc-{}", name.replace('_', "-"));
    let quoted = format!("{id:?}");
    let common = common.iter().filter(|(name, _)| !own.iter().any(|(known, _)| known == name));
    let all: Vec<_> =
        [("name", quoted.as_str())].into_iter().chain(common.copied()).chain(own.iter().copied()).collect();
    Object::new(name, &id, &all)
}

/// What targets and matchers have in common.
fn common_objects(common: &[Set<'_>]) -> Vec<Object> {
    vec![
        object("comment", common, &[]).becomes("\"größer: #1\"").drifts(&[("comment", "by hand")]),
        object("comment__gone", common, &[("comment", "\"away\"")]).drifts(&[("comment", "by hand")]),
        object("disabled", common, &[]).becomes("true").drifts(&[("disable", "0")]),
        object("disabled__gone", common, &[("disabled", "true")]).drifts(&[("disable", "1")]),
        object("timeouts", common, &[("timeouts", "block {\n    read = \"1m\"\n  }")])
            .becomes("block {\n    read = \"2m\"\n  }"),
    ]
}

fn live(
    test: &str,
    kind: &'static str,
    collection: &'static str,
    objects: impl Fn() -> Vec<Object>,
    life: impl Fn() -> Life,
) {
    for release in RELEASES {
        let Some(cluster) = Cluster::own(test, Options { release, ..Options::default() }).map(Arc::new) else { return };
        let id = "tfacc-new".to_owned();
        let renamed = Replacement { object: "comment", attribute: "name", value: format!("{id:?}"), id };
        let replacements = vec![renamed];
        Life { kind, collection, key: "name", objects: objects(), replacements, ..life() }.live(&cluster);
    }
}

fn mails(common: &[Set<'_>]) -> Vec<Object> {
    vec![
        object("mailto", common, &[("mailto", "[\"b@example.org\", \"a@example.org\"]")])
            .becomes("[\"c@example.org\", \"a@example.org\"]")
            .drifts(&[("mailto", "d@example.org")]),
        object("mailto_user", common, &[("mailto_user", "[\"root@pam\"]")])
            .becomes("[\"root@pam\", \"ghost@pve\"]")
            .drifts(&[("mailto-user", "ghost@pve")]),
        object("author", common, &[]).becomes("\"Cluster – A\"").drifts(&[("author", "by hand")]),
    ]
}

#[test]
fn sendmail() {
    let common = [("mailto", "[\"ops@example.org\"]")];
    let objects = || {
        let from = object("from_address", &common, &[]).becomes("\"pve@example.org\"");
        let from = from.drifts(&[("from-address", "root@example.org")]);
        let gone = object("mailto_user__gone", &common, &[("mailto_user", "[\"root@pam\"]")]);
        let gone = gone.drifts(&[("mailto-user", "root@pam")]);
        mails(&common).into_iter().chain([from, gone]).chain(common_objects(&common)).collect()
    };
    let path = "/cluster/notifications/endpoints/sendmail";
    live("notification_lives::sendmail", "pve_notification_sendmail", path, objects, Life::default);
}

#[test]
fn smtp() {
    let common = [
        ("server", "\"mail.example.org\""),
        ("from_address", "\"pve@example.org\""),
        ("mailto", "[\"ops@example.org\"]"),
    ];
    let objects = || {
        let own = vec![
            object("server", &common, &[]).becomes("\"192.0.2.1\"").drifts(&[("server", "by.hand")]),
            object("port", &common, &[]).becomes("2525").drifts(&[("port", "26")]),
            object("port__gone", &common, &[("port", "465")]).drifts(&[("port", "465")]),
            object("mode", &common, &[]).becomes("\"starttls\"").drifts(&[("mode", "insecure")]),
            object("mode__gone", &common, &[("mode", "\"insecure\"")]).drifts(&[("mode", "starttls")]),
            object("from_address", &common, &[])
                .becomes("\"new@example.org\"")
                .drifts(&[("from-address", "by@hand.org")]),
        ];
        own.into_iter().chain(mails(&common)).chain(common_objects(&common)).collect()
    };
    live(
        "notification_lives::smtp",
        "pve_notification_smtp",
        "/cluster/notifications/endpoints/smtp",
        objects,
        Life::default,
    );
}

#[test]
fn gotify() {
    let common = [("server", "\"https://push.example.org\""), ("token_wo", "\"one\""), ("token_wo_version", "1")];
    let objects = || {
        let own = vec![
            object("server", &common, &[])
                .becomes("\"http://192.0.2.1:8080\"")
                .drifts(&[("server", "https://by.hand")]),
            object("token_wo_version", &common, &[]).becomes("2").with_write_only("token_wo", "\"two\""),
        ];
        own.into_iter().chain(common_objects(&common)).collect()
    };
    let life = || Life { is_unreadable: true, follows: &["token_wo_version"], ..Life::default() };
    let path = "/cluster/notifications/endpoints/gotify";
    live("notification_lives::gotify", "pve_notification_gotify", path, objects, life);
}

#[test]
fn webhook() {
    let common = [("url", "\"https://push.example.org/{{ secrets.tok }}\""), ("method", "\"post\"")];
    let objects = || {
        let own = vec![
            object("url", &common, &[])
                .becomes("\"http://x/{{ url-encode title }}\"")
                .drifts(&[("url", "http://by.hand")]),
            object("method", &common, &[]).becomes("\"put\"").drifts(&[("method", "get")]),
            object("headers", &common, &[("headers", "{ A = \"x, y=z\", B-C = \"Bearer {{ secrets.tok }}\" }")])
                .becomes("{ A = \"größer\", D = \"1\" }")
                .drifts(&[("header", "name=A,value=eA==")]),
            object("headers__gone", &common, &[("headers", "{ A = \"x\" }")])
                .drifts(&[("header", "name=A,value=eA==")]),
            object("body", &common, &[("body", "\"{\\\"a\\\":\\n\\\"{{ escape message }}\\\"}\\n\"")])
                .becomes("\"ü\"")
                .drifts(&[("body", "eA==")]),
            object("body__gone", &common, &[("body", "\"x\"")]).drifts(&[("body", "eA==")]),
            object("secrets_wo_version", &common, &[("secrets_wo", "{ tok = \"one\" }"), ("secrets_wo_version", "1")])
                .becomes("2")
                .with_write_only("secrets_wo", "{ tok = \"two\" }"),
        ];
        own.into_iter().chain(common_objects(&common)).collect()
    };
    let path = "/cluster/notifications/endpoints/webhook";
    live("notification_lives::webhook", "pve_notification_webhook", path, objects, Life::default);
}

#[test]
fn matcher() {
    let common = [("targets", "[\"mail-to-root\"]")];
    let objects = || {
        let fields = "{ type = [\"fencing\", \"replication\"], hostname = [\"pve1\"] }";
        let patterns = "{ hostname = [\"^pve[12]$\", \"e1\"] }";
        let own = vec![
            object("targets", &common, &[])
                .becomes("[pve_notification_sendmail.a.name, pve_notification_sendmail.b.name]")
                .drifts(&[("target", "tfacc-b")]),
            object("targets__gone", &common, &[]).drifts(&[("target", "tfacc-b")]),
            object("mode", &common, &[]).becomes("\"any\"").drifts(&[("delete", "mode")]),
            object("mode__gone", &common, &[("mode", "\"any\"")]).drifts(&[("mode", "any")]),
            object("invert", &common, &[]).becomes("true").drifts(&[("invert-match", "0")]),
            object("fields", &common, &[("fields", fields)])
                .becomes("{ type = [\"fencing\"], job-id = [\"100-0\"] }")
                .drifts(&[("match-field", "exact:type=vzdump")]),
            object("fields__gone", &common, &[("fields", fields)]).drifts(&[("match-field", "exact:type=vzdump")]),
            object("field_patterns", &common, &[("field_patterns", patterns)])
                .becomes("{ hostname = [\"a,b=c\"] }")
                .drifts(&[("match-field", "regex:type=x")]),
            object("severities", &common, &[("severities", "[\"error\", \"warning\"]")])
                .becomes("[\"unknown\", \"info\"]")
                .drifts(&[("match-severity", "notice")]),
            object("severities__gone", &common, &[("severities", "[\"error\"]")])
                .drifts(&[("match-severity", "notice")]),
            object("calendar", &common, &[("calendar", "[\"mon..fri 8-17\", \"9:30-10\"]")])
                .becomes("[\"sat,sun 0-23:59\"]")
                .drifts(&[("match-calendar", "8-9")]),
        ];
        own.into_iter().chain(common_objects(&common)).collect()
    };
    let target = |name: &str| {
        format!(
            "resource \"pve_notification_sendmail\" \"{name}\" {{\n  name = \"tfacc-{name}\"\n  mailto = [\"x@y.z\"]\n}}\n"
        )
    };
    let life = || Life { needs: target("a") + &target("b"), ..Life::default() };
    live("notification_lives::matcher", "pve_notification_matcher", "/cluster/notifications/matchers", objects, life);
}
