//! What a plan changes of the things that failover depends on.

use std::collections::BTreeSet;

use pve_schemas::data::planned::{Planned, Plans};
use pve_schemas::{HaGroup, HaNodeAffinityRule, HaResource, HaResourceAffinityRule};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::document::{Document, Object, ResourceChange};
use crate::simulation::Affects;

/// The changes of one plan.
#[derive(Debug, Default)]
pub(in super::super) struct Changes {
    /// Every change, such as ``create `pve_ha_resource.web` ``.
    pub(super) lines: Vec<String>,
    /// Objects that are wholly known, and those that are removed.
    pub(super) plans: Plans,
    /// Members that rules of others get or lose.
    pub(super) members: Vec<Member>,
    /// Replication jobs that are created or removed.
    pub(super) jobs: Vec<Job>,
    /// The objects that are not predicted.
    pub(super) open: Vec<Open>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) address: String,
    pub(super) rule: String,
    pub(super) sid: String,
    pub(super) is_added: bool,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) guest: i64,
    /// The node that gets the copies.
    pub(super) target: String,
    pub(super) is_added: bool,
}

/// Something that is unknown, and what depends on it.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) address: String,
    pub(super) why: String,
    pub(super) affects: Option<Affected>,
}

#[derive(Debug)]
pub(super) enum Affected {
    Sids(Affects),
    /// These, and those that a rule of this name has now.
    Rule(String, Option<BTreeSet<String>>),
    Guest(i64),
}

/// The types whose changes are simulated.
const SIMULATED: [&str; 6] = [
    "pve_ha_group",
    "pve_ha_node_affinity_rule",
    "pve_ha_resource",
    "pve_ha_resource_affinity_rule",
    "pve_ha_rule_member",
    "pve_replication_job",
];

/// Types that failover depends on as well, and why their changes are not simulated.
const BEYOND: [(&str, &str); 3] = [
    ("pve_datacenter_options", "the scheduler is simulated as it is set now"),
    ("pve_node_maintenance", "the nodes are simulated as they are now"),
    ("pve_qdevice", "the votes are simulated as they are now"),
];

fn is_ours(kind: &str) -> bool {
    SIMULATED.contains(&kind) || BEYOND.iter().any(|(name, _)| *name == kind)
}

impl Changes {
    /// The changes of a plan in the form of `show -json`.
    ///
    /// # Errors
    /// Says why it can't be read.
    pub(in super::super) fn parse(text: &str) -> Result<Self, String> {
        let document = Document::parse(text)?;
        if document.provider_configurations(is_ours) > 1 {
            return Err("it has several configurations of this provider, and nothing in it says which of its objects \
                        belong to which cluster. Plan each cluster by itself"
                .to_owned());
        }
        let mut changes = Self::default();
        if document.errored {
            changes.open("the plan", "it ended with an error and is incomplete", None);
        }
        for deferred in document.deferred_changes.iter().filter(|deferred| is_ours(&deferred.resource_change.kind)) {
            changes.open(&deferred.resource_change.address, "it is deferred to a later plan", None);
        }
        for change in document.resource_changes.iter().filter(|change| is_ours(&change.kind)) {
            changes.add(change);
        }
        Ok(changes)
    }

    fn add(&mut self, change: &ResourceChange) {
        let (deletes, writes) = (change.change.deletes(), change.change.writes());
        if !deletes && !writes {
            return;
        }
        let words = match (deletes, writes) {
            (true, true) => "replace",
            (true, false) => "delete",
            _ if change.change.actions.iter().any(|action| action == "create") => "create",
            _ => "update",
        };
        self.lines.push(format!("{words} `{}`", change.address));
        let (before, after) = (change.change.before(), change.change.after());
        if let Some((_, why)) = BEYOND.iter().find(|(kind, _)| *kind == change.kind) {
            let is_crs = before.known.get("crs") != after.known.get("crs") || after.open.contains_key("crs");
            if change.kind != "pve_datacenter_options" || is_crs {
                self.open(&change.address, why, None);
            }
            return;
        }
        if deletes {
            self.remove(change, &before);
        }
        if writes {
            self.write(change, &after);
        }
    }

    fn remove(&mut self, change: &ResourceChange, before: &Object) {
        let address = &change.address;
        let key = if change.kind == "pve_ha_resource" { "sid" } else { "name" };
        match change.kind.as_str() {
            "pve_ha_rule_member" => self.member(address, before, false),
            "pve_replication_job" => self.job(address, before, false),
            _ => match before.text(key) {
                Ok(id) => drop(self.plans.removed.get_or_insert_default().insert(id.to_owned())),
                Err(why) => self.open(address, &format!("`{key}` {why}"), Some(Affected::Sids(Affects::All))),
            },
        }
    }

