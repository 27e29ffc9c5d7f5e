//! Texts that a file of some kind never has, and words that no text for a person, comment or name has.

use std::io;

use regex::Regex;

use super::code::Code;
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

/// Words that comments and names do not have either, although a text for a person may have them.
const PRIVATE: &[(&str, &str)] = &[
    (r"verbs?", "operation, command or method"),
    (r"settles?|settled|settling", "converged, finished, waited for"),
    (r"mates?", "a service in positive affinity"),
];

/// Comments and names that still have such words: the start of the file's path, and what they have in them. An entry that
/// is not needed any more is itself a finding.
const NOT_YET_PLAIN: &[(&str, &str)] = &[
    ("acceptance-tests/src/core.rs", "is settled"),
    ("ha-manager/src/", "wanted"),
    ("provider/src/data_sources/failover_simulation.rs", ""),
    ("provider/src/data_sources/live.rs", ""),
    ("provider/src/data_sources/readiness.rs", ""),
    ("provider/src/preflight/", ""),
    ("provider/src/readiness/", ""),
    ("provider/src/resources/operations.rs", ""),
    ("provider/src/resources/rest", ""),
    ("provider/src/resources/typed.rs", ""),
    ("schemas/src/data/failover_simulation.rs", "wants report"),
];

/// Names of the standard library.
const STANDARD: &[&str] = &["is none", "is none or"];

/// Texts in which such a word is right: part of a file, and what the text has in it.
const PLAIN_ALL_THE_SAME: &[(&str, &str)] = &[("xtask/src/tidy/words.rs", "")];

/// Every such text.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let mut findings = unwritable(workspace)?;
    findings.extend(unplain(workspace)?);
    findings.extend(unplain_code(workspace)?);
    Ok(findings)
}

/// Texts that a person reads and that are not plain English.
fn unplain(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let patterns = patterns(UNPLAIN)?;
    let mut findings = Vec::new();
    for (file, texts) in read_by_people(workspace)? {
        findings.extend(texts.iter().flat_map(|text| hits(&file, text, &patterns)));
    }
    Ok(findings)
}

/// Comments and names of code outside of tests that are not plain English.
fn unplain_code(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let patterns = patterns(&[UNPLAIN, PRIVATE].concat())?;
    let mut findings = Vec::new();
    let mut unused = NOT_YET_PLAIN.to_vec();
    for (file, source) in sources(workspace)?.into_iter().filter(|(file, _)| !is_test(file)) {
        let code = Code::of(&source);
        let names = code.names.iter().filter(|name| !STANDARD.contains(&name.text.as_str()));
        for text in code.comments.iter().chain(names) {
            let found = hits(&file, text, &patterns);
            let is_excused = |(part, words): &(&str, &str)| file.starts_with(part) && text.text.contains(words);
            if !found.is_empty() && NOT_YET_PLAIN.iter().any(is_excused) {
                unused.retain(|entry| !is_excused(entry));
            } else {
                findings.extend(found);
            }
        }
    }
    for (part, _) in unused.into_iter().filter(|(part, _)| workspace.path(part).exists()) {
        findings.push(Finding::new("xtask/src/tidy/words.rs", 0, format!("{part} is plain: remove it from the list")));
    }
    Ok(findings)
}

type Patterns = Vec<(Regex, &'static str)>;

fn patterns(table: &[(&str, &'static str)]) -> io::Result<Patterns> {
    let pattern = |words: &str| Regex::new(&format!(r"(?i)\b({})\b", words.replace(' ', r"[\s\\]+")));
    table.iter().map(|(words, instead)| Ok((pattern(words).map_err(io::Error::other)?, *instead))).collect()
}

fn hits(file: &str, text: &Text, patterns: &Patterns) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (pattern, instead) in patterns {
        let hits = pattern.find_iter(&text.text).filter(|_| !plain_all_the_same(file, &text.text));
        findings.extend(hits.map(|hit| {
            let line = text.line + text.text[..hit.start()].matches('\n').count();
            Finding::new(file, line, format!("`{}` is not plain English here: {instead}", hit.as_str()))
        }));
    }
    findings
}

fn is_test(file: &str) -> bool {
    !file.contains("/src/") || file.contains("/tests/") || file.ends_with("/tests.rs")
}

fn plain_all_the_same(file: &str, text: &str) -> bool {
    PLAIN_ALL_THE_SAME.iter().any(|(part, phrase)| file.contains(part) && text.contains(phrase))
}

/// The texts of every file that a person reads: literals of at least three words, and Markdown.
fn read_by_people(workspace: &Workspace) -> io::Result<Vec<(String, Vec<Text>)>> {
    let mut read = Vec::new();
    for (file, source) in sources(workspace)? {
        // The emulator speaks Proxmox's own words.
        let emulated = file.starts_with("acceptance-tests/emulator/");
        if emulated || is_test(&file) {
            continue;
        }
        let mut texts = prose::literals(&source);
        texts.retain(|text| text.text.split_whitespace().count() >= 3);
        for text in &mut texts {
            text.text = prose::words(&text.text);
        }
        read.push((file, texts));
    }
    let at_the_root =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map(String::from);
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
    fn comments_and_names_of_code_are_plain_and_those_of_tests_are_free() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        let put = |file: &str, text: &str| {
            let path = workspace.path(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let code = "// It knows it.\nfn is_settled() {}\nconst A: &str = \"x //wants\";\n\
                    #[cfg(test)]\nmod tests {\n    // It knows it.\n    fn told() {}\n}\n";
        put("provider/src/a.rs", code);
        put("provider/tests/a.rs", "// It knows it.");
        let found: Vec<_> = findings(&workspace).unwrap().into_iter().map(|found| (found.file, found.line)).collect();
        assert_eq!(found, [1, 2].map(|line| ("provider/src/a.rs".to_owned(), line)));

        put("provider/src/preflight/a.rs", "// It knows it.");
        assert_eq!(findings(&workspace).unwrap().len(), 2);
        put("provider/src/preflight/a.rs", "// It is plain.");
        let found = findings(&workspace).unwrap().pop().unwrap().to_string();
        assert_eq!(found, "xtask/src/tidy/words.rs: provider/src/preflight/ is plain: remove it from the list");
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
        let code = "/// This is read in code alone.\nconst A: &str = \"it was changed \\\n    by Somebody else\";\n\
                    const B: &str = \"it came \\\n    about at last\";\nconst C: &str = \"wants two\";\n\
                    const D: &str = \"the option `wants` is set\";\n\
                    #[cfg(test)]\nmod tests { const E: &str = \"what a test wants\"; }\n";
        put("provider/src/a.rs", code);
        put("schemas/src/a.rs", "struct A;\n/// Nobody reads this.\nstruct B;\n");
        put("provider/tests/a.rs", "const A: &str = \"a test wants this\";");
        put("docs/a.md", "It is known.\nIt knows.\n\n```\nIt knows.\n```\n");
        let found: Vec<_> = findings(&workspace).unwrap().into_iter().map(|found| (found.file, found.line)).collect();
        let expected = [("provider/src/a.rs", 3), ("provider/src/a.rs", 4), ("docs/a.md", 2), ("schemas/src/a.rs", 2)];
        assert_eq!(found, expected.map(|(file, line)| (file.to_owned(), line)));
    }
}
