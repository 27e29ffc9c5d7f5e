//! The guide on reliability names tests: each of them exists, and each promise is there.

use std::io;

use regex::Regex;

use super::{Finding, sources};
use crate::Workspace;
use crate::promises::{GUIDE, PROMISES};

/// Every test that does not exist, and every promise that the guide does not have.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let guide = workspace.text(GUIDE)?.unwrap_or_default();
    let sources = sources(workspace)?;
    let mut findings = missing(&guide, &sources);
    let absent = PROMISES.iter().filter(|promise| !guide.contains(promise.promise));
    findings.extend(absent.map(|promise| Finding::new(GUIDE, 0, format!("misses the promise {:?}", promise.promise))));
    Ok(findings)
}

/// The tests that `guide` names in backticks, such as `` `kills::the_next_apply_heals` ``, and that no source has.
fn missing(guide: &str, sources: &[(String, String)]) -> Vec<Finding> {
    let Ok(named) = Regex::new(r"`((?:[a-z0-9_]+::)+)([a-z0-9_]+)`") else { return Vec::new() };
    let mut findings = Vec::new();
    for (position, line) in guide.lines().enumerate() {
        for found in named.captures_iter(line) {
            // The last module that is a file: tests at the foot of a file are in its module `tests`.
            let modules: Vec<&str> = found[1].split("::").filter(|name| !name.is_empty()).collect();
            let file = modules.iter().rev().find(|name| **name != "tests").copied().unwrap_or("tests");
            let function = format!("fn {}(", &found[2]);
            let is_there = |(path, text): &(String, String)| {
                let is_in = path.ends_with(&format!("/{file}.rs")) || path.contains(&format!("/{file}/"));
                is_in && text.contains(&function)
            };
            if !sources.iter().any(is_there) {
                findings.push(Finding::new(
                    GUIDE,
                    position + 1,
                    format!("names a test that does not exist: {}", &found[0]),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_does_not_exist_is_found() {
        let sources = vec![("acceptance-tests/tests/acceptance/kills.rs".to_owned(), "fn it_heals() {".to_owned())];
        assert_eq!(missing("`kills::it_heals`, `cargo xtask`", &sources), []);
        assert_eq!(missing("a\n`kills::it_hurts`", &sources).len(), 1);
        assert_eq!(missing("`tls::it_heals`", &sources).len(), 1);
    }
}
