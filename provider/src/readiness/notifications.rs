//! Whether a fenced node and a failed replication send notifications.

use std::collections::BTreeSet;

use pve_schemas::notification::event::{Event, EventType, Severity};
use pve_schemas::notification::routing::{Route, Routing};
use pve_schemas::value::Entry;
use serde_json::Value as Json;

use super::verdict::{Verdict, fail, pass, unknown};
use super::{Demands, Facts};

const UNREAD: &str = "the notification settings can't be read";
const READ: &str = "Give the user Mapping.Audit on /mapping/notifications. PVE has them since 8.1.";

pub(super) fn target(facts: &Facts, _: &Demands) -> Verdict {
    let Some(targets) = &facts.targets else { return unknown(UNREAD, READ) };
    let on = enabled(targets);
    if on.is_empty() {
        return fail("none is switched on", "Add one under Datacenter → Notifications.");
    }
    pass(on.into_iter().collect::<Vec<_>>().join(", "))
}

pub(super) fn matcher(facts: &Facts, _: &Demands) -> Verdict {
    let (Some(targets), Some(matchers)) = (&facts.targets, &facts.matchers) else { return unknown(UNREAD, READ) };
    let routes = match matchers.iter().map(Route::parse).collect::<Result<Vec<_>, _>>() {
        Ok(routes) => routes,
        Err(problem) => return unknown(problem, "Update the provider, or change the matcher."),
    };
    let on = enabled(targets);
    let routing = Routing { routes, targets: on.into_iter().map(|target| (target, true)).collect() };
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
    fail(
        format!("no matcher sends to an enabled target: {}", lost.join(", ")),
        "Add a matcher without calendar and host, such as `exact:type=fencing,replication`, with a target that is switched on.",
    )
}

fn enabled(targets: &[Json]) -> BTreeSet<String> {
    let on = targets.iter().map(Entry).filter(|target| !target.flag("disable").unwrap_or(false));
    on.filter_map(|target| target.text("name")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::status;
    use super::*;

    #[test]
    fn a_target_is_switched_on() {
        assert_eq!(status(target, |_| ()), "pass");
        assert_eq!(status(target, |facts| facts.targets = Some(vec![json!({"name": "a", "disable": 1})])), "fail");
        assert_eq!(status(target, |facts| facts.targets = None), "unknown");
    }

    #[test]
    fn a_matcher_catches_both_kinds_always() {
        let with = |extra: Json| {
            status(matcher, move |facts| {
                let mut one = json!({"name": "m", "target": ["mail-to-root"]});
                for (key, value) in extra.as_object().unwrap() {
                    one[key] = value.clone();
                }
                facts.matchers = Some(vec![one]);
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
        assert_eq!(status(matcher, |facts| facts.matchers = None), "unknown");
    }
}
