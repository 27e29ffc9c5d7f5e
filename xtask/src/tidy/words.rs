//! Texts that never stand in a file of some kind.

use std::io;

use regex::Regex;

use super::Finding;
use crate::Workspace;

/// Folder, ending, pattern, and what is wrong with it.
const RULES: &[(&str, &str, &str, &str)] = &[
    ("examples", ".tf", r"(?i)insecure\s*=\s*true", "examples teach TLS that is verified"),
    (
        "examples",
        ".tf",
        r"(?i)root@pam(!\w+)?=|password\s*=\s*\x22[^\x22$]",
        "examples hold no secrets and need no root",
    ),
    ("docs", ".md", r"(?i)insecure\s*=\s*true", "documentation teaches TLS that is verified"),
    ("provider", ".rs", r"\b(TODO|FIXME|XXX|HACK)\b", "what is left to do belongs into ARCHITECTURE.md"),
    ("schemas", ".rs", r"\b(TODO|FIXME|XXX|HACK)\b", "what is left to do belongs into ARCHITECTURE.md"),
    ("acceptance-tests", ".rs", r"\b(TODO|FIXME|HACK)\b", "what is left to do belongs into ARCHITECTURE.md"),
];

/// Every such text.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (folder, ending, pattern, because) in RULES {
        let pattern = Regex::new(pattern).map_err(io::Error::other)?;
        for file in workspace.files(folder)?.into_iter().filter(|file| file.ends_with(ending)) {
            let text = workspace.text(&file)?.unwrap_or_default();
            let hits = text.lines().enumerate().filter(|(_, line)| pattern.is_match(line));
            findings.extend(hits.map(|(index, _)| Finding::new(&file, index + 1, *because)));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_example_that_teaches_bad_habits_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        fs::create_dir_all(workspace.path("examples/provider")).unwrap();
        let text = "provider \"pve\" {\n  insecure = true\n  password = \"hunter2\"\n  password = var.password\n}\n";
        fs::write(workspace.path("examples/provider/provider.tf"), text).unwrap();
        let found: Vec<_> = findings(&workspace).unwrap().into_iter().map(|finding| finding.line).collect();
        assert_eq!(found, [2, 3]);
    }
}