    fn write(&mut self, change: &ResourceChange, after: &Object) {
        let address = &change.address;
        match change.kind.as_str() {
            "pve_ha_rule_member" => self.member(address, after, true),
            "pve_replication_job" => self.job(address, after, true),
            "pve_ha_resource" => {
                let sid = after.text("sid").map(str::to_owned);
                let affects = sid.map(|sid| Affected::Sids(Affects::These([sid].into()))).ok();
                if let Some(planned) = self.planned::<HaResource>(address, after, "sid", RESOURCE, affects) {
                    self.plans.resources.get_or_insert_default().push(planned);
                }
            }
            "pve_ha_group" => {
                let name = after.text("name").map(str::to_owned);
                let affects = Affected::Sids(name.map_or(Affects::All, Affects::GroupOf));
                if let Some(planned) = self.planned::<HaGroup>(address, after, "name", GROUP, Some(affects)) {
                    self.plans.groups.get_or_insert_default().push(planned);
                }
            }
            "pve_ha_node_affinity_rule" => {
                if let Some(planned) =
                    self.planned::<HaNodeAffinityRule>(address, after, "name", NODE_RULE, rule(after))
                {
                    self.plans.node_affinity_rules.get_or_insert_default().push(planned);
                }
            }
            _ => {
                let planned =
                    self.planned::<HaResourceAffinityRule>(address, after, "name", RESOURCE_RULE, rule(after));
                if let Some(planned) = planned {
                    self.plans.resource_affinity_rules.get_or_insert_default().push(planned);
                }
            }
        }
    }

    /// The object, if all that failover depends on is known of it. An HA resource with unknown attributes is one all the same.
    fn planned<T: DeserializeOwned>(
        &mut self,
        address: &str,
        after: &Object,
        key: &str,
        relevant: &[&str],
        affects: Option<Affected>,
    ) -> Option<Planned<T>> {
        let open: Vec<String> =
            relevant.iter().filter_map(|name| Some(format!("`{name}` {}", after.open.get(*name)?))).collect();
        let is_resource = key == "sid";
        let is_keyed = after.text(key).is_ok();
        if !open.is_empty() {
            self.open(address, &open.join(", "), affects);
            if !is_resource || !is_keyed {
                return None;
            }
        }
        let known: Map<String, Json> =
            relevant.iter().filter_map(|name| Some(((*name).to_owned(), after.known.get(*name)?.clone()))).collect();
        match serde_json::from_value(Json::Object(known)) {
            Ok(planned) => Some(planned),
            Err(_) => {
                let why = "the plan has a value that this version of the provider does not support";
                self.open(address, why, Some(Affected::Sids(Affects::All)));
                None
            }
        }
    }

    fn member(&mut self, address: &str, object: &Object, is_added: bool) {
        match (object.text("rule"), object.text("resource")) {
            (Ok(rule), Ok(sid)) => self.members.push(Member {
                address: address.to_owned(),
                rule: rule.to_owned(),
                sid: sid.to_owned(),
                is_added,
            }),
            (rule, sid) => {
                let why =
                    [rule.err().map(|why| format!("`rule` {why}")), sid.err().map(|why| format!("`resource` {why}"))];
                let affects = match sid {
                    Ok(sid) => Affects::These([sid.to_owned()].into()),
                    Err(_) => Affects::All,
                };
                let why: Vec<String> = why.into_iter().flatten().collect();
                self.open(address, &why.join(", "), Some(Affected::Sids(affects)));
            }
        }
    }

    fn job(&mut self, address: &str, object: &Object, is_added: bool) {
        // A job may have been turned round since it was created.
        let target = object.text("copies_to").or_else(|_| object.text("target"));
        match (object.integer("guest"), target) {
            (Ok(guest), Ok(target)) => self.jobs.push(Job { guest, target: target.to_owned(), is_added }),
            (Ok(guest), Err(why)) => {
                self.open(address, &format!("`target` {why}"), Some(Affected::Guest(guest)));
            }
            (Err(why), _) => self.open(address, &format!("`guest` {why}"), None),
        }
    }

    fn open(&mut self, address: &str, why: &str, affects: Option<Affected>) {
        self.open.push(Open { address: address.to_owned(), why: why.to_owned(), affects });
    }
}

const RESOURCE: &[&str] = &["sid", "state", "group", "failback", "auto_rebalance", "max_restart", "max_relocate"];
const GROUP: &[&str] = &["name", "nodes", "restricted", "nofailback"];
const NODE_RULE: &[&str] = &["name", "resources", "nodes", "affinity", "strict", "disabled"];
const RESOURCE_RULE: &[&str] = &["name", "resources", "affinity", "disabled"];

/// What an unknown rule affects: its members, planned and live, or everything.
fn rule(after: &Object) -> Option<Affected> {
    let members = after.known.get("resources").and_then(Json::as_array);
    let members = members.map(|list| list.iter().filter_map(Json::as_str).map(str::to_owned).collect());
    Some(match after.text("name") {
        Ok(name) => Affected::Rule(name.to_owned(), members),
        Err(_) => Affected::Sids(members.map_or(Affects::All, Affects::These)),
    })
}
