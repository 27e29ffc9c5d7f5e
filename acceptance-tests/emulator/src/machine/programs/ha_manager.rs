//! `ha-manager`: the HA configuration, and commands for the CRM.

use serde_json::{Value, json};

use super::formatter;
use super::perl_cli::{Cli, Entry, text};
use super::{Host, Io, Run};
use crate::api::ha;
use crate::route::Method;
use crate::schema::formats::Format;
use crate::schema::{Params, Prop, Schema};
use crate::world::Pve;

pub(super) fn run(host: &mut Host<'_>, io: &mut Io, arguments: &[String]) -> Run {
    // Both had been commands of their own before there was `crm-command`.
    let arguments: Vec<String> = match arguments.first().map(String::as_str) {
        Some("migrate" | "relocate" | "stop") => {
            ["crm-command".to_owned()].into_iter().chain(arguments.iter().cloned()).collect()
        }
        _ => arguments.to_vec(),
    };
    cli(host.world.profile.pve).run(host, io, &arguments)
}

fn cli(pve: Pve) -> Cli {
    const RESOURCE: &str = "/cluster/ha/resources/{sid}";
    const GROUP: &str = "/cluster/ha/groups/{group}";
    const RULE: &str = "/cluster/ha/rules/{rule}";
    let node = || Schema::new().req("node", text());
    let sid = Prop::string().format(Format::One(ha::RESOURCE_OR_VMID));
    let stop = Schema::new().req("sid", sid).req("timeout", Prop::integer().min(0.0));
    let mut commands = vec![
        Entry::own(&["crm-command", "node-maintenance", "disable"], "<node>", &["node"], node(), |host, _, params| {
            Ok(maintenance(host, params, "disable"))
        }),
        Entry::own(&["crm-command", "node-maintenance", "enable"], "<node>", &["node"], node(), |host, _, params| {
            Ok(maintenance(host, params, "enable"))
        }),
        Entry::api(
            &["crm-command", "migrate"],
            "<sid> <node>",
            &["sid", "node"],
            Method::Post,
            "/cluster/ha/resources/{sid}/migrate",
        )
        .printed(|_, io, value, _| consequences(io, value, "migrate")),
        Entry::api(
            &["crm-command", "relocate"],
            "<sid> <node>",
            &["sid", "node"],
            Method::Post,
            "/cluster/ha/resources/{sid}/relocate",
        )
        .printed(|_, io, value, _| consequences(io, value, "relocate")),
    ];
    if pve == Pve::V9 {
        commands.push(Entry::api(&["crm-command", "arm-ha"], "", &[], Method::Post, "/cluster/ha/status/arm-ha"));
        let path = "/cluster/ha/status/disarm-ha";
        commands.push(Entry::api(
            &["crm-command", "disarm-ha"],
            "<resource-mode>",
            &["resource-mode"],
            Method::Post,
            path,
        ));
    }
    commands.push(Entry::own(
        &["crm-command", "stop"],
        "<sid> <timeout>",
        &["sid", "timeout"],
        stop,
        |host, _, params| {
            let sid = match ha::full_sid(host.world, &params.text("sid")) {
                Ok(sid) => sid,
                Err(error) => return Ok(Err(error.stringified().trim_end_matches('\n').to_owned())),
            };
            if !ha::is_managed(host.world, &sid) {
                return Ok(Err(format!("resource '{sid}' is not HA managed")));
            }
            Ok(queue(host, &format!("stop {sid} {}", params.text("timeout"))))
        },
    ));
    let rules = vec![
        Entry::api(&["rules", "add"], "<type> <rule> [OPTIONS]", &["type", "rule"], Method::Post, "/cluster/ha/rules"),
        Entry::api(&["rules", "config"], " [OPTIONS] [FORMAT_OPTIONS]", &[], Method::Get, "/cluster/ha/rules")
            .printed(rules_in_use),
        Entry::api(&["rules", "list"], " [OPTIONS] [FORMAT_OPTIONS]", &[], Method::Get, "/cluster/ha/rules").printed(
            |_, io, value, format| {
                // The index' schema has no more than the name.
                formatter::print(io, value, format, Some(&["rule"]));
                0
            },
        ),
        Entry::api(&["rules", "remove"], "<rule>", &["rule"], Method::Delete, RULE),
        Entry::api(&["rules", "set"], "<type> <rule> [OPTIONS]", &["type", "rule"], Method::Put, RULE),
    ];
    let groups = vec![
        Entry::api(&["groupadd"], "<group> --nodes <string> [OPTIONS]", &["group"], Method::Post, "/cluster/ha/groups"),
        Entry::api(&["groupconfig"], "", &[], Method::Get, "/cluster/ha/groups")
            .printed(|_, io, value, _| sections(io, value, "group", "group: ")),
        Entry::api(&["groupremove"], "<group>", &["group"], Method::Delete, GROUP),
        Entry::api(&["groupset"], "<group> [OPTIONS]", &["group"], Method::Put, GROUP),
    ];
    let resources = vec![
        Entry::api(&["add"], "<sid> [OPTIONS]", &["sid"], Method::Post, "/cluster/ha/resources"),
        Entry::api(&["config"], " [OPTIONS]", &[], Method::Get, "/cluster/ha/resources")
            .printed(|_, io, value, _| sections(io, value, "sid", "")),
        Entry::api(
            &["remove"],
            if pve == Pve::V9 { "<sid> [OPTIONS]" } else { "<sid>" },
            &["sid"],
            Method::Delete,
            RESOURCE,
        ),
        Entry::api(&["set"], "<sid> [OPTIONS]", &["sid"], Method::Put, RESOURCE),
    ];
    let verbose = Schema::new().opt("verbose", Prop::boolean());
    let status = vec![Entry::own(&["status"], " [OPTIONS]", &[], verbose, status)];
    let all = if pve == Pve::V9 {
        vec![commands, rules, groups, resources, status]
    } else {
        vec![commands, groups, resources, status]
    };
    Cli { name: "ha-manager", groups: all }
}

