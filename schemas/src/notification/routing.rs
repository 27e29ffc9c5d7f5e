//! Which matchers send an event to which targets: what Proxmox decides when the event is raised, worked out ahead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::conditions::Conditions;
use super::event::{Event, EventType, Severity};
use super::filter::FieldFilter;
use super::window::{Minute, Window};
use crate::rest::wire;
use crate::value::Entry;

/// How the conditions of a matcher are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// All of them must be met.
    #[default]
    All,
    /// One of them must be met.
    Any,
}

wire::word!(Mode);

impl Mode {
    /// The mode that Proxmox calls `text`; unset means all.
    #[must_use]
    pub fn of(text: Option<&str>) -> Self {
        if text == Some("any") { Self::Any } else { Self::All }
    }
}

/// The conditions of a matcher, and where it sends what meets them.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// The matcher's name.
    pub matcher: String,
    /// The targets, each at most once per event.
    pub targets: BTreeSet<String>,
    /// How the conditions are combined.
    pub mode: Mode,
    /// Whether it sends what does not meet them.
    pub invert: bool,
    /// Conditions on fields.
    pub fields: Vec<FieldFilter>,
    /// Conditions on the severity: one of each set.
    pub severities: Vec<BTreeSet<Severity>>,
    /// Conditions on the time.
    pub windows: Vec<Window>,
    /// Whether it is switched off.
    pub disabled: bool,
}

/// The matcher that Proxmox ships: it sends everything to [`DEFAULT_TARGET`].
pub const DEFAULT_MATCHER: &str = "default-matcher";
/// The target that Proxmox ships: mails to root.
pub const DEFAULT_TARGET: &str = "mail-to-root";

impl Route {
    /// The built-in matcher at its default.
    #[must_use]
    pub fn builtin() -> Self {
        Self { matcher: DEFAULT_MATCHER.to_owned(), targets: [DEFAULT_TARGET.to_owned()].into(), ..Self::default() }
    }

    /// The matcher of an entry of `/cluster/notifications/matchers`.
    ///
    /// # Errors
    /// Says which statement of it has an unexpected form.
    pub fn parse(entry: &Json) -> Result<Self, String> {
        let texts = |name: &str| entry[name].as_array().into_iter().flatten().filter_map(Json::as_str);
        let entry = Entry(entry);
        let severities = texts("match-severity").map(|list| {
            let conditions = Conditions::parse(Mode::All, &[], &[list.to_owned()], &[])?;
            Ok(conditions.severities.unwrap_or_default())
        });
        let fields = texts("match-field").map(|text| FieldFilter::parse(text).map_err(|problem| problem.0));
        let windows = texts("match-calendar").map(|text| text.parse().map_err(|e| format!("match-calendar: {e}")));
        Ok(Self {
            matcher: entry.required("name")?,
            targets: texts("target").map(str::to_owned).collect(),
            mode: Mode::of(entry.text("mode").as_deref()),
            invert: entry.flag("invert-match").unwrap_or(false),
            fields: fields.collect::<Result<_, _>>()?,
            severities: severities.collect::<Result<_, String>>()?,
            windows: windows.collect::<Result<_, String>>()?,
            disabled: entry.flag("disable").unwrap_or(false),
        })
    }

    /// Whether it sends `event` when that is raised at `at`.
    #[must_use]
    pub fn sends(&self, event: &Event, at: Minute) -> bool {
        if self.disabled {
            return false;
        }
        let fields = self.fields.iter().map(|filter| filter.matches(event));
        let severities = self.severities.iter().map(|list| list.contains(&event.severity));
        let windows = self.windows.iter().map(|window| window.contains(at));
        let conditions: Vec<bool> = fields.chain(severities).chain(windows).collect();
        // Without conditions a matcher sends everything, inverted or not.
        if conditions.is_empty() {
            return true;
        }
        let is_met = match self.mode {
            Mode::All => conditions.iter().all(|met| *met),
            Mode::Any => conditions.iter().any(|met| *met),
        };
        is_met != self.invert
    }
}

/// The matchers and targets of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Routing {
    /// The matchers.
    pub routes: Vec<Route>,
    /// The names of all targets, each with whether it is switched on.
    pub targets: BTreeMap<String, bool>,
}

