//! Events that no notification target gets.

use pve_schemas::notification::routing::Gap;

use super::super::Task;
use crate::preflight::finding::{Finding, general_warning};
use crate::preflight::objects::Object;
use crate::preflight::view::CheckCase;

/// What the check of fencing is called.
pub const FENCING: &str = "fencing-unheard";
/// What the check of replication is called.
pub const REPLICATION: &str = "replication-unheard";

/// The gap that an object has to do with.
pub fn fencing_gap(case: &CheckCase<'_>) -> Option<Gap> {
    let concerns = reroutes(case) || matches!((case.any(), case.task()), (Object::Resource(_), Task::Create));
    concerns.then(|| case.view.fencing_gap()).flatten()
}

/// The gap that an object has to do with.
pub fn replication_gap(case: &CheckCase<'_>) -> Option<Gap> {
    let concerns = reroutes(case) || matches!((case.any(), case.task()), (Object::Job(_), Task::Create));
    concerns.then(|| case.view.replication_gap()).flatten()
}

/// Fencing that reaches no target, of some node or at some hour.
pub fn fencing_unheard(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some(gap) = fencing_gap(case) else { return Vec::new() };
    let detail = format!(
        "{} reaches no notification target. A node that fails is then fenced without a message.\nUnless this plan adds \
         it, add a `pve_notification_matcher` for `type` = `fencing` without calendar and host, with a target that is \
         switched on.",
        lost("The event `fencing`", &gap)
    );
    once(case, FENCING, detail)
}

/// Failed replication that reaches no target, of some node, job or at some hour.
pub fn replication_unheard(case: &CheckCase<'_>) -> Vec<Finding> {
    let Some(gap) = replication_gap(case) else { return Vec::new() };
    let detail = format!(
        "{} reaches no notification target. A job that fails is then retried without a message, and its copies grow \
         old.\nUnless this plan adds it, add a `pve_notification_matcher` for `type` = `replication` without calendar \
         and host, with a target that is switched on.",
        lost("The event `replication`", &gap)
    );
    once(case, REPLICATION, detail)
}

/// Whether the object changes where events go to. A new target alone loses none.
fn reroutes(case: &CheckCase<'_>) -> bool {
    match case.any() {
        Object::Matcher(_) => true,
        Object::Target(_) => case.task() != Task::Create,
        _ => false,
    }
}

fn lost(event: &str, gap: &Gap) -> String {
    let node = &gap.hostname;
    if gap.always { format!("{event} of {node}") } else { format!("{event} of {node} at {}", gap.at) }
}

fn once(case: &CheckCase<'_>, name: &str, detail: String) -> Vec<Finding> {
    if case.is_news(name.to_owned()) { vec![general_warning(detail)] } else { Vec::new() }
}
