//! Checks a plan and an apply against the expected changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value as Json;

use super::observe;
use super::reason::Reason;
use super::topology::{Change, Changes, Topology, kind};
use crate::output::Message;
use crate::plan::Plan;

/// Something that must not be.
#[derive(Debug, Clone)]
pub struct Harm {
    /// Of what kind it is.
    pub kind: HarmKind,
    pub text: String,
}

/// The kinds of harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HarmKind {
    /// A plan deletes or replaces what is configured.
    PlanDestroys,
    /// A plan changes what nothing has changed.
    PlanTooMuch,
    /// A plan doesn't name what a person changed.
    PlanTooLittle,
    /// A plan fails for no good reason, or doesn't name it.
    PlanFails,
    /// An apply fails for no good reason, or doesn't name it.
    ApplyFails,
    /// An apply succeeds, and the cluster is not as configured.
    ApplyUntrue,
    /// The state is not as the cluster, or not as configured.
    StateUntrue,
    /// After an apply something that nothing should have removed is gone.
    Lost,
    /// An apply has changed what isn't managed.
    Touched,
    /// The soak's own model is wrong: the cluster is not as the oracle has it.
    Model,
}

impl Harm {
    /// Harm of a kind.
    pub fn new(kind: HarmKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.text)
    }
}

/// Attributes that follow others, by type: no configuration sets them.
const FOLLOWERS: [(&str, &[&str]); 5] = [
    ("pve_replication_job", &["source", "copies_to"]),
    ("pve_node_watchdog", &["active_module", "reboot_required"]),
    ("pve_node_maintenance", &["evacuated"]),
    ("pve_cluster_member", &["online"]),
    ("pve_qdevice", &["algorithm", "votes", "state"]),
];

/// Compares what a plan does with what it has to do; what it does beside that to objects that are `out_of_sight` is their
/// state's business, as long as nothing is destroyed.
///
/// # Errors
/// The harm that it would do.
pub fn plan(plan: &Plan, expected: &Changes, out_of_sight: impl Fn(&str) -> bool) -> Result<(), Harm> {
    let mut lines = BTreeMap::new();
    for line in plan.changes() {
        let (address, actions) = line.rsplit_once(' ').unwrap_or((&line, ""));
        lines.insert(address.to_owned(), actions.to_owned());
    }
    let reported = |what: &str| format!("{what}\nplanned: {lines:#?}\nexpected: {expected:#?}");
    for (address, actions) in &lines {
        let change = expected.get(address);
        let destroys = actions.contains("delete") || actions.contains("forget");
        if destroys && change != Some(&Change::Delete) {
            return Err(Harm::new(HarmKind::PlanDestroys, reported(&format!("{address}: {actions}"))));
        }
    }
    for (address, change) in expected {
        let found = lines.remove(address).unwrap_or_default();
        let planned = match change {
            Change::Create => "create",
            Change::Update(_) => "update",
            Change::Delete => "delete",
        };
        if found != planned {
            let text = format!("{address}: {planned} was expected, {found:?} is planned\nexpected: {expected:#?}");
            return Err(Harm::new(HarmKind::PlanTooLittle, text));
        }
        if let Change::Update(attributes) = change {
            let followers = FOLLOWERS.iter().find(|(of, _)| *of == kind(address)).map_or(&[][..], |(_, names)| *names);
            let mut changed = plan.changed(address);
            // How long an apply may take is chosen for each of them anew.
            changed.retain(|name| name != "timeouts" && !followers.contains(&name.as_str()));
            if changed != *attributes {
                let which =
                    if changed.is_superset(attributes) { HarmKind::PlanTooMuch } else { HarmKind::PlanTooLittle };
                let text = format!("{address}: {attributes:?} were expected to change, {changed:?} do");
                return Err(Harm::new(which, text));
            }
        }
    }
    lines.retain(|address, _| !out_of_sight(address));
    match lines.is_empty() {
        true => Ok(()),
        false => {
            Err(Harm::new(HarmKind::PlanTooMuch, format!("planned in addition to the expected changes: {lines:#?}")))
        }
    }
}

/// Whether the errors of a run that failed each name one of the reasons that there are, on an object of `known` that it concerns.
///
/// # Errors
/// One doesn't.
pub fn failure(
    kind: HarmKind,
    errors: &[&Message],
    reasons: &[Reason],
    known: &Topology,
    text: &str,
) -> Result<(), Harm> {
    if errors.is_empty() {
        return Err(Harm::new(kind, format!("it fails without a diagnostic:\n{text}")));
    }
    for error in errors {
        if !reasons.iter().any(|reason| reason.is_named_by(error, known)) {
            let said = format!("{}: {}", error.address, error.flat());
            return Err(Harm::new(kind, format!("{said}\nreasons there are: {reasons:?}\n{text}")));
        }
    }
    Ok(())
}

