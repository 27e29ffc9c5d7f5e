//! `/nodes/{node}/qemu` and `/nodes/{node}/lxc`: the reads and actions of guests.
//!
//! Proxmox leaves what concerns an HA resource to the HA managers: such calls only pass the wish on.

use serde_json::{Map, Value, json};

use super::figures;
use super::power::{self, Power};
use crate::api::{ha, replication};
use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::formats::{Format, VMID};
use crate::schema::{Prop, Schema};
use crate::world::tasks::{Effect, NewTask};
use crate::world::{Guest, GuestKind, Pve};

/// The paths and task names of a kind of guest.
struct Paths {
    kind: GuestKind,
    list: &'static str,
    one: &'static str,
    config: &'static str,
    status: &'static str,
    start: &'static str,
    stop: &'static str,
    shutdown: &'static str,
    task: &'static str,
}

const QEMU: Paths = Paths {
    kind: GuestKind::Qemu,
    list: "/nodes/{node}/qemu",
    one: "/nodes/{node}/qemu/{vmid}",
    config: "/nodes/{node}/qemu/{vmid}/config",
    status: "/nodes/{node}/qemu/{vmid}/status/current",
    start: "/nodes/{node}/qemu/{vmid}/status/start",
    stop: "/nodes/{node}/qemu/{vmid}/status/stop",
    shutdown: "/nodes/{node}/qemu/{vmid}/status/shutdown",
    task: "qm",
};
const LXC: Paths = Paths {
    kind: GuestKind::Lxc,
    list: "/nodes/{node}/lxc",
    one: "/nodes/{node}/lxc/{vmid}",
    config: "/nodes/{node}/lxc/{vmid}/config",
    status: "/nodes/{node}/lxc/{vmid}/status/current",
    start: "/nodes/{node}/lxc/{vmid}/status/start",
    stop: "/nodes/{node}/lxc/{vmid}/status/stop",
    shutdown: "/nodes/{node}/lxc/{vmid}/status/shutdown",
    task: "vz",
};

pub(super) fn routes(_pve: Pve) -> Vec<Route> {
    [&QEMU, &LXC].into_iter().flat_map(of_kind).chain(of_vms()).collect()
}

/// The calls that only VMs have.
fn of_vms() -> Vec<Route> {
    const SUSPEND: &str = "/nodes/{node}/qemu/{vmid}/status/suspend";
    const RESUME: &str = "/nodes/{node}/qemu/{vmid}/status/resume";
    let power = Permission::Check("/vms/{vmid}", &["VM.PowerMgmt"]);
    let flag = Prop::boolean;
    let params = guest_params().opt("skiplock", flag()).opt("todisk", flag()).opt("statestorage", Prop::string());
    let resume = guest_params().opt("skiplock", flag()).opt("nocheck", flag());
    vec![
        Route::post(SUSPEND, suspend).permission(power.clone()).params(params).proxied(),
        Route::post(RESUME, |call| act(call, GuestKind::Qemu, Power::Resume))
            .permission(power)
            .params(resume)
            .proxied(),
    ]
}

fn of_kind(paths: &'static Paths) -> Vec<Route> {
    let power = || Permission::Check("/vms/{vmid}", &["VM.PowerMgmt"]);
    let audit = || Permission::Check("/vms/{vmid}", &["VM.Audit"]);
    let flags = |schema: Schema, names: &[&'static str]| {
        names.iter().fold(schema, |schema, name| schema.opt(name, Prop::boolean()))
    };
    let timeout = || Prop::integer().min(0.0);
    let list = flags(super::node_param(), if paths.kind == GuestKind::Qemu { &["full"] } else { &[] });
    let start = flags(guest_params(), &["skiplock", "debug"]).opt("timeout", timeout());
    let stop = flags(guest_params(), &["skiplock", "keepActive", "overrule-shutdown"]).opt("timeout", timeout());
    let shutdown = flags(guest_params(), &["skiplock", "forceStop", "keepActive"]).opt("timeout", timeout());
    let destroy = flags(guest_params(), &["purge", "skiplock", "force", "destroy-unreferenced-disks"]);
    let config = flags(guest_params(), &["current"]).opt("snapshot", Prop::string());
    vec![
        Route::get(paths.list, move |call| guests(call, paths)).permission(Permission::AnyUser).params(list).proxied(),
        Route::get(paths.config, move |call| show_config(call, paths)).permission(audit()).params(config).proxied(),
        Route::get(paths.status, move |call| status(call, paths)).permission(audit()).params(guest_params()).proxied(),
        Route::post(paths.start, move |call| act(call, paths.kind, Power::Start))
            .permission(power())
            .params(start)
            .proxied(),
        Route::post(paths.stop, move |call| act(call, paths.kind, Power::Stop))
            .permission(power())
            .params(stop)
            .proxied(),
        Route::post(paths.shutdown, move |call| {
            let seconds = call.params.int("timeout").unwrap_or(60);
            act(call, paths.kind, Power::Shutdown { seconds })
        })
        .permission(power())
        .params(shutdown)
        .proxied(),
        Route::delete(paths.one, move |call| remove(call, paths))
            .permission(Permission::Check("/vms/{vmid}", &["VM.Allocate"]))
            .params(destroy)
            .proxied(),
    ]
}

/// The parameters of every call of one guest.
pub(super) fn guest_params() -> Schema {
    super::node_param().req("vmid", Prop::integer().format(Format::One(VMID)))
}

