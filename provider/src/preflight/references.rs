//! What refers to an object that is to be destroyed, and what this plan makes of that.

use pve_schemas::HaGroup;
use pve_schemas::noun::Noun;

use super::key::Key;
use super::objects::{CheckedResource, Object};
use super::planned_objects::{Family, ObjectIndex};
use super::view::View;
use crate::framework::GivenUp;
use pve_ha_manager::config::Name;

/// What refers to an object on the cluster.
struct Referrers<'a> {
    family: Family,
    ids: Vec<&'a Name>,
}

impl<'a> Referrers<'a> {
    /// None where it doesn't matter, or where the cluster gave no answer.
    fn of(object: &Object, view: &View<'a>) -> Option<Self> {
        match object {
            Object::Group(group) => {
                let ids = view.live.resources()?.users_of(group.name.as_ref()?).collect();
                Some(Self { family: Family::Resource, ids })
            }
            Object::Resource(CheckedResource { sid: Some(sid), noun, .. }) if noun.purge_rules() == Some(false) => {
                let ids = view.live.placed()?.index.rules_naming(sid).collect();
                Some(Self { family: Family::Rule, ids })
            }
            _ => None,
        }
    }
}

/// Whether references can keep such an object from being destroyed.
pub fn can_be_to(object: &Object) -> bool {
    matches!(object, Object::Group(_) | Object::Resource(_))
}

/// Whether it is planned, or known to be planned never, what becomes of all that refers to `object`.
pub fn are_decided(object: &Object, view: &View<'_>) -> bool {
    Referrers::of(object, view)
        .is_none_or(|referrers| referrers.ids.iter().all(|id| view.planned.overrides(referrers.family, id)))
}

/// The references to `object` that this plan gives up; nothing unless all of them are, for then the object stays in use.
pub fn given_up(object: &Object, view: &View<'_>) -> Vec<GivenUp> {
    let (Object::Group(group), Some(referrers)) = (object, Referrers::of(object, view)) else { return Vec::new() };
    let Some(name) = group.name.as_ref().filter(|_| are_decided(object, view)) else { return Vec::new() };
    let planned = referrers.ids.into_iter().filter_map(|sid| Some((sid, becomes(&view.planned.index, sid)?)));
    let given_up = planned.map(|(sid, group)| {
        let to = group.filter(|group| group.as_ref() != Some(name))?;
        let is_to_new = to.as_ref().is_some_and(|to| view.planned.creates(&Key::named(HaGroup::NAME, to)));
        Some(GivenUp { id: sid.to_string(), from: name.to_string(), to: to.map(|to| to.to_string()), is_to_new })
    });
    given_up.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The planned group of an HA resource that stays, as far as it is known.
fn becomes(planned: &ObjectIndex, sid: &Name) -> Option<Option<Option<Name>>> {
    planned.resources.get(sid).map(|resource| resource.group.clone())
}
