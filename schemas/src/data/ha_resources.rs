//! `pve_ha_resources`: the guests under the control of the HA manager, as configured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::answer::{complaints, list, natural, shown};
use crate::HaResource;
use crate::ha_resource::{MAX_RELOCATE, MAX_RESTART, STATE};
use crate::noun::Noun;
use crate::rest::{Parsed, Rest};
use crate::tf_block;
use crate::value::{ConfigId, Entry, HaState};

/// The HA resources as configured, sorted by type and number. Their current state is in `pve_ha_status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaResources {
    /// What to look for.
    #[serde(flatten)]
    pub arguments: HaResourcesArguments,
    /// The ids of the resources found, such as `vm:100`.
    pub sids: Vec<String>,
    /// The HA resources that match the arguments, sorted by type and number.
    pub resources: Vec<HaResourceRow>,
}

/// Which resources to list.
#[tf_block]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaResourcesArguments {
    /// Only virtual machines (`vm`) or containers (`ct`).
    #[serde(rename = "type")]
    #[tf(optional)]
    pub kind: Option<GuestKind>,
    /// Only resources with this requested state. `enabled` is another word for `started`.
    #[tf(optional)]
    pub state: Option<HaState>,
    /// Only resources of this HA group. **PVE 8 only.**
    #[tf(optional)]
    pub group: Option<ConfigId>,
}

/// The kind of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GuestKind {
    /// A virtual machine.
    Vm,
    /// A container.
    Ct,
}

/// An HA resource as configured; what is not configured shows Proxmox's default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HaResourceRow {
    /// The guest: `vm:100` for a virtual machine, `ct:101` for a container.
    pub sid: String,
    /// `vm` for a virtual machine, `ct` for a container.
    #[serde(rename = "type")]
    pub kind: String,
    /// The number of the guest.
    pub guest: i64,
    /// The requested state: `started`, `stopped`, `disabled` or `ignored`.
    pub state: String,
    /// The HA group. **PVE 8 only.**
    pub group: Option<String>,
    /// Whether it moves back to a node of higher priority. **PVE 9 only**; null on PVE 8.
    pub failback: Option<bool>,
    /// Whether the load balancer of the HA manager may move it. **PVE 9.2 and newer**; null before.
    pub auto_rebalance: Option<bool>,
    /// How often a failed start is tried again on the same node.
    pub max_restart: i64,
    /// How often it is moved to another node after failed starts.
    pub max_relocate: i64,
    /// The comment of the HA resource; null without one.
    pub comment: Option<String>,
    /// The errors that Proxmox reports about its configuration, such as a group that does not exist.
    pub errors: Vec<String>,
}

impl Noun for HaResources {
    const NAME: &'static str = "pve_ha_resources";
    const TITLE: &'static str = "HA resources";
}

impl HaResources {
    /// From the answer of `/cluster/ha/resources` of the given release, such as `(9, 2)`.
    ///
    /// # Errors
    /// Says what of the answer has an unexpected form.
    pub fn from_answer(arguments: HaResourcesArguments, answer: &Json, release: (i64, i64)) -> Result<Self, String> {
        let entries = list(answer)?.iter().map(|entry| HaResourceRow::from_entry(entry, release));
        let mut resources = entries.collect::<Result<Vec<_>, _>>()?;
        resources.retain(|resource| arguments.let_through(resource));
        resources.sort_by_key(|resource| natural(&resource.sid));
        Ok(Self { sids: resources.iter().map(|resource| resource.sid.clone()).collect(), resources, arguments })
    }
}

impl HaResourcesArguments {
    fn let_through(&self, resource: &HaResourceRow) -> bool {
        let kind = self.kind.is_none_or(|kind| resource.kind == kind.as_str());
        let state = self.state.is_none_or(|state| resource.state == normal(state).as_str());
        let group = self.group.as_ref().is_none_or(|group| resource.group.as_deref() == Some(group.as_str()));
        kind && state && group
    }
}

impl GuestKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Ct => "ct",
        }
    }
}

impl HaResourceRow {
    fn from_entry(entry: &Json, release: (i64, i64)) -> Result<Self, String> {
        let Ok(Parsed { noun, .. }) = HaResource::parse(entry) else { return Self::of_later_release(entry) };
        let since = |brought_by: (i64, i64), is: bool| (release >= brought_by).then_some(is);
        let (kind, guest) = (noun.sid.kind(), noun.sid.vmid().parse::<i64>().map_err(|e| e.to_string())?);
        let further = json!({
            "type": kind,
            "guest": guest,
            "state": normal(noun.state()),
            "failback": noun.failback.or(since((9, 0), noun.failback())),
            "auto_rebalance": noun.auto_rebalance.or(since((9, 2), noun.auto_rebalance())),
            "errors": complaints(entry),
        });
        shown(noun, further)
    }

