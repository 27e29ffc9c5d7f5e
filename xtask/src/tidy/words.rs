//! Texts that a file of some kind never has, and words that no text for a person has.

use std::io;

use regex::Regex;

use super::prose::{self, Text};
use super::{Finding, sources};
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
    ("provider", ".rs", r"\b(TODO|FIXME|XXX|HACK)\b", "open work belongs into ARCHITECTURE.md"),
    ("schemas", ".rs", r"\b(TODO|FIXME|XXX|HACK)\b", "open work belongs into ARCHITECTURE.md"),
    ("acceptance-tests", ".rs", r"\b(TODO|FIXME|HACK)\b", "open work belongs into ARCHITECTURE.md"),
];

/// Words that no text for a person has: things act, they don't talk, hear or want; an actor has a name. A space in a
/// pattern may be a line break.
const UNPLAIN: &[(&str, &str)] = &[
    (r"tells?|told", "say which component reports, prints or returns it"),
    (r"hears?|heard", "name the response, the event or the exit status"),
    (r"knows?|knew", "say what is supported, recorded or documented; an unknown value \u{201c}is unknown\u{201d}"),
    (r"wants?|wanted", "say what is requested, needed or configured"),
    (r"stands?|stood", "\u{201c}conflicts with\u{201d}, \u{201c}is\u{201d}, \u{201c}means\u{201d}"),
    (r"(come|comes|came) about", "say what succeeded or failed"),
    (r"somebody|someone|nobody|no one", "name the actor; \u{201c}outside of Terraform\u{201d}"),
    (r"is none|are none", "say that it does not exist"),
    (
        r"looks? after|looked after|foretold|in vain|takes? for granted|taken for granted",
        "manages; predicted; without success; assumes",
    ),
    (r"whoever|whom", "name the actor"),
    (r"goes", "continues, moves, is sent, is removed"),
    (r"what (can't|cannot)", "name it: \u{201c}a value that can't be read\u{201d}"),
];

/// Texts in which such a word is right: part of a file, and what the text has in it.
const PLAIN_ALL_THE_SAME: &[(&str, &str)] = &[("xtask/src/tidy/words.rs", "")];

/// Every such text.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let mut findings = unwritable(workspace)?;
    findings.extend(unplain(workspace)?);
    Ok(findings)
}

/// Texts that a person reads and that are not plain English.
fn unplain(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let mut patterns = Vec::new();
    for (words, instead) in UNPLAIN {
        let pattern = format!(r"(?i)\b({})\b", words.replace(' ', r"[\s\\]+"));
        patterns.push((Regex::new(&pattern).map_err(io::Error::other)?, *instead));
    }
    let mut findings = Vec::new();
    for (file, texts) in read_by_people(workspace)? {
        for text in texts {
            for (pattern, instead) in &patterns {
                let hits = pattern.find_iter(&text.text).filter(|_| !plain_all_the_same(&file, &text.text));
                findings.extend(hits.map(|hit| {
                    let line = text.line + text.text[..hit.start()].matches('\n').count();
                    Finding::new(&file, line, format!("`{}` is not plain English here: {instead}", hit.as_str()))
                }));
            }
        }
    }
    Ok(findings)
}

fn plain_all_the_same(file: &str, text: &str) -> bool {
    PLAIN_ALL_THE_SAME.iter().any(|(part, phrase)| file.contains(part) && text.contains(phrase))
}

/// The texts of every file that a person reads: literals of at least three words, the doc comments that become
/// documentation, and Markdown.
fn read_by_people(workspace: &Workspace) -> io::Result<Vec<(String, Vec<Text>)>> {
    let mut read = Vec::new();
    for (file, source) in sources(workspace)? {
        // The emulator speaks Proxmox's own words.
        let emulated = file.starts_with("acceptance-tests/emulator/");
        if emulated || !file.contains("/src/") || file.contains("/tests/") || file.ends_with("/tests.rs") {
            continue;
        }
        let mut texts = prose::literals(&source);
        texts.retain(|text| text.text.split_whitespace().count() >= 3);
        if file.starts_with("schemas/") {
            texts.extend(prose::doc_comments(&source));
        }
        for text in &mut texts {
            text.text = prose::words(&text.text);
        }
        read.push((file, texts));
    }
    let at_the_root = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(String::from);
    let below = [workspace.files("docs")?, workspace.files("examples")?].concat();
    for file in at_the_root.into_iter().chain(below).filter(|file| file.ends_with(".md")) {
        let text = workspace.text(&file)?.unwrap_or_default();
        read.push((file, prose::markdown(&text)));
    }
    Ok(read)
}

/// Texts that a file of some kind never has, by `RULES`.
fn unwritable(workspace: &Workspace) -> io::Result<Vec<Finding>> {
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

    #[test]
    fn words_that_are_not_plain_english_are_found_where_a_person_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        let put = |file: &str, text: &str| {
            let path = workspace.path(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let code = "/// Nobody reads this.\nconst A: &str = \"it was changed \\\n    by Somebody else\";\n\
                    const B: &str = \"it came \\\n    about at last\";\nconst C: &str = \"wants two\";\n\
                    const D: &str = \"the option `wants` is set\";\n\
                    #[cfg(test)]\nmod tests { const E: &str = \"what a test wants\"; }\n";
        put("provider/src/a.rs", code);
        put("schemas/src/a.rs", "/// Nobody reads this.\nstruct A;\n");
        put("provider/tests/a.rs", "const A: &str = \"a test wants this\";");
        put("docs/a.md", "It is known.\nIt knows.\n\n```\nIt knows.\n```\n");
        let found: Vec<_> = findings(&workspace).unwrap().into_iter().map(|found| (found.file, found.line)).collect();
        let expected = [("schemas/src/a.rs", 1), ("provider/src/a.rs", 3), ("provider/src/a.rs", 4), ("docs/a.md", 2)];
        assert_eq!(found, expected.map(|(file, line)| (file.to_owned(), line)));
    }
}
