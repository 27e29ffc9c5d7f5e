//! What refers to an object that is to be destroyed, and what this plan makes of that.

use pve_schemas::HaGroup;
use pve_schemas::noun::Noun;

use super::key::Key;
use super::object_index::{Family, ObjectIndex};
use super::objects::{CheckedMember, CheckedResource, Object};
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
    matches!(object, Object::Group(_) | Object::Resource(_) | Object::Member(_))
}

/// Whether it is planned, or known to be planned never, what becomes of all that refers to `object`.
pub fn are_decided(object: &Object, view: &View<'_>) -> bool {
    if let Object::Member(member) = object {
        // Whatever other members the rule has may be removed, too.
        let is_planned =
            |(rule, sid)| view.planned.overrides(Family::Rule, rule) && view.planned.overrides(Family::Resource, sid);
        return Fate::of(member, view) == Fate::Gone || member.known().is_none_or(is_planned);
    }
    let is_decided = |referrers: &Referrers<'_>, id: &Name| {
        let is_member = referrers.family == Family::Rule
            && matches!(object, Object::Resource(CheckedResource { sid: Some(sid), .. }) if view.planned.members.get(id, sid).is_some());
        is_member || view.planned.overrides(referrers.family, id)
    };
    Referrers::of(object, view).is_none_or(|referrers| referrers.ids.iter().all(|id| is_decided(&referrers, id)))
}

/// What becomes of the rule and of the HA resource of a member that is to be destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// This plan destroys the rule, or removes the HA resource from all rules: the member goes along.
    Gone,
    /// It is not known: where everything is destroyed, core plans an object after all that refer to it.
    Open,
    Stays,
}

impl Fate {
    pub fn of(member: &CheckedMember, view: &View<'_>) -> Self {
        let Some((rule, sid)) = member.known() else { return Self::Open };
        let planned = view.planned;
        if planned.overrides(Family::Rule, rule) && !planned.plans(Family::Rule, rule) || planned.purges(sid) {
            return Self::Gone;
        }
        if planned.is_destroy_only() { Self::Open } else { Self::Stays }
    }
}

/// The references to `object` that this plan gives up; nothing unless all of them are, for then the object stays in use.
pub fn given_up(object: &Object, view: &View<'_>) -> Vec<GivenUp> {
    if let Object::Member(member) = object {
        let is_last = |rule| view.rule(rule).is_some_and(|seen| !seen.object.has_enough());
        let gone = member.known().filter(|(rule, _)| match Fate::of(member, view) {
            Fate::Gone => true,
            // Then a warning says that it remains.
            Fate::Open => is_last(rule),
            Fate::Stays => false,
        });
        let reference = |(rule, sid): (&Name, &Name)| GivenUp {
            id: rule.to_string(),
            from: sid.to_string(),
            to: None,
            is_to_new: false,
        };
        return gone.map(reference).into_iter().collect();
    }
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
