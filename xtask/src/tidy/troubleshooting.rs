//! The guide to errors has a section for every error of the provider, and for every state of the HA manager; and no other.

use std::collections::BTreeMap;
use std::io;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use regex::Regex;

use super::prose::{content, ends_item, is_for_tests, is_mark};
use super::{Finding, sources};
use crate::Workspace;

const GUIDE: &str = "docs/guides/troubleshooting.md";

/// Calls that make an error, and which argument is its summary. Of `error` other things have the same name, without a text there.
const CALLS: [(&str, usize); 4] = [("error", 0), ("error_at", 1), ("summarised", 0), ("into_error", 0)];

/// Layers without diagnostics: their errors get a summary above them.
const BELOW: [&str; 2] = ["provider/src/client/", "provider/src/ssh/"];

/// What passes a summary on that was made elsewhere.
const PASSES_ON: [&str; 4] = [
    "provider/src/framework/context.rs",
    "provider/src/framework/diagnostics.rs",
    "provider/src/framework/failure.rs",
    "provider/src/framework/validate.rs",
];

/// Functions that say in a text what has happened.
const CAUSES: &str = "happened";

/// Where the states of HA resources have their words.
const STATES: (&str, &str) = ("ha-manager/src/service.rs", "as_str");

/// A text that needs a section.
#[derive(Debug, PartialEq, Eq)]
struct Summary {
    file: String,
    line: usize,
    /// As in the source.
    text: String,
}

/// Every error without a section, and every section without an error.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let guide = workspace.text(GUIDE)?.unwrap_or_default();
    let mut summaries = Vec::new();
    let mut findings = Vec::new();
    for (file, text) in sources(workspace)?.iter().filter(|(file, _)| !file.contains("/tests/")) {
        if file.starts_with("provider/src/") && !BELOW.iter().any(|layer| file.starts_with(layer)) {
            let stream: TokenStream = text.parse().unwrap_or_default();
            let mut scan = Scan::new(file, stream.clone());
            scan.walk(stream);
            findings.extend(scan.unread.iter().map(|line| {
                Finding::new(
                    file.as_str(),
                    *line,
                    "the summary of an error is a literal, a `format!`, a constant or a variable with one of these",
                )
            }));
            summaries.append(&mut scan.found);
            if file.starts_with("provider/src/explain") {
                summaries.append(&mut function(file, text.parse().unwrap_or_default(), CAUSES));
            }
        } else if file == STATES.0 {
            summaries.append(&mut function(file, text.parse().unwrap_or_default(), STATES.1));
        }
    }
    findings.extend(compare(&summaries, &entries(&guide)));
    Ok(findings)
}

fn compare(summaries: &[Summary], entries: &[(String, usize)]) -> Vec<Finding> {
    let patterns: Vec<(&Summary, Regex)> =
        summaries.iter().filter_map(|summary| Some((summary, pattern(&summary.text)?))).collect();
    let missing = patterns.iter().filter(|(_, pattern)| !entries.iter().any(|(entry, _)| pattern.is_match(entry)));
    let missing = missing.map(|(summary, _)| {
        Finding::new(summary.file.as_str(), summary.line, format!("{GUIDE} has no section `{}`", summary.text))
    });
    let stale = entries.iter().filter(|(entry, _)| !patterns.iter().any(|(_, pattern)| pattern.is_match(entry)));
    let stale = stale.map(|(entry, line)| Finding::new(GUIDE, *line, format!("no error or state is called `{entry}`")));
    missing.chain(stale).collect()
}

/// The titles of sections of the third level, and the first cells of tables: each is about one error or state.
fn entries(guide: &str) -> Vec<(String, usize)> {
    let mut entries = Vec::new();
    let mut rows = 0;
    for (index, line) in guide.lines().enumerate() {
        rows = if line.starts_with('|') { rows + 1 } else { 0 };
        // The head of a table and the line below it have no entry.
        let cell =
            line.strip_prefix("| ").filter(|_| rows > 2).and_then(|row| row.split_once(" |")).map(|(cell, _)| cell);
        if let Some(entry) = line.strip_prefix("### ").or(cell) {
            entries.push((entry.replace('`', ""), index + 1));
        }
    }
    entries
}

