//! `pve_notification_targets`: where Proxmox sends what, worked out from its matchers.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::answer::list;
use crate::notification::conditions::Conditions;
use crate::notification::event::{Event, EventType, Severity};
use crate::notification::routing::{Mode, Route, Routing};
use crate::noun::Noun;
use crate::value::Entry;

/// The notification targets and matchers, and which of them send what.
///
/// `routes` has each type of event with each of its severities. Proxmox raises no other events: a migration, a failover
/// without fencing and a service in the error state send nothing.
///
/// The times of matchers are the local times of the nodes. Conditions on `job-id` are judged for all backup jobs, and for the
/// replication jobs of guests on which the user has `VM.Audit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationTargets {
    /// The targets, sorted by name.
    pub targets: Vec<NotificationTarget>,
    /// The matchers, sorted by name.
    pub matchers: Vec<NotificationMatcherEntry>,
    /// What becomes of each type of event.
    pub routes: Vec<EventRoute>,
}

/// A notification target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationTarget {
    /// Its name.
    pub name: String,
    /// `sendmail`, `smtp`, `gotify` or `webhook`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its comment.
    pub comment: Option<String>,
    /// Whether it is switched off.
    pub disabled: bool,
    /// `builtin` for what Proxmox ships, `modified-builtin` for such a target with changes, `user-created` for the rest.
    pub origin: Option<String>,
}

/// A notification matcher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationMatcherEntry {
    /// Its name.
    pub name: String,
    /// The names of the targets that it sends to.
    pub targets: Vec<String>,
    /// `all` if an event has to meet all conditions, `any` if one is enough.
    pub mode: String,
    /// Whether it sends what does not meet its conditions.
    pub invert: bool,
    /// Fields of an event, and the values that each may have.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Fields of an event, and the regular expressions that each has to match.
    pub field_patterns: BTreeMap<String, Vec<String>>,
    /// The severities; empty if there is no condition on them.
    pub severities: Vec<Severity>,
    /// The hours, such as `mon..fri 8-17`; empty if there is no condition on them.
    pub calendar: Vec<String>,
    /// Its comment.
    pub comment: Option<String>,
    /// Whether it is switched off.
    pub disabled: bool,
    /// `builtin` for what Proxmox ships, `modified-builtin` for such a matcher with changes, `user-created` for the rest.
    pub origin: Option<String>,
}

/// What becomes of a type of event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventRoute {
    /// The type of event.
    pub event: EventType,
    /// The severity of the event.
    pub severity: Severity,
    /// The matchers that send it, at some hour or for some node, to a target that is switched on.
    pub matchers: Vec<String>,
    /// The targets that get it, at some hour or for some node.
    pub targets: Vec<String>,
    /// Whether it reaches a target at every hour and for every node, and for every job if it is of one.
    pub complete: bool,
    /// An example of when it reaches no target, such as `pve2, sat 00:00`; null if `complete`.
    pub gap: Option<String>,
}

impl Noun for NotificationTargets {
    const NAME: &'static str = "pve_notification_targets";
    const TITLE: &'static str = "notification targets";
}

/// What events may be about.
#[derive(Debug, Clone, Default)]
pub struct Subjects {
    /// The nodes.
    pub nodes: BTreeSet<String>,
    /// The replication jobs by id.
    pub replication_jobs: BTreeSet<String>,
    /// The backup jobs by id.
    pub backup_jobs: BTreeSet<String>,
}

impl Subjects {
    /// All events of this type and severity that the cluster can raise, each with the node it is about.
    fn events(&self, event: EventType, severity: Severity) -> Vec<(&str, Event)> {
        let about = |node: &str| Event::new(event, severity, node);
        let nodes = self.nodes.iter().map(String::as_str);
        nodes
            .flat_map(|node| {
                let (alone, jobs) = match event {
                    EventType::Replication => (false, &self.replication_jobs),
                    // A backup that a user starts has no job.
                    EventType::Vzdump => (true, &self.backup_jobs),
                    _ => return vec![(node, about(node))],
                };
                let of_jobs = jobs.iter().map(move |job| (node, about(node).of_job(job)));
                alone.then(|| (node, about(node))).into_iter().chain(of_jobs).collect()
            })
            .collect()
    }
}

impl NotificationTargets {
    /// From the answers of `/cluster/notifications/targets` and `/cluster/notifications/matchers`.
    ///
    /// # Errors
    /// Says what of the answers has an unexpected form.
    pub fn from_answers(targets: &Json, matchers: &Json, subjects: &Subjects) -> Result<Self, String> {
        let mut targets =
            list(targets)?.iter().map(NotificationTarget::from_entry).collect::<Result<Vec<_>, String>>()?;
        targets.sort_by(|a, b| a.name.cmp(&b.name));
        let mut entries =
            list(matchers)?.iter().map(NotificationMatcherEntry::from_entry).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let mut routes = list(matchers)?.iter().map(Route::parse).collect::<Result<Vec<_>, _>>()?;
        routes.sort_by(|a, b| a.matcher.cmp(&b.matcher));
        let is_on = targets.iter().map(|target| (target.name.clone(), !target.disabled));
        let routing = Routing { routes, targets: is_on.collect() };
        let kinds =
            EventType::ALL.into_iter().flat_map(|event| event.severities().iter().map(move |one| (event, *one)));
        let routes = kinds.map(|(event, severity)| EventRoute::of(&routing, event, severity, subjects)).collect();
        Ok(Self { targets, matchers: entries, routes })
    }
}

