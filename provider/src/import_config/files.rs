//! The written files: all of them, or none.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Why the files are not there.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilesError {
    /// Some are there already.
    #[error(
        "{} exists already in {}, and existing files are never overwritten. Nothing was written; choose another \
         directory with --out.",
        names.join(", "), folder.display()
    )]
    Exist { folder: PathBuf, names: Vec<String> },
    /// One can't be written.
    #[error("{}: {source}. Nothing was kept.", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

/// Creates the files of these names and texts in `folder`, which is made if need be.
///
/// # Errors
/// Some exist, or can't be written; what was written is taken back.
pub(super) fn create(folder: &Path, files: &BTreeMap<String, String>) -> Result<(), FilesError> {
    let exist = |name: &&String| folder.join(name).symlink_metadata().is_ok();
    let names: Vec<String> = files.keys().filter(exist).cloned().collect();
    if !names.is_empty() {
        return Err(FilesError::Exist { folder: folder.to_owned(), names });
    }
    let unwritable = |path: &Path| {
        let path = path.to_owned();
        move |source| FilesError::Unwritable { path, source }
    };
    fs::create_dir_all(folder).map_err(unwritable(folder))?;
    let mut written: Vec<PathBuf> = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let result = file.and_then(|mut file| {
            written.push(path.clone());
            file.write_all(text.as_bytes())
        });
        if let Err(source) = result {
            written.iter().for_each(|path| drop(fs::remove_file(path)));
            return Err(unwritable(&path)(source));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), "new".to_owned())).collect()
    }

    #[test]
    fn nothing_is_overwritten_and_then_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("b.tf"), "old").unwrap();
        let refused = create(folder.path(), &files(&["a.tf", "b.tf"])).unwrap_err();
        assert!(refused.to_string().starts_with("b.tf exists already in "), "{refused}");
        assert!(!folder.path().join("a.tf").exists());
        assert_eq!(fs::read_to_string(folder.path().join("b.tf")).unwrap(), "old");
    }

    #[test]
    fn what_was_begun_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("deep/er");
        create(&into, &files(&["a.tf"])).unwrap();
        assert_eq!(fs::read_to_string(into.join("a.tf")).unwrap(), "new");
        // The second name is a path into a folder that isn't there.
        let refused = create(folder.path(), &files(&["c.tf", "missing/d.tf"])).unwrap_err();
        assert!(refused.to_string().contains("missing/d.tf"), "{refused}");
        assert!(!folder.path().join("c.tf").exists());
    }
}