/// An event that reaches no target at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The node that the event is about.
    pub hostname: String,
    /// A minute in which it reaches no target.
    pub at: Minute,
    /// Whether it never does.
    pub always: bool,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.always { write!(f, "{}, always", self.hostname) } else { write!(f, "{}, {}", self.hostname, self.at) }
    }
}

impl Routing {
    /// Puts a matcher in, in the place of one of its name.
    pub fn put(&mut self, route: Route) {
        self.routes.retain(|other| other.matcher != route.matcher);
        self.routes.push(route);
    }

    /// Takes the matcher or the target of this name out, as Proxmox does: a built-in is reset to its default instead.
    pub fn remove(&mut self, name: &str) {
        self.routes.retain(|route| route.matcher != name);
        match name {
            DEFAULT_MATCHER => self.routes.push(Route::builtin()),
            DEFAULT_TARGET => drop(self.targets.insert(name.to_owned(), true)),
            _ => drop(self.targets.remove(name)),
        }
    }

    /// The targets that are switched on and get `event` at `at`.
    #[must_use]
    pub fn reached(&self, event: &Event, at: Minute) -> BTreeSet<&str> {
        let routes = self.routes.iter().filter(|route| route.sends(event, at));
        routes.flat_map(|route| &route.targets).filter(|target| self.is_on(target)).map(String::as_str).collect()
    }

    /// The matchers that send `event` at some time to a target that is switched on.
    #[must_use]
    pub fn senders(&self, event: &Event) -> Vec<&Route> {
        let minutes = self.minutes();
        let reaches = |route: &&Route| route.targets.iter().any(|target| self.is_on(target));
        let sends = |route: &&Route| minutes.iter().any(|at| route.sends(event, *at));
        self.routes.iter().filter(reaches).filter(sends).collect()
    }

