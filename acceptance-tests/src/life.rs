//! The life of a resource type, from create to destroy, as a table: what every resource has to go through in the
//! same order.
//!
//! Each attribute has an object of its own, so that one plan proves for all attributes that it names exactly what is different.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::plan::Plan;
use crate::{Cluster, Workspace};

/// A resource type's life.
#[derive(Default)]
pub struct Life {
    pub kind: &'static str,
    /// The path of the collection.
    pub collection: &'static str,
    /// The member of an entry that is its id.
    pub key: &'static str,
    /// What the objects need, as configuration.
    pub needs: String,
    pub objects: Vec<Object>,
    /// The name of an object, and what it is called or about afterwards: one new value for each attribute that needs a new
    /// object, with the id that follows from it.
    pub replacements: Vec<Replacement>,
    /// Parameters that every PUT repeats.
    pub always: Vec<(&'static str, String)>,
    /// Parameters of a DELETE that is done at once.
    pub deleting: Vec<(&'static str, String)>,
    /// Where there is no collection: how the object with that id is removed outside of Terraform.
    pub removes: Option<fn(&Cluster, &str)>,
    /// Where there is no collection: the ids of the objects that are there.
    pub lists: Option<fn(&Cluster) -> BTreeSet<String>>,
    /// Computed attributes that follow whatever is changed.
    pub follows: &'static [&'static str],
    /// Whether no answer has the secrets that the objects are created with, so that an import is followed by an update.
    pub is_unreadable: bool,
    /// Whether a create returns a warning.
    pub warns: bool,
    /// Whether the collection itself is the only object there is, of which each of the objects manages a part.
    pub is_singleton: bool,
}

#[derive(Default)]
pub struct Object {
    /// Its name in the configuration: the attribute it is here for, with an addition after `__` if there are several.
    pub name: &'static str,
    pub id: String,
    /// The attributes and blocks it is created with.
    pub base: Vec<(&'static str, String)>,
    /// What its attribute becomes by an update; nothing removes it.
    pub changed: Option<String>,
    /// The value that an edit outside of Terraform gives the attribute; empty if Proxmox doesn't store it.
    pub drift: Vec<(&'static str, String)>,
    /// What else becomes something else by that update, without a trace in the plan: write-only values.
    pub write_only: Vec<(&'static str, String)>,
    /// Whether it has secrets, which the CLI leaves out of a configuration that it writes.
    pub is_secret: bool,
    /// How the attribute is edited outside of Terraform if there is no collection.
    pub edit: Option<Edit>,
}

/// A change of a cluster outside of Terraform.
pub type Edit = Box<dyn Fn(&Cluster)>;

/// A change that needs a new object.
#[derive(Default)]
pub struct Replacement {
    pub object: &'static str,
    pub attribute: &'static str,
    pub value: String,
    /// The new object's id.
    pub id: String,
}

impl Life {
    /// Lives it.
    ///
    /// # Panics
    /// Something isn't as it has to be.
    #[track_caller]
    pub fn live(&self, cluster: &std::sync::Arc<Cluster>) {
        let before = cluster.inventory();
        let w = Workspace::new(cluster);
        self.create(&w);
        self.update(&w);
        self.import(&w, cluster);
        self.drift(&w, cluster);
        self.replace(&w, cluster);
        w.destroy();
        if cluster.is_own() {
            assert_eq!(cluster.inventory(), before, "something is left behind");
        } else if !self.is_singleton {
            // Other tests are at work there.
            let left = self.there(cluster);
            assert!(self.objects.iter().all(|object| !left.contains(&object.id)), "something is left behind: {left:?}");
        }
    }

    fn create(&self, w: &Workspace) {
        w.configure(&self.configuration(|object| object.base.clone()));
        let run = w.apply();
        assert_eq!(!run.warnings().is_empty(), self.warns, "{}", run.text);
        w.plan_is_empty();
    }

    fn update(&self, w: &Workspace) {
        w.configure(&self.configuration(Object::updated));
        let plan = w.plan();
        let all: Vec<String> = self.sorted(|object| format!("{} update", self.address(object)));
        assert_eq!(plan.changes(), all);
        for object in &self.objects {
            assert_eq!(self.changed(&plan, object), set(object.attribute()), "update of {}", object.name);
        }
        w.apply_plan();
        w.plan_is_empty();
    }

    fn import(&self, w: &Workspace, cluster: &std::sync::Arc<Cluster>) {
        // All of them by blocks, their configuration written by the CLI.
        let fresh = Workspace::new(cluster);
        // An import can't say what is write-only.
        let open = || self.objects.iter().filter(|object| !object.is_secret && object.write_only.is_empty());
        let blocks =
            open().map(|object| format!("import {{\n  to = {}\n  id = {:?}\n}}\n", self.address(object), object.id));
        fresh.configure(&blocks.collect::<String>());
        let plan = fresh.plan_with(&["-generate-config-out=generated.tf"]);
        assert!(plan.changes().is_empty(), "{:?}", plan.changes());
        assert_eq!(plan.imports(), open().count());
        for object in open() {
            let address = self.address(object);
            self.assert_same(object, &w.attributes(&address), plan.after(&address));
        }
        // One by its id, and those that have secrets.
        let first = open().find(|object| object.is_stored());
        let secret = self.objects.iter().filter(|object| object.is_secret);
        for object in first.into_iter().chain(secret) {
            let address = self.address(object);
            let created = w.attributes(&address);
            w.expect(0, &["state", "rm", &address]);
            w.expect(0, &["import", "-no-color", &address, &object.id]);
            self.assert_same(object, &created, &w.attributes(&address));
            if self.is_unreadable {
                assert_eq!(w.plan().changes(), [format!("{address} update")]);
                w.apply_plan();
            }
            w.plan_is_empty();
        }
    }

    /// Attributes that Proxmox doesn't store are at their default after an import; of the rest none is different.
    #[track_caller]
    fn assert_same(&self, object: &Object, created: &Json, imported: &Json) {
        for (name, value) in created.as_object().into_iter().flatten() {
            let own = name == object.attribute();
            let local = (!object.is_stored() && own) || (!own && self.follows.contains(&name.as_str()));
            let same = means(value) == means(&imported[name]);
            assert!(local || same, "{}.{name}: {value} was created, {} imported", object.name, imported[name]);
        }
    }

    fn drift(&self, w: &Workspace, cluster: &Cluster) {
        let mut expected = Vec::new();
        let (last, others) = match self.objects.split_last() {
            Some((last, others)) if !self.is_singleton => (Some(last), others),
            _ => (None, self.objects.as_slice()),
        };
        for object in others.iter().filter(|object| object.is_stored()) {
            match &object.edit {
                Some(edit) => edit(cluster),
                None => cluster.api.put(&self.path(&object.id), &borrowed(self.always.iter().chain(&object.drift))),
            }
            expected.push(format!("{} update", self.address(object)));
        }
        if let Some(last) = last {
            match self.removes {
                Some(remove) => remove(cluster, &last.id),
                None => cluster.api.delete(&self.path(&last.id), &borrowed(&self.deleting)),
            }
            expected.push(format!("{} create", self.address(last)));
        }
        expected.sort();
        let plan = w.plan();
        assert_eq!(plan.changes(), expected);
        for object in others.iter().filter(|object| object.is_stored()) {
            assert_eq!(self.changed(&plan, object), set(object.attribute()), "drift of {}", object.name);
        }
        w.apply_plan();
        w.plan_is_empty();
    }

    fn replace(&self, w: &Workspace, cluster: &Cluster) {
        if self.replacements.is_empty() {
            return;
        }
        let replaced = |object: &Object| {
            let mut attributes = object.updated();
            for replacement in self.replacements.iter().filter(|r| r.object == object.name) {
                put(&mut attributes, replacement.attribute, Some(&replacement.value));
            }
            attributes
        };
        w.configure(&self.configuration(replaced));
        let plan = w.plan();
        let expected: Vec<String> =
            self.replacements.iter().map(|r| format!("{}.{} delete+create", self.kind, r.object)).collect();
        assert_eq!(plan.changes(), {
            let mut e = expected;
            e.sort();
            e
        });
        for replacement in &self.replacements {
            let address = format!("{}.{}", self.kind, replacement.object);
            assert_eq!(plan.replaced_by(&address), [replacement.attribute], "{address}");
        }
        w.apply_plan();
        w.plan_is_empty();
        let now = self.there(cluster);
        for replacement in &self.replacements {
            let old = self.objects.iter().find(|object| object.name == replacement.object).expect("the table names it");
            assert!(now.contains(&replacement.id) && (!now.contains(&old.id) || old.id == replacement.id), "{now:?}");
        }
    }

    fn configuration(&self, attributes: impl Fn(&Object) -> Vec<(&'static str, String)>) -> String {
        let blocks = self.objects.iter().map(|object| block(self.kind, object.name, &attributes(object)));
        format!("{}\n{}", self.needs, blocks.collect::<String>())
    }

    /// What the plan changes, without what only follows.
    fn changed(&self, plan: &Plan, object: &Object) -> BTreeSet<String> {
        let mut changed = plan.changed(&self.address(object));
        changed.retain(|name| name == object.attribute() || !self.follows.contains(&name.as_str()));
        changed
    }

    /// The ids of the objects that are there.
    fn there(&self, cluster: &Cluster) -> BTreeSet<String> {
        match self.lists {
            Some(list) => list(cluster),
            None => cluster.api.list(self.collection, self.key).into_keys().collect(),
        }
    }

    fn address(&self, object: &Object) -> String {
        format!("{}.{}", self.kind, object.name)
    }

    fn path(&self, id: &str) -> String {
        if self.is_singleton { self.collection.to_owned() } else { format!("{}/{id}", self.collection) }
    }

    fn sorted(&self, line: impl Fn(&Object) -> String) -> Vec<String> {
        let mut lines: Vec<String> = self.objects.iter().map(line).collect();
        lines.sort();
        lines
    }
}

impl Object {
    /// An object called `name`, with the id `id` and the attributes `base`.
    pub fn new(name: &'static str, id: &str, base: &[(&'static str, &str)]) -> Self {
        Self { name, id: id.to_owned(), base: owned(base), ..Self::default() }
    }

    /// Its attribute becomes `value` by an update.
    #[must_use]
    pub fn becomes(self, value: &str) -> Self {
        Self { changed: Some(value.to_owned()), ..self }
    }

    /// An edit outside of Terraform sends these parameters.
    #[must_use]
    pub fn drifts(self, parameters: &[(&'static str, &str)]) -> Self {
        Self { drift: owned(parameters), ..self }
    }

    /// An edit outside of Terraform does this to the attribute.
    #[must_use]
    pub fn edited(self, edit: impl Fn(&Cluster) + 'static) -> Self {
        Self { edit: Some(Box::new(edit)), ..self }
    }

    /// The noun has sensitive attributes.
    #[must_use]
    pub fn secret(self) -> Self {
        Self { is_secret: true, ..self }
    }

    /// With that update the write-only attribute `name` becomes `value`.
    #[must_use]
    pub fn with_write_only(mut self, name: &'static str, value: &str) -> Self {
        self.write_only.push((name, value.to_owned()));
        self
    }

    /// Whether Proxmox stores the attribute it is here for.
    fn is_stored(&self) -> bool {
        self.edit.is_some() || !self.drift.is_empty()
    }

    /// The attribute it is here for: its name up to the first two underscores.
    fn attribute(&self) -> &'static str {
        self.name.split("__").next().unwrap_or(self.name)
    }

    fn updated(&self) -> Vec<(&'static str, String)> {
        let mut attributes = self.base.clone();
        put(&mut attributes, self.attribute(), self.changed.as_deref());
        for (name, value) in &self.write_only {
            put(&mut attributes, name, Some(value));
        }
        attributes
    }
}

fn put(attributes: &mut Vec<(&'static str, String)>, name: &'static str, value: Option<&str>) {
    attributes.retain(|(n, _)| *n != name);
    if let Some(value) = value {
        attributes.push((name, value.to_owned()));
    }
}

/// A resource block; values that begin with a brace without `=` before it are attributes, too: maps.
pub fn block(kind: &str, name: &str, attributes: &[(&str, String)]) -> String {
    let lines = attributes.iter().map(|(name, value)| match value.strip_prefix("block ") {
        Some(body) => format!("  {name} {body}\n"),
        None => format!("  {name} = {value}\n"),
    });
    format!("resource \"{kind}\" \"{name}\" {{\n{}}}\n\n", lines.collect::<String>())
}

fn owned(list: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    list.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn borrowed<'a>(list: impl IntoIterator<Item = &'a (&'static str, String)>) -> Vec<(&'static str, &'a str)> {
    list.into_iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn set(name: &str) -> BTreeSet<String> {
    BTreeSet::from([name.to_owned()])
}

/// What a value means: unset is the same as empty or a block without content, and a text of lines ends with or without the
/// last line feed.
fn means(value: &Json) -> Json {
    match value {
        Json::String(text) => text.strip_suffix('\n').unwrap_or(text).into(),
        Json::Array(items) if items.is_empty() => Json::Null,
        Json::Object(members) if members.values().all(Json::is_null) => Json::Null,
        _ => value.clone(),
    }
}
