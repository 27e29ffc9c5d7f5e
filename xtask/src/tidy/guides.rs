//! The first screen of each guide: what it is about, the catch, an example.

use std::io;

use super::Finding;
use crate::Workspace;

const FOLDER: &str = "docs/guides";
/// What a registry shows of a page before a reader scrolls.
const SCREEN: usize = 30;
const PARTS: [(&str, &str); 2] = [("**The catch:**", "the catch"), ("```", "an example")];

/// The guides whose first screen misses a part.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in workspace.files(FOLDER)?.into_iter().filter(|file| file.ends_with(".md")) {
        let guide = workspace.text(&file)?.unwrap_or_default();
        findings.extend(missing(&guide).map(|part| Finding::new(&file, 0, format!("its first screen misses {part}"))));
    }
    Ok(findings)
}

/// The parts that the first lines after the front matter don't have.
fn missing(guide: &str) -> impl Iterator<Item = &'static str> {
    let page = guide.splitn(3, "---\n").last().unwrap_or_default();
    let screen = page.lines().take(SCREEN);
    PARTS.into_iter().filter(move |(mark, _)| !screen.clone().any(|line| line.contains(mark))).map(|(_, part)| part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catch_and_an_example_are_on_the_first_screen() {
        let guide = |page: &str| format!("---\npage_title: \"A\"\n---\n{page}");
        let whole = "# A\n**The catch:** it is late.\n```shell\na\n```\n";
        assert_eq!(missing(&guide(whole)).count(), 0);
        assert_eq!(missing(&guide("# A\n```shell\na\n```\n")).collect::<Vec<_>>(), ["the catch"]);
        assert_eq!(missing(&guide(&format!("{}{whole}", "a\n".repeat(SCREEN)))).count(), 2);
    }
}
