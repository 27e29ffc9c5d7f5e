//! The guests of a seed.

use serde_json::{Map, Value, json};

use crate::world::{Guest, GuestKind};

/// The guest that an entry of a seed describes.
pub(crate) fn guest(seed: &Map<String, Value>, now: f64) -> Option<Guest> {
    let text = |name: &str| seed.get(name).map(crate::schema::check::perl_text).unwrap_or_default();
    let number = |name: &str| seed.get(name).and_then(Value::as_u64);
    let vmid = u32::try_from(number("vmid")?).ok()?;
    let kind = if text("type") == "lxc" { GuestKind::Lxc } else { GuestKind::Qemu };
    let order: &[&str] = match kind {
        GuestKind::Qemu => {
            &["name", "cores", "memory", "boot", "scsihw", "disks", "net0", "ostype", "tags", "template"]
        }
        GuestKind::Lxc => &[
            "arch",
            "cores",
            "hostname",
            "memory",
            "net0",
            "ostype",
            "disks",
            "swap",
            "tags",
            "template",
            "unprivileged",
        ],
    };
    let mut config = Vec::new();
    for key in order {
        match seed.get(*key) {
            Some(Value::Object(disks)) => {
                config.extend(disks.iter().map(|(k, v)| (k.clone(), crate::schema::check::perl_text(v))));
            }
            Some(value) => config.push(((*key).to_owned(), crate::schema::check::perl_text(value))),
            None => {}
        }
    }
    let meta = ["vmid", "type", "node", "status", "name"];
    let others = seed.iter().filter(|(key, _)| !order.contains(&key.as_str()) && !meta.contains(&key.as_str()));
    config.extend(others.map(|(key, value)| (key.clone(), crate::schema::check::perl_text(value))));
    let mut guest = Guest {
        vmid,
        kind,
        node: text("node"),
        name: if seed.contains_key("name") { text("name") } else { text("hostname") },
        cores: u32::try_from(number("cores").unwrap_or(1)).unwrap_or(1),
        memory: number("memory").unwrap_or(512),
        swap: number("swap").unwrap_or(512),
        disk: 0,
        template: number("template") == Some(1),
        tags: text("tags"),
        config,
        running_since: (text("status") == "running").then_some(now),
        paused: false,
        start_fails: false,
    };
    let size = guest.volumes().next().and_then(|(_, volume)| disk_size(volume));
    guest.disk = size.unwrap_or(0);
    Some(guest)
}

/// The bytes of `size=4G` in a volume.
pub(crate) fn disk_size(volume: &str) -> Option<u64> {
    let size = volume.split(',').find_map(|part| part.strip_prefix("size="))?;
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &size[digits.len()..] {
        "T" => 1 << 40,
        "G" => 1 << 30,
        "M" => 1 << 20,
        "K" => 1 << 10,
        _ => 1,
    };
    Some(digits.parse::<u64>().ok()? * unit)
}

pub(super) fn vm(vmid: usize, node: &str, name: &str) -> Value {
    json!({
        "vmid": vmid, "type": "qemu", "node": node, "name": name, "cores": 2, "memory": 2048, "ostype": "l26",
        "scsihw": "virtio-scsi-single", "boot": "order=scsi0",
        "disks": {"scsi0": format!("local-zfs:vm-{vmid}-disk-0,size=8G")},
        "net0": format!("virtio=BC:24:11:00:{:02X}:{:02X},bridge=vmbr0", vmid / 256, vmid % 256), "status": "stopped"
    })
}

pub(super) fn container(vmid: usize, node: &str, name: &str) -> Value {
    json!({
        "vmid": vmid, "type": "lxc", "node": node, "hostname": name, "name": name, "cores": 1, "memory": 512, "swap": 512,
        "arch": "amd64", "ostype": "debian", "unprivileged": 1,
        "disks": {"rootfs": format!("local-zfs:subvol-{vmid}-disk-0,size=4G")}, "status": "stopped"
    })
}
