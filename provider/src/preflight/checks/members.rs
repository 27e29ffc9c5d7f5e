//! Members of rules that others manage.

use crate::framework::Path;
use crate::preflight::finding::{Finding, error, warning};
use crate::preflight::object_index::Family;
use crate::preflight::objects::{CheckedRule, Object};
use crate::preflight::references::Fate;
use crate::preflight::view::CheckCase;
use pve_ha_manager::config::Name;

/// The check of rules that do not exist.
pub const MISSING: &str = "missing-rule";

/// The check of rules that need their members.
pub const LAST: &str = "last-rule-member";

/// Whether Proxmox refuses a rule or a member as planned so far, in a plan with members of rules.
pub fn is_refused(case: &CheckCase<'_>) -> bool {
    let has_complaint = || case.conflicts().is_some_and(|conflicts| conflicts.complaint(|_| true).is_some());
    !case.view.planned.members.is_empty() && has_complaint()
}

/// A rule that does not exist.
pub fn missing_rule(case: &CheckCase<'_>) -> Vec<Finding> {
    let (Some((rule, sid)), view) = (case.member(), &case.view) else { return Vec::new() };
    let is_listed = view.live.placed().is_some_and(|placed| !placed.are_groups);
    if !is_listed || view.planned.has_nameless(Family::Rule) || view.rule(rule).is_some() {
        return Vec::new();
    }
    vec![warning(
        Some(Path::attribute("rule")),
        format!(
            "{sid}: the cluster has no HA rule {rule}. Unless this apply creates it first, the create of the member \
             fails.\nRefer to the `name` of the rule's resource, so that Terraform keeps that order."
        ),
    )]
}

/// A rule that would be left with too few HA resources.
pub fn last_member(case: &CheckCase<'_>) -> Vec<Finding> {
    let view = &case.view;
    match (case.destroyed(), case.prior(), case.changed()) {
        (Some(Object::Member(member)), ..) => {
            let Some((rule, sid)) = member.known() else { return Vec::new() };
            let fate = Fate::of(member, view);
            if fate == Fate::Gone || view.rule(rule).is_none_or(|seen| seen.object.has_enough()) {
                return Vec::new();
            }
            let problem = format!("{sid}: without it the rule {rule} has too few HA resources. {LEAST}");
            if fate == Fate::Open {
                let detail = format!(
                    "{problem} Unless this plan destroys the rule as well, or the HA resource with `purge_rules = \
                     true`, {sid} remains in the rule."
                );
                return vec![warning(None, detail)];
            }
            let detail = format!(
                "{problem}\nRemove the rule where it is managed, or add another HA resource to it first. To leave \
                 {sid} in the rule and remove it from the state only, use a `removed` block with `destroy = false`."
            );
            vec![error(None, detail)]
        }
        (None, Some(Object::Member(old)), Some(Object::Member(new))) => {
            let (Some((rule, sid)), true) = (old.known(), old.known() != new.known()) else { return Vec::new() };
            let left = view.live.placed().and_then(|placed| placed.index.rules.get(rule)).cloned();
            let left = left.map(|rule| without(rule, sid));
            if left.is_none_or(|rule| rule.has_enough()) {
                return Vec::new();
            }
            let detail = format!(
                "{sid}: without it the rule {rule} has too few HA resources. {LEAST} Without `create_before_destroy` \
                 Terraform removes it before it adds the new member. That is refused, and nothing is changed.\nSet \
                 `lifecycle {{ create_before_destroy = true }}` in this resource."
            );
            let head = format!("Replacing the last member of an HA rule needs create_before_destroy: {rule}");
            vec![warning(None, detail).headed(head)]
        }
        _ => Vec::new(),
    }
}

const LEAST: &str =
    "Proxmox has no rule without HA resources, and no enabled resource affinity rule with fewer than two.";

fn without(mut rule: CheckedRule, sid: &Name) -> CheckedRule {
    if let Some(resources) = &mut rule.resources {
        resources.remove(sid);
    }
    rule
}