    /// The first event of `events`, each about a node, that reaches no target at some minute of the week.
    #[must_use]
    pub fn gap<'e>(&self, events: impl IntoIterator<Item = (&'e str, Event)>) -> Option<Gap> {
        let minutes = self.minutes();
        events.into_iter().find_map(|(hostname, event)| {
            let is_lost = |at: &&Minute| self.reached(&event, **at).is_empty();
            let at = *minutes.iter().find(is_lost)?;
            let always = minutes.iter().filter(is_lost).count() == minutes.len();
            Some(Gap { hostname: hostname.to_owned(), at, always })
        })
    }

    /// The first gap among the failures of `nodes`: an event is raised for each fenced node, at any hour.
    #[must_use]
    pub fn fencing_gap<'n>(&self, nodes: impl IntoIterator<Item = &'n str>) -> Option<Gap> {
        self.gap(nodes.into_iter().map(|node| (node, Event::new(EventType::Fencing, Severity::Error, node))))
    }

    /// The first gap among failures of `jobs`, which are replication jobs by id, on `nodes`: a job follows its guest.
    #[must_use]
    pub fn replication_gap(&self, nodes: &[&str], jobs: &[&str]) -> Option<Gap> {
        let event = |node| Event::new(EventType::Replication, Severity::Error, node);
        self.gap(nodes.iter().flat_map(|node| jobs.iter().map(move |job| (*node, event(node).of_job(job)))))
    }

    fn is_on(&self, target: &str) -> bool {
        self.targets.get(target) == Some(&true)
    }

    /// One minute of each stretch of the week in which all matchers do the same.
    fn minutes(&self) -> BTreeSet<Minute> {
        let windows = self.routes.iter().flat_map(|route| &route.windows);
        windows.flat_map(Window::edges).chain(Minute::midnights()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(matcher: &str, statements: &[&str]) -> Route {
        Route {
            matcher: matcher.to_owned(),
            targets: ["mail".to_owned()].into(),
            fields: statements.iter().map(|statement| FieldFilter::parse(statement).unwrap()).collect(),
            ..Route::default()
        }
    }

    fn hours(matcher: &str, windows: &[&str]) -> Route {
        Route { windows: windows.iter().map(|window| window.parse().unwrap()).collect(), ..route(matcher, &[]) }
    }

    fn routing(routes: Vec<Route>) -> Routing {
        Routing { routes, targets: [("mail".to_owned(), true), ("off".to_owned(), false)].into() }
    }

    fn gap(routes: Vec<Route>) -> Option<Gap> {
        routing(routes).fencing_gap(["pve1", "pve2"])
    }

    #[test]
    fn a_matcher_without_conditions_sends_everything_even_if_inverted() {
        assert_eq!(gap(vec![route("all", &[])]), None);
        assert_eq!(gap(vec![Route { invert: true, ..route("all", &[]) }]), None);
    }

    #[test]
    fn what_is_off_or_unknown_reaches_nothing() {
        let always = |routes| gap(routes).is_some_and(|gap| gap.always);
        assert!(always(vec![]));
        assert!(always(vec![Route { disabled: true, ..route("m", &[]) }]));
        for target in ["off", "gone"] {
            assert!(always(vec![Route { targets: [target.to_owned()].into(), ..route("m", &[]) }]));
        }
    }

    #[test]
    fn conditions_are_combined_by_mode_and_inverted() {
        let errors = BTreeSet::from([Severity::Error]);
        let info = BTreeSet::from([Severity::Info]);
        let with = |mode, severities: &BTreeSet<Severity>, invert| Route {
            mode,
            severities: vec![severities.clone()],
            invert,
            ..route("m", &["exact:type=fencing"])
        };
        assert_eq!(gap(vec![with(Mode::All, &errors, false)]), None);
        assert!(gap(vec![with(Mode::All, &info, false)]).is_some());
        assert_eq!(gap(vec![with(Mode::Any, &info, false)]), None);
        assert_eq!(gap(vec![with(Mode::All, &info, true)]), None);
        assert!(gap(vec![with(Mode::Any, &info, true)]).is_some());
    }

    #[test]
    fn a_node_that_no_matcher_names_is_a_gap() {
        let found = gap(vec![route("m", &["exact:hostname=pve1"])]).unwrap();
        assert_eq!((found.hostname.as_str(), found.always), ("pve2", true));
        assert_eq!(gap(vec![route("a", &["exact:hostname=pve1"]), route("b", &["regex:hostname=^pve[2-9]$"])]), None);
    }

    #[test]
    fn hours_that_no_matcher_covers_are_a_gap() {
        let found = gap(vec![hours("office", &["mon..fri 8-17"])]).unwrap();
        assert_eq!((found.at.to_string().as_str(), found.always), ("mon 00:00", false));
        let week = vec![hours("week", &["mon..fri 0-23:59"]), hours("weekend", &["sat,sun 0-23:59"])];
        assert_eq!(gap(week.clone()), None);
        assert_eq!(gap(vec![week[0].clone()]).unwrap().at.to_string(), "sat 00:00");
        let evening = gap(vec![hours("day", &["0-17:30"]), hours("night", &["18-23:59"])]).unwrap();
        assert_eq!(evening.at.to_string(), "mon 17:31");
        let two = Route { mode: Mode::Any, ..hours("night", &["0-6", "6:01-23:59"]) };
        assert_eq!(gap(vec![two]), None);
    }

    #[test]
    fn a_built_in_is_reset_where_others_are_removed() {
        let mut off = Routing { routes: vec![Route { disabled: true, ..Route::builtin() }], ..Routing::default() };
        off.targets.extend([(DEFAULT_TARGET.to_owned(), false), ("own".to_owned(), true)]);
        off.put(Route { matcher: "own".to_owned(), targets: ["own".to_owned()].into(), ..Route::default() });
        assert_eq!(off.fencing_gap(["pve1"]), None);
        off.put(Route { disabled: true, matcher: "own".to_owned(), ..Route::default() });
        assert!(off.fencing_gap(["pve1"]).is_some());
        off.remove("own");
        assert_eq!((off.routes.len(), off.targets.len()), (1, 1));
        off.remove(DEFAULT_MATCHER);
        assert!(off.fencing_gap(["pve1"]).is_some());
        off.remove(DEFAULT_TARGET);
        assert_eq!(off.fencing_gap(["pve1"]), None);
    }

    #[test]
    fn each_replication_job_needs_a_matcher() {
        let only = routing(vec![route("m", &["exact:type=replication", "exact:job-id=100-0"])]);
        assert_eq!(only.replication_gap(&["pve1"], &["100-0"]), None);
        assert!(only.replication_gap(&["pve1"], &["100-0", "101-0"]).is_some());
        assert_eq!(only.replication_gap(&["pve1"], &[]), None);
        let event = Event::new(EventType::Replication, Severity::Error, "pve1").of_job("100-0");
        assert_eq!(only.senders(&event).len(), 1);
    }
}
