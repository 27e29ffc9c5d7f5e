//! HA rules: PVE 9.

use std::collections::BTreeMap;

use pve_ha_manager::feasibility::{Infeasible, RuleErrors};
use serde_json::{Map, Value, json};

use super::{AUDIT, CONSOLE, feasibility, files, locked};
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Route};
use crate::schema::formats::{CONFIG_ID, Format};
use crate::schema::{Prop, Schema};
use crate::section_config::{Plugin, Section, Sections, Values, node_priorities, without};
use crate::world::{HaManager, Pve, World};

/// `/cluster/ha/rules`
pub(super) fn routes(pve: Pve, ha: HaManager) -> Vec<Route> {
    const LIST: &str = "/cluster/ha/rules";
    const ONE: &str = "/cluster/ha/rules/{rule}";
    if pve == Pve::V8 {
        return Vec::new();
    }
    let id = || Schema::new().req("rule", Prop::string().format(Format::One(CONFIG_ID)));
    let types = || Prop::choice(&files::RULE_TYPES);
    let filters = Schema::new().opt("type", types()).opt("resource", Prop::string());
    let post = id().req("type", types()).one_of("type", cases(ha, Schema::req));
    let put = id()
        .req("type", types())
        .opt("delete", Prop::string().max_length(4096).format(Format::List(CONFIG_ID)))
        .opt("digest", Prop::string().max_length(64))
        .one_of("type", cases(ha, Schema::opt));
    vec![
        Route::get(LIST, list).permission(AUDIT).params(filters),
        Route::get(ONE, read).permission(AUDIT).params(id()),
        Route::post(LIST, create).permission(CONSOLE).params(post),
        Route::put(ONE, update).permission(CONSOLE).params(put),
        Route::delete(ONE, delete).permission(CONSOLE).params(id()),
    ]
}

