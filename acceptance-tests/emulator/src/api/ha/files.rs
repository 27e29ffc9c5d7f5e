//! The HA configuration files, parsed.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::{RESOURCE_ID, commands};
use crate::crm;
use crate::schema::Prop;
use crate::schema::formats::{CONFIG_ID, Format, Named, matches};
use crate::section_config::{Codec, FileType, Opt, Plugin, Sections};
use crate::world::{HaManager, Pve, World};

pub const RESOURCES: &str = "/etc/pve/ha/resources.cfg";
pub const GROUPS: &str = "/etc/pve/ha/groups.cfg";
pub const RULES: &str = "/etc/pve/ha/rules.cfg";

/// The states a resource can be asked to be in.
pub(super) const STATES: [&str; 5] = ["started", "stopped", "enabled", "disabled", "ignored"];
/// The types of rules.
pub(super) const RULE_TYPES: [&str; 2] = ["node-affinity", "resource-affinity"];

#[must_use]
pub fn resources(world: &World) -> Arc<Sections> {
    parsed(world, RESOURCES, resource_type(world))
}

#[must_use]
pub fn groups(world: &World) -> Arc<Sections> {
    parsed(world, GROUPS, group_type(world.profile.pve))
}

/// The rules as they are in their file.
#[must_use]
pub fn rules(world: &World) -> Arc<Sections> {
    parsed(world, RULES, rule_type(world.ha_manager()))
}

fn parsed(world: &World, path: &str, file: &'static FileType) -> Arc<Sections> {
    // Nodes of different versions read the same file differently.
    world.sections.read_as(path, std::ptr::from_ref(file) as usize, world.file(path), |text| file.parse(text))
}

/// Writes the resources.
///
/// # Errors
/// A value can't be written.
pub fn write_resources(world: &mut World, sections: &Sections) -> Result<(), String> {
    let text = resource_type(world).render(sections)?;
    world.write_file(RESOURCES, text);
    Ok(())
}

/// Writes the groups.
///
/// # Errors
/// A value can't be written.
pub fn write_groups(world: &mut World, sections: &Sections) -> Result<(), String> {
    let text = group_type(world.profile.pve).render(sections)?;
    world.write_file(GROUPS, text);
    Ok(())
}

/// Writes the rules.
///
/// # Errors
/// A value can't be written.
pub fn write_rules(world: &mut World, sections: &Sections) -> Result<(), String> {
    let text = rule_type(world.ha_manager()).render(sections)?;
    world.write_file(RULES, text);
    Ok(())
}

/// Whether HA groups are disabled: on PVE 9, once all are migrated.
#[must_use]
pub fn groups_are_migrated(world: &World) -> bool {
    world.profile.pve == Pve::V9 && groups(world).list.is_empty()
}

/// The CRM's status; nothing if no CRM ever ran.
#[must_use]
pub fn manager_status(world: &World) -> Arc<Value> {
    let parse = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| Value::Object(serde_json::Map::new()));
    world.documents.read(crm::MANAGER_STATUS, world.file(crm::MANAGER_STATUS), parse)
}

/// A node's LRM status, if it ever wrote one.
#[must_use]
pub fn lrm_status(world: &World, node: &str) -> Option<Value> {
    serde_json::from_str(world.file_opt(&crm::lrm_status(node))?).ok()
}

/// Queues a line for the CRM.
pub fn queue_command(world: &mut World, line: &str) {
    let queued = format!("{}{line}\n", world.file(commands::CRM_COMMANDS));
    world.write_file(commands::CRM_COMMANDS, queued);
}

/// The resource types of the HA manager at work.
pub(super) fn resource_type(world: &World) -> &'static FileType {
    static OF_8: LazyLock<FileType> = LazyLock::new(|| new_resource_type(Pve::V8, HaManager::Plain));
    static OF_9: LazyLock<FileType> = LazyLock::new(|| new_resource_type(Pve::V9, HaManager::Plain));
    static OF_9_2: LazyLock<FileType> = LazyLock::new(|| new_resource_type(Pve::V9, HaManager::AutoRebalance));
    match (world.profile.pve, world.ha_manager()) {
        (Pve::V8, _) => &OF_8,
        (Pve::V9, HaManager::Plain) => &OF_9,
        (Pve::V9, _) => &OF_9_2,
    }
}

