//! Storages: the sections of `/etc/pve/storage.cfg`.

use super::World;

pub const STORAGE_CFG: &str = "/etc/pve/storage.cfg";

#[derive(Clone, Debug)]
pub struct Storage {
    pub id: String,
    /// Its type: `dir`, `lvmthin`, `zfspool`, ….
    pub kind: String,
    /// Its options in file order; a flag has the value `1`.
    pub options: Vec<(String, String)>,
}

impl Storage {
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str())
    }

    /// Whether all nodes see the same content.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.option("shared") == Some("1") || self.is_inherently_shared()
    }

    /// Shared by what it is.
    #[must_use]
    pub fn is_inherently_shared(&self) -> bool {
        matches!(
            self.kind.as_str(),
            "nfs" | "cifs" | "rbd" | "cephfs" | "iscsi" | "iscsidirect" | "pbs" | "glusterfs" | "zfs" | "esxi"
        )
    }

    /// What it holds, comma separated.
    #[must_use]
    pub fn content(&self) -> &str {
        self.option("content").unwrap_or("none")
    }

    /// Only ZFS pools have the replicate feature.
    #[must_use]
    pub fn can_replicate(&self) -> bool {
        self.kind == "zfspool"
    }

    /// Whether it is configured on that node.
    #[must_use]
    pub fn is_on(&self, node: &str) -> bool {
        self.option("nodes").is_none_or(|nodes| nodes.split(',').any(|n| n.trim() == node))
    }
}

impl World {
    /// All storages in file order.
    #[must_use]
    pub fn storages(&self) -> Vec<Storage> {
        parse(self.file(STORAGE_CFG))
    }

    /// Whether a node can't reach a storage.
    #[must_use]
    pub fn is_offline(&self, storage: &str, node: &str) -> bool {
        self.offline_storages.contains(&(storage.to_owned(), node.to_owned()))
    }

    #[must_use]
    pub fn storage(&self, id: &str) -> Option<Storage> {
        self.storages().into_iter().find(|s| s.id == id)
    }
}

fn parse(text: &str) -> Vec<Storage> {
    let mut found: Vec<Storage> = Vec::new();
    for line in text.lines() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with(char::is_whitespace) {
            let (key, value) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), "1"));
            if let Some(storage) = found.last_mut() {
                storage.options.push((key.to_owned(), value.trim().to_owned()));
            }
        } else if let Some((kind, id)) = line.split_once(':') {
            found.push(Storage { id: id.trim().to_owned(), kind: kind.trim().to_owned(), options: Vec::new() });
        }
    }
    found
}
