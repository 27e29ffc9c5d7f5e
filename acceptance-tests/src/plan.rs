//! A plan, as `show -json` prints it.

use std::collections::BTreeSet;

use serde_json::Value as Json;

#[derive(Debug)]
pub struct Plan(pub Json);

impl Plan {
    /// What is to be done with the resource at `address`: such as `["update"]`.
    ///
    /// # Panics
    /// The plan doesn't name it.
    #[track_caller]
    pub fn actions(&self, address: &str) -> Vec<&str> {
        let actions = self.change(address)["change"]["actions"].as_array();
        actions.into_iter().flatten().filter_map(Json::as_str).collect()
    }

    /// The names of the attributes and blocks that change at `address`.
    #[track_caller]
    pub fn changed(&self, address: &str) -> BTreeSet<String> {
        let change = &self.change(address)["change"];
        let empty = serde_json::Map::new();
        let members = |side: &str| change[side].as_object().unwrap_or(&empty).clone();
        let (before, after, unknown) = (members("before"), members("after"), members("after_unknown"));
        let names: BTreeSet<String> = before.keys().chain(after.keys()).chain(unknown.keys()).cloned().collect();
        let differs = |name: &String| {
            before.get(name).unwrap_or(&Json::Null) != after.get(name).unwrap_or(&Json::Null)
                || unknown.get(name).is_some_and(holds_true)
        };
        names.into_iter().filter(differs).collect()
    }

    /// The attributes that force a new object at `address`.
    #[track_caller]
    pub fn replaced_by(&self, address: &str) -> Vec<String> {
        let paths = self.change(address)["change"]["replace_paths"].as_array().cloned().unwrap_or_default();
        paths.iter().map(|path| path[0].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What will be at `address`, as far as it is known.
    #[track_caller]
    pub fn after(&self, address: &str) -> &Json {
        &self.change(address)["change"]["after"]
    }

    /// Every resource that is to be changed, with what is to be done: `pve_ha_resource.a update`.
    pub fn changes(&self) -> Vec<String> {
        let changes = self.0["resource_changes"].as_array().into_iter().flatten();
        let mut list: Vec<String> = changes
            .filter_map(|change| {
                let actions: Vec<&str> =
                    change["change"]["actions"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
                let idle = matches!(actions.as_slice(), ["no-op"] | ["read"]);
                (!idle).then(|| format!("{} {}", change["address"].as_str().unwrap_or_default(), actions.join("+")))
            })
            .collect();
        list.sort();
        list
    }

    /// How many resources are imported.
    pub fn imports(&self) -> usize {
        let changes = self.0["resource_changes"].as_array().into_iter().flatten();
        changes.filter(|change| !change["change"]["importing"].is_null()).count()
    }

    #[track_caller]
    fn change(&self, address: &str) -> &Json {
        let changes = self.0["resource_changes"].as_array().into_iter().flatten();
        let mut found = changes.filter(|change| change["address"] == address);
        found.next().unwrap_or_else(|| panic!("the plan says nothing of {address}"))
    }
}

fn holds_true(value: &Json) -> bool {
    match value {
        Json::Bool(value) => *value,
        Json::Array(items) => items.iter().any(holds_true),
        Json::Object(members) => members.values().any(holds_true),
        _ => false,
    }
}