/// The properties of each type; `main` adds those that a rule can't be without.
fn cases(ha: HaManager, main: fn(Schema, &'static str, Prop) -> Schema) -> Vec<(&'static str, Schema)> {
    let common = || {
        let schema = main(Schema::new(), "resources", files::rule_resources());
        schema.opt("disable", Prop::boolean()).opt("comment", files::comment())
    };
    let nodes = main(common(), "nodes", files::node_list(Pve::V9)).opt("strict", Prop::boolean());
    let nodes = if ha >= HaManager::NodesToAvoid { nodes.opt("affinity", files::affinity()) } else { nodes };
    vec![(files::RULE_TYPES[0], nodes), (files::RULE_TYPES[1], main(common(), "affinity", files::affinity()))]
}

fn list(call: &mut Call<'_>) -> ApiResult {
    let kind = call.params.str("type");
    let resource = call.params.str("resource");
    let rules = current(call.world);
    let errors = feasibility::errors(call.world, &rules);
    let names =
        |rule: &Section, sid: &str| rule.text("resources").is_some_and(|text| text.split(',').any(|r| r == sid));
    let ha = call.world.ha_manager();
    let matches = |rule: &&Section| {
        kind.as_ref().is_none_or(|kind| rule.kind == *kind) && resource.as_ref().is_none_or(|sid| names(rule, sid))
    };
    Ok(rules.list.iter().filter(matches).map(|rule| entry(ha, rule, &rules.digest, &errors)).collect())
}

fn read(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("rule");
    let rules = current(call.world);
    let rule = rules.find(&id).ok_or_else(|| ApiError::die(format!("no such ha rule '{id}'")))?;
    Ok(entry(call.world.ha_manager(), rule, &rules.digest, &feasibility::errors(call.world, &rules)))
}

fn create(call: &mut Call<'_>) -> ApiResult {
    call.check_quorum()?;
    refuse_unless_migrated(call.world, "create")?;
    let id = call.params.text("rule");
    let plugin = plugin(call.world, &call.params.text("type"))?;
    let params = without(&call.params, &["rule", "type"]);
    let values = plugin.check(params.iter(), true).map_err(ApiError::die)?;
    locked(call, "create ha rule failed", |world| {
        let mut rules = (*files::rules(world)).clone();
        if rules.find(&id).is_some() {
            return Err(format!("HA rule '{id}' already defined"));
        }
        check_targets(world, &values)?;
        insert(&mut rules, plugin.kind, &id, values);
        check_feasible(world, &rules, &id)?;
        files::write_rules(world, &rules)
    })
}

fn update(call: &mut Call<'_>) -> ApiResult {
    refuse_unless_migrated(call.world, "update")?;
    let id = call.params.text("rule");
    let digest = call.params.str("digest");
    let dropped = call.params.list("delete");
    let params = without(&call.params, &["rule", "digest", "delete"]);
    let file = files::rule_type(call.world.ha_manager());
    locked(call, "update HA rules failed", |world| {
        let mut rules = (*files::rules(world)).clone();
        rules.assert_unmodified(digest.as_deref())?;
        let missing = || format!("HA rule '{id}' does not exist");
        let rule = rules.find_mut(&id).ok_or_else(missing)?;
        let plugin = file.plugin(&rule.kind).ok_or_else(missing)?;
        let mut changes = plugin.check(params.iter(), false)?;
        // A rule is switched on again by deleting the property; `disable=0` is dropped without a word.
        changes.retain(|name, value| name != "disable" || *value != 0);
        check_targets(world, &changes)?;
        rule.values.extend(changes.clone());
        for name in &dropped {
            plugin.delete(&mut rule.values, std::slice::from_ref(name))?;
            if changes.contains_key(name) {
                return Err(format!("cannot set and delete property '{name}' at the same time!"));
            }
        }
        check_feasible(world, &rules, &id)?;
        files::write_rules(world, &rules)
    })
}

fn delete(call: &mut Call<'_>) -> ApiResult {
    let id = call.params.text("rule");
    locked(call, "delete ha rule failed", |world| {
        let mut rules = (*files::rules(world)).clone();
        rules.remove(&id);
        files::write_rules(world, &rules)
    })
}

/// The rules as the CRM sees them: while groups aren't migrated yet, these are among them.
fn current(world: &World) -> Sections {
    let mut rules = (*files::rules(world)).clone();
    let groups = files::groups(world);
    let resources = files::resources(world);
    for group in &groups.list {
        let users: Vec<&str> = resources
            .list
            .iter()
            .filter(|resource| resource.text("group").as_deref() == Some(&group.id))
            .map(|resource| resource.id.as_str())
            .collect();
        if users.is_empty() {
            continue;
        }
        let nodes = node_priorities(&group.text("nodes").unwrap_or_default());
        let nodes: Vec<String> =
            nodes.iter().map(|(node, pri)| if pri == "0" { node.clone() } else { format!("{node}:{pri}") }).collect();
        let strict = group.values.get("restricted").cloned().unwrap_or(Value::Null);
        let mut values = Values::from([
            ("nodes".to_owned(), nodes.join(",").into()),
            ("resources".to_owned(), users.join(",").into()),
            ("strict".to_owned(), strict),
        ]);
        if let Some(comment) = group.values.get("comment") {
            values.insert("comment".to_owned(), comment.clone());
        }
        rules.push(files::RULE_TYPES[0], &format!("ha-group-{}", group.id), values);
    }
    rules
}

/// A new rule gets the rank after the first one, so it precedes others that have that rank already.
fn insert(rules: &mut Sections, kind: &str, id: &str, values: Values) {
    let order = rules.list.iter().map(|rule| rule.order).min().unwrap_or(0) + 1;
    let at = rules.list.iter().position(|rule| rule.order >= order).unwrap_or(rules.list.len());
    rules.list.insert(at, Section { kind: kind.to_owned(), id: id.to_owned(), order, values });
}

/// Refuses resources that aren't managed and nodes that don't exist.
fn check_targets(world: &World, values: &Values) -> Result<(), String> {
    let text = |name: &str| values.get(name).and_then(Value::as_str);
    if let Some(list) = text("resources") {
        if list.is_empty() {
            return Err("no resources were specified".to_owned());
        }
        let managed = files::resources(world);
        let unmanaged: Vec<&str> = list.split(',').filter(|sid| managed.find(sid).is_none()).collect();
        if !unmanaged.is_empty() {
            return Err(format!("cannot use unmanaged resource(s) {}.", unmanaged.join(", ")));
        }
    }
    if let Some(list) = text("nodes") {
        if list.is_empty() {
            return Err("no nodes were specified".to_owned());
        }
        let nodes = node_priorities(list);
        let unknown: Vec<&str> =
            nodes.keys().map(String::as_str).filter(|node| !world.nodes.contains_key(*node)).collect();
        if !unknown.is_empty() {
            return Err(format!("cannot use non-existent node(s) {}.", unknown.join(", ")));
        }
    }
    Ok(())
}

/// The state of all rules is looked at, but only errors of the changed one count. They pass through the lock as text.
fn check_feasible(world: &World, rules: &Sections, id: &str) -> Result<(), String> {
    let errors = feasibility::errors(world, rules);
    let Some(errors) = errors.get(id) else { return Ok(()) };
    let lines = by_property(errors).map(|(property, texts)| format!("{property}: {}", texts.join(", ")));
    Err(format!("400 Rule '{id}' is invalid.\n{}", lines.collect::<Vec<_>>().join("\n")))
}

/// The properties with errors, in the order of their names, with Proxmox's texts.
fn by_property(errors: &RuleErrors) -> impl Iterator<Item = (&'static str, Vec<String>)> {
    let texts = |errors: &[Infeasible]| errors.iter().map(ToString::to_string).collect();
    let all: [(_, Vec<String>); 2] = [("nodes", texts(&errors.nodes)), ("resources", texts(&errors.resources))];
    all.into_iter().filter(|(_, texts)| !texts.is_empty())
}

fn plugin(world: &World, kind: &str) -> ApiResult<&'static Plugin> {
    files::rule_type(world.ha_manager())
        .plugin(kind)
        .ok_or_else(|| ApiError::die(format!("unknown section type '{kind}'")))
}

fn refuse_unless_migrated(world: &World, operation: &str) -> ApiResult<()> {
    if files::groups_are_migrated(world) {
        return Ok(());
    }
    Err(ApiError::die(format!("cannot {operation} ha rule: ha groups have not been migrated yet")))
}

fn entry(ha: HaManager, rule: &Section, digest: &str, errors: &BTreeMap<String, RuleErrors>) -> Value {
    let mut entry: Map<String, Value> = rule.values.clone().into_iter().collect();
    // Defaults that Perl takes for true are filled in.
    if ha >= HaManager::NodesToAvoid && rule.kind == files::RULE_TYPES[0] {
        entry.entry("affinity").or_insert_with(|| json!("positive"));
    }
    entry.extend([
        ("rule".to_owned(), json!(rule.id)),
        ("type".to_owned(), json!(rule.kind)),
        ("order".to_owned(), json!(rule.order)),
        ("digest".to_owned(), json!(digest)),
    ]);
    if let Some(errors) = errors.get(&rule.id) {
        let errors: Map<_, _> = by_property(errors).map(|(name, texts)| (name.to_owned(), json!(texts))).collect();
        entry.insert("errors".to_owned(), Value::Object(errors));
    }
    Value::Object(entry)
}