fn guests(call: &mut Call<'_>, paths: &Paths) -> ApiResult<Value> {
    let node = call.params.text("node");
    let here = call.world.guests.values().filter(|g| g.kind == paths.kind && g.node == node);
    let visible = here.filter(|g| call.may(&format!("/vms/{}", g.vmid), &["VM.Audit"]));
    let rows = visible.map(|guest| Value::Object(row(call, guest))).collect();
    Ok(Value::Array(call.world.any_order(rows)))
}

fn row(call: &Call<'_>, guest: &Guest) -> Map<String, Value> {
    let mut row = figures::guest_at_home(call.world, guest);
    row.insert("cpus".into(), json!(guest.cores));
    if guest.is_running() {
        // No other process has anything to do with it.
        row.insert("pid".into(), json!(10_000 + guest.vmid));
    }
    match guest.kind {
        GuestKind::Qemu => {
            row.shift_remove("diskread");
            row.shift_remove("diskwrite");
            if call.world.profile.pve >= Pve::V9 {
                row.insert("memhost".into(), row["mem"].clone());
            }
        }
        GuestKind::Lxc => {
            row.insert("type".into(), json!("lxc"));
            row.insert("swap".into(), json!(0));
            row.insert("maxswap".into(), json!(guest.swap << 20));
        }
    }
    if !guest.tags.is_empty() {
        row.insert("tags".into(), json!(guest.tags));
    }
    if guest.template {
        row.insert("template".into(), json!(1));
    }
    row
}

/// The guest the path names, if its configuration lies on that node.
pub(super) fn find<'a>(call: &'a Call<'_>, kind: GuestKind) -> ApiResult<&'a Guest> {
    let (node, vmid) = (call.params.text("node"), call.params.text("vmid"));
    let guest = vmid.parse().ok().and_then(|id: u32| call.world.guests.get(&id));
    guest.filter(|g| g.kind == kind && g.node == node).ok_or_else(|| {
        let folder = kind.folder();
        ApiError::die(format!("Configuration file 'nodes/{node}/{folder}/{vmid}.conf' does not exist"))
    })
}

fn show_config(call: &mut Call<'_>, paths: &Paths) -> ApiResult<Value> {
    let guest = find(call, paths.kind)?;
    let mut shown = Map::new();
    for (key, value) in &guest.config {
        // Proxmox declares the memory of a VM as a property string, that of a container as an integer.
        let text = guest.kind == GuestKind::Qemu && key == "memory";
        let value = match value.parse::<i64>() {
            Ok(number) if !text && !matches!(key.as_str(), "name" | "hostname" | "tags") => json!(number),
            _ => json!(value),
        };
        shown.insert(key.clone(), value);
    }
    if call.world.tasks.migrates(guest.vmid) {
        shown.insert("lock".into(), json!("migrate"));
    }
    shown.insert("digest".into(), json!(guest.digest()));
    Ok(Value::Object(shown))
}

fn status(call: &mut Call<'_>, paths: &Paths) -> ApiResult<Value> {
    let guest = find(call, paths.kind)?;
    let mut shown = row(call, guest);
    if guest.kind == GuestKind::Qemu {
        shown.insert("qmpstatus".into(), json!(if guest.is_paused() { "paused" } else { guest.status() }));
    }
    let managed = ha::guests::is_managed(call.world, &guest.sid());
    shown.insert("ha".into(), json!({"managed": u8::from(managed)}));
    Ok(Value::Object(shown))
}

fn act(call: &mut Call<'_>, kind: GuestKind, power: Power) -> ApiResult<Value> {
    let vmid = find(call, kind)?.vmid;
    let user = call.caller.id();
    power::act(call.world, vmid, power, &user).map(|upid| json!(upid)).map_err(ApiError::die)
}

/// What a VM is suspended with.
fn suspend(call: &mut Call<'_>) -> ApiResult<Value> {
    let to_disk = call.params.bool("todisk") == Some(true);
    if to_disk {
        call.check(&format!("/vms/{}", call.params.text("vmid")), &["VM.Config.Disk"])?;
    }
    act(call, GuestKind::Qemu, Power::Suspend { to_disk })
}

fn remove(call: &mut Call<'_>, paths: &Paths) -> ApiResult<Value> {
    let guest = find(call, paths.kind)?.clone();
    let label = guest.kind.label();
    let purge = call.params.bool("purge") == Some(true);
    let configured = ha::files::resources(call.world).list.iter().any(|section| section.id == guest.sid());
    if configured && !purge {
        let why = "used in HA resources and purge parameter not set.";
        return Err(ApiError::die(format!("unable to remove {label} {} - {why}", guest.vmid)));
    }
    if let Some(job) = replication::guests::jobs_of(call.world, guest.vmid).first().filter(|_| !purge) {
        let why = format!("There is a replication job '{job}' for guest '{}' - Please remove that first.", guest.vmid);
        return Err(ApiError::die(why));
    }
    call.world.check_guest_lock(guest.vmid).map_err(ApiError::die)?;
    if guest.is_running() {
        return Err(ApiError::die(format!("{label} {} is running - destroy failed", guest.vmid)));
    }
    let effect = Effect::Destroy { vmid: guest.vmid, purge };
    Ok(start(call, &guest, &format!("{}destroy", paths.task), 1, Vec::new(), effect))
}

fn start(call: &mut Call<'_>, guest: &Guest, kind: &str, seconds: i64, log: Vec<String>, effect: Effect) -> Value {
    let (id, user) = (guest.vmid.to_string(), call.caller.id());
    let new = NewTask { node: &guest.node, kind, id: &id, user: &user, seconds, log, effect };
    json!(call.world.start_task(new))
}
