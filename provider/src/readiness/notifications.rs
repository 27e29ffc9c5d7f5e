//! Whether a fenced node and a failed replication send notifications.

use pve_schemas::notification::event::{Event, EventType, Severity};

use super::verdict::{Verdict, fail, pass, unknown};
use super::{Demands, Facts};

const UNREAD: &str = "the notification settings can't be read";
const READ: &str = "Give the user Mapping.Audit on /mapping/notifications. PVE has them since 8.1.";

pub(super) fn target(facts: &Facts, _: &Demands) -> Verdict {
    let routing = match &facts.alerts.routing {
        Ok(routing) => routing,
        Err(problem) => return not_supported(problem),
    };
    let on: Vec<&str> = routing.targets.iter().filter(|(_, is_on)| **is_on).map(|(name, _)| name.as_str()).collect();
    match on.is_empty() {
        false => pass(on.join(", ")),
        true if facts.alerts.are_all_targets => {
            fail("none is switched on", "Add a `pve_notification_smtp` or another target.")
        }
        true => unknown(UNREAD, READ),
    }
}

pub(super) fn matcher(facts: &Facts, _: &Demands) -> Verdict {
    let routing = match &facts.alerts.routing {
        Ok(routing) => routing,
        Err(problem) => return not_supported(problem),
    };
    let nodes: Vec<&str> = facts.live.nodes.iter().map(|node| node.name.as_str()).collect();
    let replication = |node| (node, Event::new(EventType::Replication, Severity::Error, node));
    let gaps = [
        ("fencing", routing.fencing_gap(nodes.iter().copied())),
        ("replication", routing.gap(nodes.iter().copied().map(replication))),
    ];
    let lost: Vec<String> =
        gaps.iter().filter_map(|(event, gap)| Some(format!("{event} ({})", gap.as_ref()?))).collect();
    if lost.is_empty() {
        return pass("fencing and replication, of every node at every hour");
    }
    if !facts.alerts.are_all {
        return unknown(UNREAD, READ);
    }
    fail(
        format!("no matcher sends to an enabled target: {}", lost.join(", ")),
        "Add a `pve_notification_matcher` for `type` = `fencing` and `replication`, without calendar and host, with a \
         target that is switched on.",
    )
}

fn not_supported(problem: &str) -> Verdict {
    unknown(problem, "Update the provider, or change the matcher.")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pve_schemas::data::planned::Safeguards;
    use serde_json::{Value as Json, json};

    use super::super::Alerts;
    use super::super::testing::{alerts, status};
    use super::*;

    /// What is known where the cluster's own settings can't be read.
    fn unread(planned: &Safeguards) -> Alerts {
        Alerts::new(None, None, planned, &BTreeSet::new())
    }

    fn planned(plans: Json) -> Safeguards {
        serde_json::from_value(plans).unwrap()
    }

    #[test]
    fn a_target_is_switched_on() {
        assert_eq!(status(target, |_| ()), "pass");
        assert_eq!(status(target, |facts| facts.alerts = alerts(&[json!({"name": "a", "disable": 1})], &[])), "fail");
        assert_eq!(status(target, |facts| facts.alerts = unread(&Safeguards::default())), "unknown");
    }

    #[test]
    fn a_matcher_catches_both_kinds_always() {
        let with = |extra: Json| {
            status(matcher, move |facts| {
                let mut one = json!({"name": "m", "target": ["mail-to-root"]});
                for (key, value) in extra.as_object().unwrap() {
                    one[key] = value.clone();
                }
                facts.alerts = alerts(&[json!({"name": "mail-to-root"})], &[one]);
            })
        };
        for good in [
            json!({}),
            json!({"match-field": ["exact:type=fencing, replication"]}),
            json!({"match-field": ["regex:type=^(fencing|replication)$"], "match-severity": ["warning,error"]}),
            json!({"mode": "any", "match-severity": ["error"], "match-calendar": ["mon..fri 9-17"]}),
            json!({"match-severity": ["info"], "invert-match": 1}),
        ] {
            assert_eq!(with(good.clone()), "pass", "{good}");
        }
        for bad in [
            json!({"disable": 1}),
            json!({"target": ["gone"]}),
            json!({"match-field": ["exact:type=fencing"]}),
            json!({"match-field": ["exact:hostname=pve1"]}),
            json!({"match-severity": ["info,notice"]}),
            json!({"match-calendar": ["mon..fri 9-17"]}),
            json!({"match-severity": ["error"], "invert-match": true}),
        ] {
            assert_eq!(with(bad.clone()), "fail", "{bad}");
        }
        assert_eq!(status(matcher, |facts| facts.alerts = unread(&Safeguards::default())), "unknown");
    }

    #[test]
    fn planned_targets_and_matchers_take_the_place_of_live_ones() {
        let all = json!({"notification_targets": [{"name": "mail"}],
                         "notification_matchers": [{"name": "alerts", "targets": ["mail"]}]});
        let judge = |check, plans: &Json, removed: &[&str]| {
            let live = alerts_of(&[json!({"name": "mail-to-root", "disable": 1})], plans, removed);
            status(check, |facts| facts.alerts = live)
        };
        assert_eq!((judge(target, &json!({}), &[]), judge(matcher, &json!({}), &[])), ("fail", "fail"));
        assert_eq!((judge(target, &all, &[]), judge(matcher, &all, &[])), ("pass", "pass"));
        let off = json!({"notification_targets": [{"name": "mail", "disabled": true}],
                         "notification_matchers": all["notification_matchers"]});
        assert_eq!((judge(target, &off, &[]), judge(matcher, &off, &[])), ("fail", "fail"));
        // A built-in that is removed is reset, and is on again.
        assert_eq!(judge(matcher, &json!({}), &["mail-to-root"]), "pass");
        // What is planned suffices, whatever else there is.
        assert_eq!(status(matcher, |facts| facts.alerts = unread(&planned(all.clone()))), "pass");
        let hours = json!({"notification_targets": [{"name": "mail"}],
                           "notification_matchers": [{"name": "alerts", "targets": ["mail"], "calendar": ["8-17"]}]});
        assert_eq!(status(matcher, |facts| facts.alerts = unread(&planned(hours.clone()))), "unknown");
        assert_eq!(judge(matcher, &hours, &[]), "fail");
    }

    fn alerts_of(targets: &[Json], plans: &Json, removed: &[&str]) -> Alerts {
        let removed = removed.iter().map(|name| (*name).to_owned()).collect();
        let matchers = [json!({"name": "default-matcher", "target": ["mail-to-root"]})];
        Alerts::new(Some(targets), Some(&matchers), &planned(plans.clone()), &removed)
    }
}
