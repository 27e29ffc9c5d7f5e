//! The files below `/etc/pve`, as texts of which each character is one byte.

use sha1::{Digest, Sha1};

use super::World;

impl World {
    /// The text of a file; one that does not exist reads as empty.
    #[must_use]
    pub fn file(&self, path: &str) -> &str {
        self.files.get(path).map_or("", String::as_str)
    }

    /// The text of a file if it exists.
    #[must_use]
    pub fn file_opt(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Replaces a file. Users, guests and whatever else is derived from texts follow by themselves.
    pub fn write_file(&mut self, path: &str, text: impl Into<String>) {
        let text = text.into();
        if path == super::access::USER_CFG {
            self.access.load(&text);
        }
        self.files.insert(path.to_owned(), text);
    }

    /// Stores a text without anything following from it.
    pub(super) fn put_file(&mut self, path: &str, text: String) {
        self.files.insert(path.to_owned(), text);
    }

    pub fn remove_file(&mut self, path: &str) {
        self.files.remove(path);
    }

    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// SHA-1 of the file's text; of the empty text where there is no file.
    #[must_use]
    pub fn digest(&self, path: &str) -> String {
        crate::section_config::bytes::digest(self.file(path))
    }
}

/// SHA-1 in lower-case hexadecimal.
#[must_use]
pub fn sha1_hex(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
