//! Targets and matchers as Proxmox returns them, and as they are sent.

use serde_json::{Value as Json, json};

use super::*;
use crate::rest::{Fields, Params, Rest};

fn read<N: Rest>(entry: Json) -> N {
    N::parse(&entry).unwrap().understood().unwrap()
}

fn sent(params: &Params) -> Vec<String> {
    params.pairs().into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// What is sent for the object as it was read: all of it, and nothing that it does not have.
fn written<N: Rest>(entry: Json) -> Vec<String> {
    sent(&read::<N>(entry).params())
}

#[test]
fn a_target_is_sent_as_it_was_read() {
    let entry = json!({
        "name": "ops", "mailto": ["ops@example.org", "duty@example.org"], "mailto-user": ["root@pam"], "disable": 1,
        "author": "Cluster A", "from-address": "pve@example.org", "comment": "on call", "origin": "user-created",
        "digest": "ef50"
    });
    let expected = [
        "mailto=duty@example.org",
        "mailto=ops@example.org",
        "mailto-user=root@pam",
        "from-address=pve@example.org",
        "author=Cluster A",
        "comment=on call",
        "disable=1",
    ];
    assert_eq!(written::<NotificationSendmail>(entry), expected);
    let entry = json!({"name": "hook", "url": "https://x", "method": "get", "comment": "", "disable": 0,
        "header": ["name=A,value=eA=="], "secret": ["name=tok"], "body": "eQ=="});
    let expected =
        ["url=https://x", "method=get", "header=name=A,value=eA==", "body=eQ==", "secret=name=tok,value=", "disable=0"];
    let hook = read::<NotificationWebhook>(entry);
    assert_eq!(sent(&hook.params())[..5], expected[..5]);
    assert_eq!(hook.secrets_wo, pairs::Secrets::default());
    let entry = json!({"name": "push", "server": "https://push", "origin": "user-created"});
    assert_eq!(written::<NotificationGotify>(entry), ["server=https://push"]);
}

/// Proxmox can't unset `mode`: it is always sent.
#[test]
fn the_mode_of_smtp_is_set_to_its_default() {
    let entry = json!({"name": "relay", "server": "mx", "from-address": "a@b", "port": 2525, "username": "u"});
    let mut relay = read::<NotificationSmtp>(entry);
    assert_eq!(sent(&relay.params()), ["server=mx", "port=2525", "mode=tls", "username=u", "from-address=a@b"]);
    relay.mode = Some(SmtpMode::StartTls);
    let starttls = relay.params();
    relay.mode = None;
    assert_eq!(sent(&relay.params().since(&starttls)), ["mode=tls"]);
}

#[test]
fn a_secret_is_sent_from_either_attribute() {
    let secret = |text: &str| Some(pairs::Secret(text.to_owned()));
    let mut push = read::<NotificationGotify>(json!({"name": "push", "server": "https://push", "token": "x"}));
    assert_eq!(push.token, None);
    push.token = secret("kept");
    assert_eq!(push.params().value("token"), Some("kept"));
    (push.token, push.token_wo) = (None, secret("written"));
    assert_eq!(push.params().value("token"), Some("written"));
    assert!(!format!("{push:?}").contains("written"));
}

#[test]
fn conditions_are_attributes() {
    let entry = json!({
        "name": "alerts", "mode": "any", "target": ["mail", "hook"], "invert-match": 1, "origin": "user-created",
        "match-field": ["regex:hostname=^pve", "exact:type=vzdump", "exact:type=fencing,replication"],
        "match-severity": ["error", "warning"], "match-calendar": ["mon..fri 8-17"]
    });
    let alerts = read::<NotificationMatcher>(entry);
    let expected = [
        "target=hook",
        "target=mail",
        "mode=any",
        "invert-match=1",
        "match-field=exact:type=fencing,replication,vzdump",
        "match-field=regex:hostname=^pve",
        "match-severity=warning,error",
        "match-calendar=mon..fri 8-17",
    ];
    assert_eq!(sent(&alerts.params()), expected);
    let mut without = alerts.clone();
    (without.fields, without.severities, without.calendar) = Default::default();
    let change = ["match-field=regex:hostname=^pve", "delete=match-severity", "delete=match-calendar"];
    let params = without.params().since(&alerts.params()).deleting_by(NotificationMatcher::COLLECTION.delete_form());
    assert_eq!(sent(&params), change);
    assert_eq!(NotificationMatcher::attribute("match-field"), Some("fields"));
}

#[test]
fn defaults_that_are_stored_are_no_difference() {
    let stored = json!({"name": "mm", "mode": "all", "invert-match": 0, "disable": 0, "target": []});
    assert_eq!(written::<NotificationMatcher>(stored), written::<NotificationMatcher>(json!({"name": "mm"})));
}