impl NotificationTarget {
    fn from_entry(entry: &Json) -> Result<Self, String> {
        let entry = Entry(entry);
        Ok(Self {
            name: entry.required("name")?,
            kind: entry.required("type")?,
            comment: entry.text("comment"),
            disabled: entry.flag("disable").unwrap_or(false),
            origin: entry.text("origin"),
        })
    }
}

impl NotificationMatcherEntry {
    fn from_entry(entry: &Json) -> Result<Self, String> {
        let texts = |name: &str| -> Vec<String> {
            let list = entry[name].as_array().into_iter().flatten();
            list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
        };
        let route = Route::parse(entry)?;
        let (fields, severities, calendar) = (texts("match-field"), texts("match-severity"), texts("match-calendar"));
        let conditions = Conditions::parse(route.mode, &fields, &severities, &calendar)?;
        let lists = |map: BTreeMap<String, BTreeSet<String>>| {
            map.into_iter().map(|(field, all)| (field, all.into_iter().collect())).collect()
        };
        let entry = Entry(entry);
        Ok(Self {
            name: route.matcher,
            targets: route.targets.into_iter().collect(),
            mode: if route.mode == Mode::Any { "any" } else { "all" }.to_owned(),
            invert: route.invert,
            fields: lists(conditions.fields),
            field_patterns: lists(conditions.patterns),
            severities: conditions.severities.unwrap_or_default().into_iter().collect(),
            calendar: conditions.calendar.into_iter().collect(),
            comment: entry.text("comment"),
            disabled: route.disabled,
            origin: entry.text("origin"),
        })
    }
}

impl EventRoute {
    fn of(routing: &Routing, event: EventType, severity: Severity, subjects: &Subjects) -> Self {
        let events = subjects.events(event, severity);
        let mut matchers = BTreeSet::new();
        let mut targets = BTreeSet::new();
        for (_, one) in &events {
            for route in routing.senders(one) {
                matchers.insert(route.matcher.clone());
                targets
                    .extend(route.targets.iter().filter(|target| routing.targets.get(*target) == Some(&true)).cloned());
            }
        }
        let gap = routing.gap(events).map(|gap| gap.to_string());
        Self {
            event,
            severity,
            matchers: matchers.into_iter().collect(),
            targets: targets.into_iter().collect(),
            complete: gap.is_none(),
            gap,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(matchers: &Json) -> NotificationTargets {
        let targets = json!([
            {"name": "mail-to-root", "type": "sendmail", "origin": "builtin", "comment": "c"},
            {"name": "push", "type": "gotify", "origin": "user-created", "disable": 1},
        ]);
        let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let subjects = Subjects {
            nodes: set(&["pve1", "pve2"]),
            replication_jobs: set(&["100-0"]),
            backup_jobs: set(&["nightly"]),
        };
        NotificationTargets::from_answers(&targets, matchers, &subjects).unwrap()
    }

    fn route(read: &NotificationTargets, event: EventType, severity: Severity) -> &EventRoute {
        read.routes.iter().find(|route| route.event == event && route.severity == severity).unwrap()
    }

    #[test]
    fn the_default_matcher_sends_everything_to_root() {
        let read = read(&json!([{"name": "default-matcher", "mode": "all", "target": ["mail-to-root"],
                                 "origin": "builtin", "comment": "c"}]));
        assert_eq!(read.routes.len(), 6);
        assert!(read.routes.iter().all(|route| route.complete && route.targets == ["mail-to-root"]));
        assert_eq!(read.matchers[0].mode, "all");
        assert!(read.targets[1].disabled && read.targets[1].kind == "gotify");
    }

    #[test]
    fn a_target_that_is_off_gets_nothing_and_a_gap_is_named() {
        let read = read(&json!([
            {"name": "night", "target": ["mail-to-root", "push"], "match-field": ["exact:type=fencing"],
             "match-calendar": ["0-6"]},
            {"name": "off", "target": ["mail-to-root"], "disable": 1},
            {"name": "job", "target": ["mail-to-root"], "match-field": ["regex:job-id=^100-"]},
        ]));
        let fencing = route(&read, EventType::Fencing, Severity::Error);
        assert_eq!(
            (fencing.matchers.as_slice(), fencing.targets.as_slice()),
            (["night".to_owned()].as_slice(), ["mail-to-root".to_owned()].as_slice())
        );
        assert_eq!((fencing.complete, fencing.gap.as_deref()), (false, Some("pve1, mon 06:01")));
        let replication = route(&read, EventType::Replication, Severity::Error);
        assert_eq!((replication.complete, replication.matchers.as_slice()), (true, ["job".to_owned()].as_slice()));
        let mail = route(&read, EventType::SystemMail, Severity::Unknown);
        assert_eq!((mail.targets.len(), mail.gap.as_deref()), (0, Some("pve1, always")));
        assert_eq!(
            read.matchers.iter().map(|matcher| matcher.name.as_str()).collect::<Vec<_>>(),
            ["job", "night", "off"]
        );
    }
}