fn maintenance(host: &mut Host<'_>, params: &Params, command: &str) -> Result<i32, String> {
    let node = params.text("node");
    if !host.world.nodes.contains_key(&node) {
        return Err(format!("no such cluster node '{node}'"));
    }
    queue(host, &format!("{command}-node-maintenance {node}"))
}

/// A line for the CRM, written under the lock of the HA configuration.
fn queue(host: &mut Host<'_>, line: &str) -> Result<i32, String> {
    if !host.world.is_quorate() {
        return Err("cfs-lock 'domain-ha' error: no quorum!".to_owned());
    }
    if host.world.is_locked("domain-ha") {
        return Err("cfs-lock 'domain-ha' error: got lock request timeout".to_owned());
    }
    ha::files::queue_command(host.world, line);
    Ok(0)
}

/// Who comes along, and who is in the way; by then the command is queued.
fn consequences(io: &mut Io, value: &Value, command: &str) -> i32 {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let (sid, node) = (text("sid"), text("requested-node"));
    let list = |key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let blockers = list("blocking-resources");
    if !blockers.is_empty() {
        io.err.push_str(&format!("cannot {command} resource '{sid}' to node '{node}':\n\n"));
        for blocker in blockers {
            let other = blocker["sid"].as_str().unwrap_or_default();
            let why = match blocker["cause"].as_str() {
                Some("resource-affinity") => format!(" in negative affinity with resource '{sid}'"),
                _ => String::new(),
            };
            io.err.push_str(&format!("- resource '{other}' on target node '{node}'{why}\n"));
        }
        return 255;
    }
    for companion in list("comigrated-resources") {
        let companion = companion.as_str().unwrap_or_default();
        io.out.push_str(&format!(
            "also {command} resource '{companion}' in positive affinity with resource '{sid}' to target node '{node}'\n"
        ));
    }
    0
}

/// Each entry with its options on lines of their own, in order.
fn sections(io: &mut Io, value: &Value, key: &str, prefix: &str) -> i32 {
    let mut entries: Vec<_> = value.as_array().into_iter().flatten().filter_map(Value::as_object).collect();
    entries.sort_by_key(|entry| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned());
    for entry in entries {
        let id = entry.get(key).and_then(Value::as_str).unwrap_or_default();
        io.out.push_str(&format!("{prefix}{id}\n"));
        let mut options: Vec<_> = entry.iter().collect();
        options.sort_by_key(|(name, _)| *name);
        for (name, option) in options {
            if !matches!(name.as_str(), "digest" | "type" | "errors") && name != key {
                io.out.push_str(&format!("\t{name} {}\n", crate::schema::check::perl_text(option)));
            }
        }
        for (property, error) in entry.get("errors").and_then(Value::as_object).into_iter().flatten() {
            io.err.push_str(&format!("error: property '{property}' - {}\n", error.as_str().unwrap_or_default()));
        }
        io.out.push('\n');
    }
    0
}

fn rules_in_use(_: &mut Host<'_>, io: &mut Io, value: &Value, format: &str) -> i32 {
    let mut rows = value.as_array().cloned().unwrap_or_default();
    for row in &mut rows {
        let disabled = row.get("disable").is_some();
        let state = match (row.get("errors").is_some(), disabled) {
            (true, _) => "ignored (see errors)",
            (false, true) => "disabled",
            (false, false) => "in use",
        };
        row["enabled"] = json!(u8::from(!disabled));
        row["state"] = json!(state);
    }
    let columns = ["enabled", "state", "rule", "type", "resources", "comment"];
    formatter::print(io, &Value::Array(rows), format, Some(&columns));
    0
}

fn status(host: &mut Host<'_>, io: &mut Io, params: &Params) -> Run<Result<i32, String>> {
    let read = |host: &mut Host<'_>, path: &str| {
        let reply = host.cluster.call_in(host.world, Method::Get, path, serde_json::Map::new());
        reply.map(|reply| reply.data).unwrap_or_default()
    };
    let rows = read(host, "/cluster/ha/status/current");
    for row in rows.as_array().into_iter().flatten() {
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        io.out.push_str(&format!("{} {}\n", text("type"), text("status")));
    }
    if params.bool("verbose") == Some(true) {
        let full = read(host, "/cluster/ha/status/manager_status");
        io.out.push_str(&format!("full cluster state:\n{}", formatter::pretty(&full)));
    }
    Ok(Ok(0))
}
