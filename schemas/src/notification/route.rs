//! Where a planned matcher sends what.

use super::fields::{FieldPatterns, FieldValues};
use super::filter::{FieldFilter, pattern};
use super::matcher::{NotificationMatcher, PartialNotificationMatcher};
use super::routing::Route;

impl NotificationMatcher {
    /// The matcher as notifications meet it.
    ///
    /// # Errors
    /// Says which condition Proxmox would refuse.
    pub fn route(&self) -> Result<Route, String> {
        let values = self.fields.0.iter().flatten();
        let values = values.map(|(field, values)| Ok(FieldFilter::Exact(field.clone(), values.clone())));
        let patterns = self.field_patterns.0.iter().flatten();
        let patterns = patterns.flat_map(|(field, all)| all.iter().map(move |one| (field, one))).map(|(field, one)| {
            let pattern = pattern(one).map_err(|problem| format!("{one:?} {}", problem.0))?;
            Ok(FieldFilter::Pattern(field.clone(), pattern))
        });
        let windows = self.calendar.iter().flatten().map(|text| text.parse().map_err(|e| format!("{text:?} {e}")));
        Ok(Route {
            matcher: self.name.to_string(),
            targets: self.targets.clone().unwrap_or_default(),
            mode: self.mode(),
            invert: self.invert(),
            fields: values.chain(patterns).collect::<Result<_, String>>()?,
            severities: self.severities.clone().into_iter().collect(),
            windows: windows.collect::<Result<_, String>>()?,
            disabled: self.disabled(),
        })
    }
}

impl PartialNotificationMatcher {
    /// The matcher as notifications meet it; none while a part of that is unknown. One that is switched off needs no more.
    pub fn route(&self) -> Option<Route> {
        let is_off = self.disabled()?;
        let known = NotificationMatcher {
            name: self.name.clone()?,
            targets: if is_off { None } else { self.targets.clone()? },
            mode: if is_off { None } else { Some(self.mode()?) },
            invert: if is_off { None } else { Some(self.invert()?) },
            fields: if is_off { FieldValues::default() } else { self.fields.clone()? },
            field_patterns: if is_off { FieldPatterns::default() } else { self.field_patterns.clone()? },
            severities: if is_off { None } else { self.severities.clone()? },
            calendar: if is_off { None } else { self.calendar.clone()? },
            comment: None,
            disabled: Some(is_off),
        };
        known.route().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::notification::event::{Event, EventType, Severity};
    use crate::notification::routing::Routing;
    use crate::noun::Partly;
    use crate::rest::Rest;

    #[test]
    fn a_matcher_is_the_route_of_its_entry() {
        for more in [
            json!({}),
            json!({"match-field": ["exact:type=fencing,replication", "regex:hostname=^pve[12]$"], "match-severity": ["error"]}),
            json!({"match-field": ["exact:hostname=pve1"], "invert-match": 1, "mode": "any", "match-calendar": ["mon..fri 8-17"]}),
            json!({"disable": 1}),
        ] {
            let mut entry = json!({"name": "mm", "target": ["mail"]});
            entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let matcher = NotificationMatcher::parse(&entry).unwrap().noun;
            let gap = |route: Route| {
                let routing = Routing { routes: vec![route], targets: [("mail".to_owned(), true)].into() };
                let event = |node| (node, Event::new(EventType::Fencing, Severity::Error, node));
                routing.gap(["pve1", "pve2", "pve3"].map(event))
            };
            let expected = gap(Route::parse(&entry).unwrap());
            assert_eq!(gap(matcher.route().unwrap()), expected, "{entry}");
            assert_eq!(gap(PartialNotificationMatcher::from(matcher).route().unwrap()), expected, "{entry}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_not_known_but_that_it_is_off() {
        let route = |known: Json| NotificationMatcher::known(|name| known.get(name).cloned()).route();
        let known = json!({"name": "mm", "disabled": null});
        assert!(route(known).is_none());
        assert!(route(json!({"name": "mm", "disabled": true})).unwrap().disabled);
    }
}
