//! What two resources of a configuration can't both be about.

use pve_schemas::noun::Noun;
use pve_schemas::{DatacenterOptions, ReplicationJob};

use crate::framework::{TIMEOUTS, Value};

/// One thing on the cluster: the space of names, and the name in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    space: String,
    name: String,
    is_pair: bool,
}

impl Key {
    fn new(space: &str, name: impl Into<String>) -> Self {
        Self { space: space.to_owned(), name: name.into(), is_pair: false }
    }

    /// The object of type `kind` with the natural id `id`.
    pub fn named(kind: &str, id: &str) -> Self {
        Self::new(space(kind), id)
    }

    /// All that `object` of type `kind` is about, as far as it is known.
    pub fn of(kind: &str, object: &Value) -> Vec<Self> {
        let text = |name: &str| object.at(name).as_str().map(str::to_owned);
        let id = text("id").map(|id| Self::new(space(kind), id));
        if kind == DatacenterOptions::NAME {
            // Several resources may each have options of their own.
            let set = object.as_map().into_iter().flatten().filter(|(_, value)| !value.is_null());
            let options = set.filter(|(name, _)| !["id", TIMEOUTS].contains(&name.as_str()));
            return options.map(|(name, _)| Self::new(kind, name.as_str())).collect();
        }
        // The number of a job may be chosen by apply; a guest has one job to each target.
        let guest = object.at("guest").as_number().filter(|_| kind == ReplicationJob::NAME);
        let pair = |(guest, target)| Self { is_pair: true, ..Self::new(kind, format!("{guest} to {target}")) };
        let pair = guest.zip(text("target")).map(pair);
        id.into_iter().chain(pair).collect()
    }

    /// Whether it is a part of something that always exists.
    pub fn is_part(&self) -> bool {
        self.space == DatacenterOptions::NAME
    }

    /// Whether it is the guest and the target of a replication job: another job may take them once this one is gone.
    pub fn is_pair(&self) -> bool {
        self.is_pair
    }

    /// What people know it by.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Both types of rules share their names, and so do notification targets of all types and matchers.
fn space(kind: &str) -> &str {
    match kind {
        _ if kind.ends_with("_affinity_rule") => "rule",
        _ if kind.starts_with("pve_notification_") => "notification",
        _ => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_type_is_about() {
        let names =
            |kind, object: &Value| Key::of(kind, object).iter().map(|key| key.name().to_owned()).collect::<Vec<_>>();
        let options = Value::object([("id", "datacenter".into()), ("console", "html5".into()), ("crs", Value::Null)]);
        assert_eq!(names(DatacenterOptions::NAME, &options), ["console"]);
        let job = Value::object([("id", Value::Unknown), ("guest", 100.into()), ("target", "pve2".into())]);
        assert_eq!(names(ReplicationJob::NAME, &job), ["100 to pve2"]);
        let rule = Value::object([("id", "web".into())]);
        let [node, resource] = ["pve_ha_node_affinity_rule", "pve_ha_resource_affinity_rule"];
        assert_eq!(Key::of(node, &rule), Key::of(resource, &rule));
        assert!(Key::of(node, &Value::object([("id", Value::Unknown)])).is_empty());
        let [smtp, matcher] = ["pve_notification_smtp", "pve_notification_matcher"];
        assert_eq!(Key::of(smtp, &rule), Key::of(matcher, &rule));
    }
}
