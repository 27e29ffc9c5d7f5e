//! A machine's local files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Files and folders by path.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Disk {
    entries: BTreeMap<String, Entry>,
}

/// A file or a folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The text of a file; a folder has none.
    pub text: Option<String>,
    pub mode: u32,
    /// When it was changed.
    pub changed: f64,
}

impl Disk {
    /// The text of a file.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<&str> {
        self.entries.get(path)?.text.as_deref()
    }

    /// The file or folder at a path.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// The same, to be changed.
    pub fn entry_mut(&mut self, path: &str) -> Option<&mut Entry> {
        self.entries.get_mut(path)
    }

    /// Whether there is a folder.
    #[must_use]
    pub fn is_dir(&self, path: &str) -> bool {
        path == "/" || self.entries.get(path).is_some_and(|entry| entry.text.is_none())
    }

    /// The names of what is in a folder.
    #[must_use]
    pub fn list(&self, folder: &str) -> Vec<String> {
        let prefix = format!("{}/", folder.trim_end_matches('/'));
        let below = self.entries.keys().filter_map(|path| path.strip_prefix(&prefix));
        below.filter(|rest| !rest.is_empty() && !rest.contains('/')).map(str::to_owned).collect()
    }

    /// Writes a file, with the folders above it.
    pub fn write(&mut self, path: &str, text: &str, now: f64) {
        if let Some((folder, _)) = path.rsplit_once('/').filter(|(folder, _)| !folder.is_empty()) {
            self.make_dirs(folder, now);
        }
        let mode = self.entries.get(path).map_or(0o644, |entry| entry.mode);
        self.entries.insert(path.to_owned(), Entry { text: Some(text.to_owned()), mode, changed: now });
    }

    /// Makes a folder, with those above it.
    pub fn make_dirs(&mut self, path: &str, now: f64) {
        let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).chain([path.len()]);
        for end in ends {
            let folder = || Entry { text: None, mode: 0o755, changed: now };
            self.entries.entry(path[..end].to_owned()).or_insert_with(folder);
        }
    }

    /// Removes a file or an empty folder.
    pub fn remove(&mut self, path: &str) -> Option<Entry> {
        self.entries.remove(path)
    }

    /// Puts an entry at a path.
    pub fn put(&mut self, path: &str, entry: Entry) {
        self.entries.insert(path.to_owned(), entry);
    }

    /// Removes whatever is at a path and below it.
    pub fn remove_tree(&mut self, path: &str) {
        let below = format!("{path}/");
        self.entries.retain(|other, _| other != path && !other.starts_with(&below));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_hold_what_is_directly_in_them() {
        let mut disk = Disk::default();
        disk.write("/a/b/c", "x", 1.0);
        disk.make_dirs("/a/d", 1.0);
        assert_eq!(disk.list("/a"), ["b", "d"]);
        assert!(disk.is_dir("/a/b") && !disk.is_dir("/a/b/c"));
        disk.remove_tree("/a/b");
        assert_eq!((disk.read("/a/b/c"), disk.list("/a")), (None, vec!["d".to_owned()]));
    }
}
