//! One idea per file: a file of many hundred lines holds several.
//!
//! More than 400 lines are worth a look, more than 450 need a line in `xtask/large-files.txt`: the file, the most lines
//! it may have, and the reason. That list only shrinks: a line that isn't needed any more is itself a finding.

use std::io;

use super::{Finding, sources};
use crate::Workspace;

const WORTH_A_LOOK: usize = 400;
const LIMIT: usize = 450;
const ALLOWED: &str = "xtask/large-files.txt";

/// Files beyond the limit, and entries of the list that are wrong.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let list = workspace.text(ALLOWED)?.unwrap_or_default();
    let sizes: Vec<(String, usize)> = sizes(workspace)?;
    let mut findings = Vec::new();
    let mut allowed = Vec::new();
    for (index, line) in list.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty()) {
        let mut words = line.split_whitespace();
        let (file, most) = (words.next().unwrap_or_default(), words.next().and_then(|n| n.parse::<usize>().ok()));
        let reason = words.next();
        let size = sizes.iter().find(|(name, _)| name == file).map(|(_, size)| *size);
        match (most, reason, size) {
            (Some(_), Some(_), Some(size)) if size <= LIMIT => {
                findings.push(Finding::new(ALLOWED, index + 1, format!("{file} has {size} lines: remove this line")));
            }
            (Some(most), Some(_), Some(_)) => allowed.push((file, most)),
            (_, _, None) => findings.push(Finding::new(ALLOWED, index + 1, format!("there is no file {file}"))),
            _ => findings.push(Finding::new(ALLOWED, index + 1, "write: file, most lines, reason")),
        }
    }
    for (file, size) in &sizes {
        let most = allowed.iter().find(|(name, _)| name == file).map_or(LIMIT, |(_, most)| *most);
        if *size > most {
            findings.push(Finding::new(file, most + 1, format!("{size} lines, at most {most}: split it by idea")));
        }
    }
    Ok(findings)
}

/// Files that will soon be too long.
///
/// # Errors
/// A file can't be read.
pub fn worth_a_look(workspace: &Workspace) -> io::Result<Vec<String>> {
    let long = |(file, size)| (size > WORTH_A_LOOK).then(|| format!("{file} has {size} lines"));
    Ok(sizes(workspace)?.into_iter().filter_map(long).collect())
}

fn sizes(workspace: &Workspace) -> io::Result<Vec<(String, usize)>> {
    Ok(sources(workspace)?.into_iter().map(|(file, text)| (file, text.lines().count())).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn of(lines: usize, list: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        fs::create_dir_all(workspace.path("provider/src")).unwrap();
        fs::create_dir_all(workspace.path("xtask")).unwrap();
        fs::write(workspace.path("provider/src/a.rs"), "\n".repeat(lines)).unwrap();
        fs::write(workspace.path(ALLOWED), list).unwrap();
        findings(&workspace).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_list_allows_only_what_it_says_and_only_shrinks() {
        assert!(of(450, "").is_empty());
        assert_eq!(of(451, ""), ["provider/src/a.rs:451: 451 lines, at most 450: split it by idea"]);
        assert!(of(451, "# why\nprovider/src/a.rs 510 a table\n").is_empty());
        assert_eq!(of(511, "provider/src/a.rs 510 a table\n").len(), 1);
        assert_eq!(of(400, "provider/src/a.rs 510 a table\n").len(), 1);
        assert_eq!(of(10, "provider/src/b.rs 510 a table\n").len(), 1);
        assert_eq!(of(451, "provider/src/a.rs 510\n").len(), 2);
    }
}