    /// A resource that no noun can hold, such as one in a state that a later Proxmox has: what all have is shown as it is.
    fn of_later_release(json: &Json) -> Result<Self, String> {
        let entry = Entry(json);
        let sid = entry.required("sid")?;
        let (kind, guest) = sid.split_once(':').ok_or_else(|| format!("sid = {sid:?} has no type"))?;
        let shown = json!({
            "sid": sid,
            "type": kind,
            "guest": guest.parse::<i64>().map_err(|_| format!("sid = {sid:?} has no number"))?,
            "state": entry.text("state").unwrap_or_else(|| STATE.as_str().to_owned()),
            "group": entry.text("group"),
            "max_restart": entry.integer("max_restart").unwrap_or(MAX_RESTART),
            "max_relocate": entry.integer("max_relocate").unwrap_or(MAX_RELOCATE),
            "comment": entry.text("comment"),
            "errors": complaints(json),
        });
        serde_json::from_value(shown).map_err(|e| e.to_string())
    }
}

/// `enabled` is stored verbatim and means `started`.
fn normal(state: HaState) -> HaState {
    if state == HaState::Enabled { HaState::Started } else { state }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::recorded::{answer, reversed};

    fn all(case: &str, n: u64, release: (i64, i64)) -> HaResources {
        HaResources::from_answer(HaResourcesArguments::default(), &answer(case, n), release).unwrap()
    }

    #[test]
    fn defaults_are_filled_in() {
        let nine = all("pve9-ha-resources", 29, (9, 2));
        assert_eq!(nine.sids, ["ct:200", "vm:100", "vm:102"]);
        let plain = &nine.resources[1];
        assert_eq!((plain.guest, plain.max_restart, plain.failback), (100, 1, Some(true)));
        assert_eq!((nine.resources[2].failback, nine.resources[2].max_relocate), (Some(false), 100_000));
        assert_eq!(plain.auto_rebalance, Some(true));
        let before = all("pve9-ha-resources", 29, (9, 1));
        assert_eq!((before.resources[1].failback, before.resources[1].auto_rebalance), (Some(true), None));
        let pinned = serde_json::json!([{"sid": "vm:100", "auto-rebalance": 0}]);
        let pinned = HaResources::from_answer(HaResourcesArguments::default(), &pinned, (9, 2)).unwrap();
        assert_eq!(pinned.resources[0].auto_rebalance, Some(false));
        let eight = all("pve8-ha-resources", 30, (8, 4));
        assert_eq!((eight.sids, eight.resources[0].failback), (nine.sids, None));
    }

    #[test]
    fn the_order_of_the_answer_does_not_matter() {
        let recorded = reversed(answer("pve8-ha-resources", 30));
        let turned = HaResources::from_answer(HaResourcesArguments::default(), &recorded, (8, 4)).unwrap();
        assert_eq!(turned, all("pve8-ha-resources", 30, (8, 4)));
    }

    #[test]
    fn filters_narrow_the_list() {
        let recorded = answer("pve8-ha-resources", 30);
        let sids = |arguments| HaResources::from_answer(arguments, &recorded, (8, 4)).unwrap().sids;
        let none = HaResourcesArguments::default;
        assert_eq!(sids(HaResourcesArguments { kind: Some(GuestKind::Ct), ..none() }), ["ct:200"]);
        assert_eq!(sids(HaResourcesArguments { state: Some(HaState::Disabled), ..none() }), ["vm:102"]);
        assert!(sids(HaResourcesArguments { group: Some("nosuch".parse().unwrap()), ..none() }).is_empty());
    }

    #[test]
    fn enabled_counts_as_started() {
        let answer = serde_json::json!([{"sid": "vm:100", "state": "enabled"}, {"sid": "vm:101"}]);
        for state in [HaState::Enabled, HaState::Started] {
            let arguments = HaResourcesArguments { state: Some(state), ..HaResourcesArguments::default() };
            assert_eq!(HaResources::from_answer(arguments, &answer, (9, 2)).unwrap().sids, ["vm:100", "vm:101"]);
        }
    }

    #[test]
    fn a_resource_that_no_noun_can_hold_is_shown_all_the_same() {
        let answer = serde_json::json!([{"sid": "vm:100", "state": "paused"}, {"sid": "svc:101", "max_restart": 3}]);
        let found = HaResources::from_answer(HaResourcesArguments::default(), &answer, (9, 2)).unwrap();
        assert_eq!(found.sids, ["svc:101", "vm:100"]);
        let [other, paused] = found.resources.as_slice() else { panic!("two resources") };
        assert_eq!((other.state.as_str(), other.max_restart, other.max_relocate), ("started", 3, 1));
        assert_eq!((paused.state.as_str(), paused.max_restart), ("paused", 1));
    }

    #[test]
    fn a_missing_group_is_an_error_of_the_resource() {
        let resources = all("pve8-ha-rules-absent", 10, (8, 4)).resources;
        assert_eq!(resources[0].errors, ["group: group 'nosuch' does not exist"]);
        assert_eq!(resources[0].group.as_deref(), Some("nosuch"));
    }
}