/// What a section is called: the text up to the end of its first sentence, with something in place of each argument.
fn pattern(text: &str) -> Option<Regex> {
    let text = text.replace("\\\"", "\"").replace('`', "");
    let text = Regex::new(r"\\\n\s*").ok()?.replace_all(&text, "");
    let sentence = text.split(". ").next().unwrap_or_default().trim_end_matches('.');
    let pieces = Regex::new(r"\{[^}]*\}").ok()?;
    let literal: Vec<String> = pieces.split(sentence).map(regex::escape).collect();
    Regex::new(&format!("^{}$", literal.join(".+"))).ok()
}

/// One file.
struct Scan<'a> {
    file: &'a str,
    /// The texts of constants and variables, by name.
    named: BTreeMap<String, Vec<String>>,
    found: Vec<Summary>,
    unread: Vec<usize>,
}

impl<'a> Scan<'a> {
    fn new(file: &'a str, stream: TokenStream) -> Self {
        let mut scan = Self { file, named: BTreeMap::new(), found: Vec::new(), unread: Vec::new() };
        scan.name(stream);
        scan
    }

    /// Notes the texts in the expressions that constants and variables get: one of several may be a summary.
    fn name(&mut self, stream: TokenStream) {
        let trees = code(stream);
        for (index, tree) in trees.iter().enumerate() {
            if let TokenTree::Group(group) = tree {
                self.name(group.stream());
            }
            if !matches!(tree, TokenTree::Ident(word) if word == "let" || word == "const") {
                continue;
            }
            let statement: Vec<TokenTree> =
                trees[index + 1..].iter().take_while(|tree| !is_mark(tree, ';')).cloned().collect();
            let Some(equals) = statement.iter().position(|tree| is_mark(tree, '=')) else { continue };
            let mut texts = Vec::new();
            literals(self.file, statement[equals + 1..].iter().cloned().collect(), &mut texts);
            for name in names(statement[..equals].iter().cloned().collect()) {
                self.named.entry(name).or_default().extend(texts.iter().map(|summary| summary.text.clone()));
            }
        }
    }

    fn walk(&mut self, stream: TokenStream) {
        let trees: Vec<TokenTree> = code(stream);
        for (index, tree) in trees.iter().enumerate() {
            let TokenTree::Group(group) = tree else { continue };
            let name = index.checked_sub(1).map(|before| trees[before].to_string());
            let method = index >= 2 && is_mark(&trees[index - 2], '.');
            let call = CALLS.iter().find(|(call, _)| method && name.as_deref() == Some(call));
            if let Some((call, position)) = call.filter(|_| group.delimiter() == Delimiter::Parenthesis) {
                let argument = arguments(group.stream()).into_iter().nth(*position).unwrap_or_default();
                self.read(argument, *call != "error", group.span_open().start().line);
            }
            self.walk(group.stream());
        }
        // `summary: "…"` of a diagnostic or a check.
        for part in trees.windows(3) {
            if part[0].to_string() == "summary" && is_mark(&part[1], ':') {
                self.read(vec![part[2].clone()], false, part[2].span().start().line);
            }
        }
    }

    /// The summary that an argument makes.
    fn read(&mut self, argument: Vec<TokenTree>, certain: bool, line: usize) {
        let texts = match argument.as_slice() {
            [TokenTree::Literal(literal)] => content(&literal.to_string()).map(|text| vec![text.to_owned()]),
            [TokenTree::Ident(name)] => self.named.get(&name.to_string()).filter(|texts| !texts.is_empty()).cloned(),
            [TokenTree::Ident(name), _, TokenTree::Group(format)] if name == "format" => {
                let first = format.stream().into_iter().next();
                first.and_then(|first| content(&first.to_string()).map(|text| vec![text.to_owned()]))
            }
            _ => None,
        };
        let summary = |text| Summary { file: self.file.to_owned(), line, text };
        match texts {
            Some(texts) => self.found.extend(texts.into_iter().map(summary)),
            None if certain && !PASSES_ON.contains(&self.file) => self.unread.push(line),
            None => {}
        }
    }
}

/// The names in a pattern.
fn names(pattern: TokenStream) -> Vec<String> {
    let of = |tree| match tree {
        TokenTree::Ident(name) => vec![name.to_string()],
        TokenTree::Group(group) => names(group.stream()),
        _ => Vec::new(),
    };
    pattern.into_iter().flat_map(of).collect()
}