/// The group type by release.
pub(super) fn group_type(pve: Pve) -> &'static FileType {
    static OF_8: LazyLock<FileType> = LazyLock::new(|| new_group_type(Pve::V8));
    static OF_9: LazyLock<FileType> = LazyLock::new(|| new_group_type(Pve::V9));
    match pve {
        Pve::V8 => &OF_8,
        Pve::V9 => &OF_9,
    }
}

/// The rule types of an HA manager.
pub(super) fn rule_type(ha: HaManager) -> &'static FileType {
    static PLAIN: LazyLock<FileType> = LazyLock::new(|| new_rule_type(false));
    static WITH_NODES_TO_AVOID: LazyLock<FileType> = LazyLock::new(|| new_rule_type(true));
    if ha >= HaManager::NodesToAvoid { &WITH_NODES_TO_AVOID } else { &PLAIN }
}

fn new_rule_type(nodes_to_avoid: bool) -> FileType {
    let common = || {
        [
            Opt::required("resources", rule_resources()).codec(Codec::SortedSet),
            Opt::optional("disable", Prop::boolean()),
            Opt::optional("comment", comment()).codec(Codec::Bytes),
        ]
    };
    let nodes = Opt::required("nodes", node_list(Pve::V9)).codec(Codec::NodePriorities);
    let avoided = nodes_to_avoid.then(|| Opt::optional("affinity", affinity()));
    let strict = Opt::optional("strict", Prop::boolean());
    let node_affinity = common().into_iter().chain([nodes, strict]).chain(avoided);
    let affinity = Opt::required("affinity", affinity());
    let plugins = vec![
        Plugin { kind: RULE_TYPES[0], options: node_affinity.collect() },
        Plugin { kind: RULE_TYPES[1], options: common().into_iter().chain([affinity]).collect() },
    ];
    FileType { plugins, typed_ids: false }
}

fn new_resource_type(pve: Pve, ha: HaManager) -> FileType {
    let plugin = |kind| {
        let mut options = vec![
            Opt::optional("state", Prop::choice(&STATES)),
            Opt::optional("group", Prop::string().format(Format::One(CONFIG_ID))),
            Opt::optional("max_restart", Prop::integer().min(0.0)),
            Opt::optional("max_relocate", Prop::integer().min(0.0)),
            Opt::optional("comment", comment()),
        ];
        if pve == Pve::V9 {
            options.push(Opt::optional("failback", Prop::boolean()));
        }
        if ha >= HaManager::AutoRebalance {
            options.push(Opt::optional("auto-rebalance", Prop::boolean()));
        }
        Plugin { kind, options }
    };
    FileType { plugins: vec![plugin("ct"), plugin("vm")], typed_ids: true }
}

fn new_group_type(pve: Pve) -> FileType {
    let options = vec![
        Opt::required("nodes", node_list(pve)).codec(Codec::NodeSet),
        Opt::optional("restricted", Prop::boolean()),
        Opt::optional("nofailback", Prop::boolean()),
        Opt::optional("comment", comment()),
    ];
    FileType { plugins: vec![Plugin { kind: "group", options }], typed_ids: false }
}

/// The schema of every comment.
pub(super) fn comment() -> Prop {
    Prop::string().max_length(4096)
}

/// The schema of a rule's resources.
pub(super) fn rule_resources() -> Prop {
    Prop::string().format(Format::List(RESOURCE_ID))
}

/// The schema of an affinity.
pub(super) fn affinity() -> Prop {
    Prop::choice(&["positive", "negative"])
}

/// The schema of nodes with priorities.
pub(super) fn node_list(pve: Pve) -> Prop {
    const NODE: &str = r"^[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?(:[0-9]+)?$";
    const GROUP_NODE: Named = Named {
        name: "pve-ha-group-node",
        check: |value| matches(value, NODE, || "value does not look like a valid ha group node".to_owned()),
    };
    const HA_NODE: Named = Named {
        name: "pve-ha-node",
        check: |value| matches(value, NODE, || "value does not look like a valid ha node".to_owned()),
    };
    Prop::string().format(Format::List(match pve {
        Pve::V8 => GROUP_NODE,
        Pve::V9 => HA_NODE,
    }))
}
