//! The folder of the checkout, and its files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The root of a checkout. Tests make their own in a temporary folder.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that this program was built from.
    pub fn of_this_build() -> Self {
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::at(xtask.parent().unwrap_or(xtask))
    }

    /// The checkout at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of `relative` in this checkout.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The folder that cargo builds into.
    pub fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.path("target"), PathBuf::from)
    }

    /// The text of the file `relative`; none if there is no such file.
    ///
    /// # Errors
    /// The file can't be read, or isn't text.
    pub fn text(&self, relative: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.path(relative)) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io::Error::new(e.kind(), format!("{relative}: {e}"))),
        }
    }

    /// All files below the folder `relative`, as paths relative to the root, sorted. What a build makes is left out.
    ///
    /// # Errors
    /// A folder can't be listed.
    pub fn files(&self, relative: &str) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut open = vec![self.path(relative)];
        while let Some(folder) = open.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                if MADE_BY_BUILDS.iter().any(|made| name == *made) {
                    continue;
                }
                if entry.file_type()?.is_dir() {
                    open.push(entry.path());
                } else if let Ok(path) = entry.path().strip_prefix(&self.root) {
                    found.push(path.to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

const MADE_BY_BUILDS: &[&str] = &["target", ".git", ".terraform", ".demo", "dist"];