/// The texts in the functions called `name`.
fn function(file: &str, stream: TokenStream, name: &str) -> Vec<Summary> {
    let trees = code(stream);
    let mut found = Vec::new();
    let mut is_in = false;
    for (index, tree) in trees.iter().enumerate() {
        is_in |= index > 0 && trees[index - 1].to_string() == "fn" && tree.to_string() == name;
        let TokenTree::Group(group) = tree else { continue };
        if is_in && group.delimiter() == Delimiter::Brace {
            literals(file, group.stream(), &mut found);
            is_in = false;
        } else {
            found.append(&mut function(file, group.stream(), name));
        }
    }
    found
}

fn literals(file: &str, stream: TokenStream, into: &mut Vec<Summary>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => literals(file, group.stream(), into),
            TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                let text = content(&literal.to_string()).map(str::to_owned);
                into.extend(text.map(|text| Summary { file: file.to_owned(), line, text }));
            }
            _ => {}
        }
    }
}

/// The trees of a stream without tests.
fn code(stream: TokenStream) -> Vec<TokenTree> {
    let mut trees = stream.into_iter();
    let mut code = Vec::new();
    while let Some(tree) = trees.next() {
        let attribute = code.last().is_some_and(|last| is_mark(last, '#'));
        if matches!(&tree, TokenTree::Group(group) if attribute && is_for_tests(group)) {
            trees.by_ref().find(ends_item);
        } else {
            code.push(tree);
        }
    }
    code
}

/// The arguments of a call.
fn arguments(stream: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut arguments = vec![Vec::new()];
    for tree in stream {
        if is_mark(&tree, ',') {
            arguments.push(Vec::new());
        } else if let Some(last) = arguments.last_mut() {
            last.push(tree);
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(source: &str) -> Vec<String> {
        let stream: TokenStream = source.parse().unwrap();
        let mut scan = Scan::new("provider/src/x.rs", stream.clone());
        scan.walk(stream);
        scan.found.into_iter().map(|summary| summary.text).collect()
    }

    #[test]
    fn every_way_to_make_an_error_is_read() {
        let source = "const GONE: &str = \"Gone\"; #[error(\"no\")] struct E; #[cfg(test)] mod tests { fn t() { d.error(\"No\", x) } } \
                      fn f() { d.error(\"A\", b); d.error_at(p, format!(\"C {}\", d), e); g.summarised(GONE); \
                      vec![h.into_error(\"I\")]; self.error(kind, \"no\"); D { summary: \"J\".to_owned() }; \
                      let (cause, summary) = if k { (L, \"M\") } else { (N, \"O\") }; p.summarised(summary) }";
        let mut found = scanned(source);
        found.sort();
        assert_eq!(found, ["A", "C {}", "Gone", "I", "J", "M", "O"]);
    }

    #[test]
    fn a_summary_that_can_not_be_read_is_a_finding() {
        let mut scan = Scan::new("provider/src/x.rs", TokenStream::new());
        scan.walk("fn f() { d.error_at(p, made(), e); }".parse().unwrap());
        assert_eq!(scan.unread, [1]);
    }

    #[test]
    fn a_missing_and_a_stale_section_are_found() {
        let summary = |text: &str| Summary { file: "a.rs".into(), line: 7, text: text.into() };
        let guide = "### Cannot read a thing\n| error | do |\n|---|---|\n| `x` is y | z |\n### Gone\n";
        let found =
            compare(&[summary("Cannot read {}"), summary("`x` is y. Nothing."), summary("New")], &entries(guide));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [format!("a.rs:7: {GUIDE} has no section `New`"), format!("{GUIDE}:5: no error or state is called `Gone`"),]
        );
    }

    #[test]
    fn the_words_of_causes_and_states_are_read() {
        let found = function(
            "a.rs",
            "impl A { fn other() { \"no\" } fn happened() -> &'static str { match a { B => \"yes\" } } }"
                .parse()
                .unwrap(),
            CAUSES,
        );
        assert_eq!(found.into_iter().map(|text| text.text).collect::<Vec<_>>(), ["yes"]);
    }
}