/// Compares what there was before an apply with what is there after it.
///
/// # Errors
/// Something is gone, or something that isn't managed is different.
pub fn inventory(
    before: &BTreeMap<String, Json>,
    after: &BTreeMap<String, Json>,
    managed: &Topology,
    planned: &Changes,
) -> Result<(), Harm> {
    let names = |matches: &dyn Fn(&str) -> bool| -> BTreeSet<String> {
        let objects = managed.0.iter().filter(|(address, _)| matches(address));
        objects.flat_map(|(address, attributes)| observe::names(address, attributes)).collect()
    };
    let removed = names(&|address| planned.get(address) == Some(&Change::Delete));
    let managed = names(&|_| true);
    for (name, was) in before {
        match after.get(name) {
            None if !removed.contains(name) => {
                return Err(Harm::new(HarmKind::Lost, format!("{name} is gone after the apply")));
            }
            Some(is) if is != was && !managed.contains(name) => {
                return Err(Harm::new(HarmKind::Touched, format!("{name} is not managed, was {was}, and is {is}")));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn planned(changes: &[(&str, &[&str], Json, Json)]) -> Plan {
        let change = |(address, actions, before, after): &(&str, &[&str], Json, Json)| json!({"address": address, "change": {"actions": actions, "before": before, "after": after}});
        Plan(json!({"resource_changes": changes.iter().map(change).collect::<Vec<_>>()}))
    }

    fn kind_of(found: Result<(), Harm>) -> Option<HarmKind> {
        found.err().map(|harm| harm.kind)
    }

    #[test]
    fn every_kind_of_wrong_plan_is_harm() {
        let job = "pve_replication_job.db";
        let update = || Changes::from([(job.to_owned(), Change::Update(["rate".to_owned()].into()))]);
        let change = |actions, after| planned(&[(job, actions, json!({"rate": 1, "source": "a"}), after)]);
        let follows = change(&["update"], json!({"rate": 2, "source": "b"}));
        assert_eq!(kind_of(plan(&follows, &update(), |_| false)), None);
        let empty = Changes::new();
        assert_eq!(kind_of(plan(&change(&["no-op"], json!({"rate": 1, "source": "a"})), &empty, |_| false)), None);
        for (planned, expected, kind) in [
            (change(&["delete", "create"], json!({"rate": 2})), update(), HarmKind::PlanDestroys),
            (change(&["delete"], Json::Null), empty.clone(), HarmKind::PlanDestroys),
            (change(&["forget"], Json::Null), empty.clone(), HarmKind::PlanDestroys),
            (change(&["update"], json!({"rate": 2})), empty.clone(), HarmKind::PlanTooMuch),
            (change(&["update"], json!({"rate": 2, "comment": "x"})), update(), HarmKind::PlanTooMuch),
            (change(&["update"], json!({"rate": 1, "comment": "x"})), update(), HarmKind::PlanTooLittle),
            (change(&["no-op"], json!({"rate": 1})), update(), HarmKind::PlanTooLittle),
        ] {
            assert_eq!(kind_of(plan(&planned, &expected, |_| false)), Some(kind), "{planned:?}");
        }
        let change = |actions| change(actions, json!({"rate": 2}));
        assert_eq!(kind_of(plan(&change(&["update"]), &empty, |address| address == job)), None);
        assert_eq!(kind_of(plan(&change(&["delete"]), &empty, |_| true)), Some(HarmKind::PlanDestroys));
    }

    #[test]
    fn what_is_gone_or_not_managed_and_different_is_harm() {
        let managed =
            Topology([("pve_qdevice.this".to_owned(), [("address".to_owned(), json!("10.0.0.100"))].into())].into());
        let of =
            |pairs: &[(&str, Json)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let before = of(&[("QDevice 10.0.0.100", json!(1)), ("HA rule by-hand", json!(1))]);
        let delete = Changes::from([("pve_qdevice.this".to_owned(), Change::Delete)]);
        let found =
            |after: &[(&str, Json)], changes: &Changes| kind_of(inventory(&before, &of(after), &managed, changes));
        let (device, rule) = (("QDevice 10.0.0.100", json!(2)), ("HA rule by-hand", json!(1)));
        assert_eq!(found(&[device.clone(), rule.clone()], &Changes::new()), None);
        assert_eq!(found(std::slice::from_ref(&rule), &delete), None);
        assert_eq!(found(&[rule], &Changes::new()), Some(HarmKind::Lost));
        assert_eq!(found(std::slice::from_ref(&device), &Changes::new()), Some(HarmKind::Lost));
        assert_eq!(found(&[device, ("HA rule by-hand", json!(2))], &Changes::new()), Some(HarmKind::Touched));
    }

    #[test]
    fn an_error_that_names_none_of_the_reasons_is_harm() {
        let message = |summary: &str| Message {
            is_error: true,
            address: String::new(),
            summary: summary.to_owned(),
            detail: String::new(),
            line: String::new(),
        };
        let reasons = [Reason::Missing(106), Reason::Down("pve2".to_owned())];
        let (named, other) = (message("vm:106 does not exist"), message("unexpected end of file"));
        let found =
            |errors: &[&Message]| kind_of(failure(HarmKind::ApplyFails, errors, &reasons, &Topology::default(), ""));
        assert_eq!(found(&[&named]), None);
        assert_eq!(found(&[&named, &other]), Some(HarmKind::ApplyFails));
        assert_eq!(found(&[]), Some(HarmKind::ApplyFails));
    }
}
