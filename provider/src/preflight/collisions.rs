//! What one resource of a plan is to destroy while another one creates or keeps it: in the end nothing may be left.

use super::Finding;
use super::finding::error;
use super::objects::Object;
use super::planned_objects::PlannedObjects;
use super::view::list;
use crate::preflight::key::Key;
use crate::words::by;

/// The check that tells of them.
pub const NAME: &str = "destroyed-and-created";

/// What of `keys` is destroyed by this plan, and created or kept as well. Of the two objects of a pair the one that is planned
/// last says so.
pub fn found(
    kind: &str,
    object: &Object,
    keys: &[Key],
    is_destroyed: bool,
    planned: &PlannedObjects,
) -> Option<Finding> {
    let names = |is_it: &dyn Fn(&Key) -> bool| keys.iter().filter(|key| is_it(key)).map(Key::name).collect::<Vec<_>>();
    let created = names(&|key| planned.destroys_and_creates(key));
    let kept = names(&|key| planned.destroys_and_keeps(key));
    let (both, detail) = if let Some(first) = created.first() {
        (first, destroyed_and_created(kind, &what(object, &created)))
    } else {
        (kept.first()?, destroyed_and_kept(kind, &what(object, &kept)))
    };
    let path = if is_destroyed { None } else { object.attribute_of(both) };
    Some(error(path, detail))
}

fn what(object: &Object, names: &[&str]) -> String {
    match object {
        Object::Options => {
            let options = by(&names.len(), "option", "options");
            format!("The {options} {}", list(names.iter().copied()))
        }
        _ => names.first().copied().unwrap_or_default().to_owned(),
    }
}

fn destroyed_and_created(kind: &str, what: &str) -> String {
    format!(
        "{what}: created by one resource of this plan, and destroyed by another one. The order is undefined, and the \
         object may not exist afterwards.\nIf the resource has a new address, add this block, and nothing is \
         destroyed:\n\nmoved {{\n  from = {kind}.<old>\n  to   = {kind}.<new>\n}}\n\nOtherwise destroy it in a \
         separate apply first. {}",
        left_behind("destroyed")
    )
}

fn destroyed_and_kept(kind: &str, what: &str) -> String {
    format!(
        "{what}: kept by one resource of this plan, and destroyed by another one. Both are one object, and the destroy \
         would remove it.\nTo manage it at one address only, remove the other one from the state:\n\nremoved {{\n  \
         from = {kind}.<other>\n  lifecycle {{\n    destroy = false\n  }}\n}}\n\n{}",
        left_behind("kept and destroyed")
    )
}

fn left_behind(how: &str) -> String {
    format!(
        "If the plan has it {how} as a deposed object, a replacement with `create_before_destroy` was interrupted: run \
         `terraform state rm` with its address, which changes nothing on the cluster, and import it again."
    )
}
