//! Generated files that are committed: written, or compared with what is there.

use std::collections::BTreeMap;
use std::fs;

use crate::{Outcome, Workspace};

/// Everything that a generator makes. It owns its folders: a file in them that it doesn't make is stale.
#[derive(Debug, Default)]
pub struct Generated {
    files: BTreeMap<String, String>,
    folders: Vec<String>,
}

impl Generated {
    /// What is made into `folders`, so far nothing.
    pub fn owning(folders: &[&str]) -> Self {
        Self { files: BTreeMap::new(), folders: folders.iter().map(|&f| f.to_owned()).collect() }
    }

    /// Adds the file `relative`.
    pub fn file(&mut self, relative: String, text: String) {
        self.files.insert(relative, text);
    }

    /// What differs from the checkout, one sentence per file.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn drift(&self, workspace: &Workspace) -> std::io::Result<Vec<String>> {
        let mut findings = Vec::new();
        for (relative, expected) in &self.files {
            match workspace.text(relative)? {
                None => findings.push(format!("{relative} is missing")),
                Some(found) if found != *expected => {
                    let same = found.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count();
                    findings.push(format!("{relative}:{} differs from its source", same + 1));
                }
                Some(_) => {}
            }
        }
        findings.extend(self.stale(workspace)?.into_iter().map(|file| format!("{file} no longer has a source")));
        Ok(findings)
    }

    /// Writes what differs and removes what is stale; or, with `check`, fails naming each such file.
    ///
    /// # Errors
    /// There is drift, or a file can't be read or written.
    pub fn write_or_check(&self, workspace: &Workspace, check: bool, command: &str) -> Outcome {
        let findings = self.drift(workspace)?;
        if check {
            return match findings.as_slice() {
                [] => {
                    println!("{} files are up to date", self.files.len());
                    Ok(())
                }
                drift => Err(format!("{}\nrun `{command}`", drift.join("\n")).into()),
            };
        }
        for stale in self.stale(workspace)? {
            fs::remove_file(workspace.path(&stale))?;
        }
        for (relative, text) in &self.files {
            if workspace.text(relative)?.as_deref() != Some(text) {
                let path = workspace.path(relative);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(path, text)?;
                println!("{relative}");
            }
        }
        Ok(())
    }

    fn stale(&self, workspace: &Workspace) -> std::io::Result<Vec<String>> {
        let mut stale = Vec::new();
        for folder in &self.folders {
            stale.extend(workspace.files(folder)?.into_iter().filter(|file| !self.files.contains_key(file)));
        }
        Ok(stale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_names_the_line_the_missing_and_the_stale() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        let mut generated = Generated::owning(&["made"]);
        generated.file("made/a".into(), "1\n2\n".into());
        generated.write_or_check(&workspace, false, "make").unwrap();
        assert!(generated.drift(&workspace).unwrap().is_empty());

        fs::write(workspace.path("made/a"), "1\n3\n").unwrap();
        fs::write(workspace.path("made/b"), "").unwrap();
        generated.file("made/c".into(), String::new());
        let drift = generated.drift(&workspace).unwrap();
        assert_eq!(drift, ["made/a:2 differs from its source", "made/c is missing", "made/b no longer has a source"]);

        generated.write_or_check(&workspace, false, "make").unwrap();
        assert!(generated.drift(&workspace).unwrap().is_empty());
    }
}
