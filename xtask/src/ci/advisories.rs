//! Known vulnerabilities of dependencies, by the RustSec advisory database.
//!
//! The database is a git repository. A machine that can't reach it and has no copy says so: nothing was checked then.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Check;

/// Checks the advisories with the newest database that can be had.
///
/// # Errors
/// A dependency has a known vulnerability, or was withdrawn.
pub(super) fn check(cargo: impl Fn(&[&str]) -> Command) -> Check {
    check_in(databases().as_deref(), cargo)
}

fn check_in(databases: Option<&Path>, cargo: impl Fn(&[&str]) -> Command) -> Check {
    let fetched = cargo(&["deny", "--log-level", "off", "fetch", "db"]).output()?.status.success();
    let known = databases.is_some_and(holds_one);
    let arguments: &[&str] = match (fetched, known) {
        (true, _) => &["deny", "--log-level", "error", "--locked", "check", "advisories"],
        (false, true) => {
            println!("the advisory database can't be fetched: the copy that is here is used");
            &["deny", "--log-level", "error", "--locked", "--offline", "check", "advisories"]
        }
        (false, false) => {
            let reason = "the RustSec advisory database (github.com/rustsec/advisory-db) can't be fetched, and there is no copy of it";
            return Ok(Some(reason.to_owned()));
        }
    };
    let status = cargo(arguments).status()?;
    if status.success() { Ok(None) } else { Err(format!("`cargo {}`: {status}", arguments.join(" ")).into()) }
}

/// Where cargo-deny keeps them.
fn databases() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    Some(home.join("advisory-dbs"))
}

/// A clone that failed leaves an empty folder, or only a lock.
fn holds_one(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().join("crates").is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_clone_is_a_database() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!holds_one(&folder.path().join("nosuch")));
        std::fs::create_dir(folder.path().join("github.com-1")).unwrap();
        assert!(!holds_one(folder.path()));
        std::fs::create_dir(folder.path().join("github.com-1/crates")).unwrap();
        assert!(holds_one(folder.path()));
    }

    #[test]
    fn without_a_database_the_check_is_skipped_and_says_so() {
        let home = tempfile::tempdir().unwrap();
        // `false` fails like a fetch without a network does.
        let skipped = check_in(Some(home.path()), |_| Command::new("false")).unwrap();
        assert!(skipped.is_some_and(|reason| reason.contains("advisory-db")));
    }
}
