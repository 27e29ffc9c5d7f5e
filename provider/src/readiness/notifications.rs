//! Whether somebody hears of a fenced node and of a replication that fails.

use std::collections::BTreeSet;

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
    let on = enabled(targets);
    let reaches = |matcher: &&Json| texts(&matcher["target"]).any(|target| on.contains(target));
    let active: Vec<&Json> =
        matchers.iter().filter(|matcher| !Entry(matcher).flag("disable").unwrap_or(false)).filter(reaches).collect();
    let (mut caught, mut lost) = (Vec::new(), Vec::new());
    for kind in ["fencing", "replication"] {
        match active.iter().find(|matcher| catches(matcher, kind)) {
            Some(matcher) => caught.push(format!("{kind} by {}", Entry(matcher).text("name").unwrap_or_default())),
            None => lost.push(kind),
        }
    }
    if lost.is_empty() {
        return pass(caught.join(", "));
    }
    fail(
        format!("no matcher for all events of the type {} has a target", lost.join(" and ")),
        "Add a matcher without calendar and host, such as `exact:type=fencing,replication`, with a target that is switched on.",
    )
}

fn enabled(targets: &[Json]) -> BTreeSet<String> {
    let on = targets.iter().map(Entry).filter(|target| !target.flag("disable").unwrap_or(false));
    on.filter_map(|target| target.text("name")).collect()
}

/// Whether a matcher catches every event of a type, all of which have the severity `error`, at any hour and of any host.
fn catches(matcher: &Json, kind: &str) -> bool {
    let entry = Entry(matcher);
    let fields = texts(&matcher["match-field"]).map(|field| field_matches(field, kind));
    let severities = texts(&matcher["match-severity"]).map(|list| list.split(',').any(|one| one.trim() == "error"));
    // At which hour something happens is not known.
    let calendars = texts(&matcher["match-calendar"]).map(|_| None);
    let all: Vec<Option<bool>> = fields.chain(severities.map(Some)).chain(calendars).collect();
    if all.is_empty() {
        return true;
    }
    let any = entry.text("mode").as_deref() == Some("any");
    let matched =
        if any { any_of(&all) } else { any_of(&all.iter().map(|m| m.map(|m| !m)).collect::<Vec<_>>()).map(|m| !m) };
    let inverted = entry.flag("invert-match").unwrap_or(false);
    matched.is_some_and(|matched| matched != inverted)
}

/// True if one is true whatever the unknown ones are, false if all are false.
fn any_of(all: &[Option<bool>]) -> Option<bool> {
    if all.contains(&Some(true)) {
        return Some(true);
    }
    if all.contains(&None) { None } else { Some(false) }
}

/// None if it depends on more than the type.
fn field_matches(directive: &str, kind: &str) -> Option<bool> {
    let (how, rest) = directive.split_once(':')?;
    let (field, pattern) = rest.split_once('=')?;
    if field != "type" {
        return None;
    }
    match how {
        "exact" => Some(pattern.split(',').any(|one| one.trim() == kind)),
        "regex" => regex_lite::Regex::new(pattern).ok().map(|regex| regex.is_match(kind)),
        _ => None,
    }
}

fn texts(json: &Json) -> impl Iterator<Item = &str> {
    json.as_array().into_iter().flatten().filter_map(Json::as_str)
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
            json!({"mode": "any", "match-severity": ["error"], "match-calendar": ["mon-fri 9-17"]}),
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
            json!({"match-calendar": ["mon-fri 9-17"]}),
            json!({"match-severity": ["error"], "invert-match": true}),
        ] {
            assert_eq!(with(bad.clone()), "fail", "{bad}");
        }
        assert_eq!(status(matcher, |facts| facts.matchers = None), "unknown");
    }
}
