//! `cargo xtask tidy`: the project's rules that the compiler doesn't check.

mod code;
mod forms;
mod guides;
mod layers;
mod paths;
mod pieces;
mod promises;
mod prose;
mod sizes;
mod tokens;
mod troubleshooting;
mod words;
mod workflows;

use std::fmt;
use std::io;

use crate::catalogue::Catalogue;
use crate::{Outcome, Workspace};

/// Check the direction of dependencies, the pieces of every noun, the sizes of files, and the words of texts
#[derive(Debug, Default, clap::Args)]
pub struct Args {}

/// A broken rule, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    file: String,
    line: usize,
    text: String,
}

impl Finding {
    fn new(file: impl Into<String>, line: usize, text: impl Into<String>) -> Self {
        Self { file: file.into(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.text),
            line => write!(f, "{}:{line}: {}", self.file, self.text),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// A rule is broken; each finding names its file.
pub fn run(workspace: &Workspace, _args: &Args) -> Outcome {
    for long in sizes::worth_a_look(workspace)? {
        println!("note: {long}");
    }
    let findings = findings(workspace, &Catalogue::of_this_build())?;
    if findings.is_empty() {
        println!("tidy");
        return Ok(());
    }
    let list: Vec<_> = findings.iter().map(ToString::to_string).collect();
    Err(format!("{} findings\n{}", findings.len(), list.join("\n")).into())
}

/// Every broken rule.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace, catalogue: &Catalogue) -> io::Result<Vec<Finding>> {
    let mut findings = layers::findings(workspace)?;
    findings.extend(pieces::findings(workspace, catalogue)?);
    findings.extend(sizes::findings(workspace)?);
    findings.extend(words::findings(workspace)?);
    findings.extend(troubleshooting::findings(workspace)?);
    findings.extend(promises::findings(workspace)?);
    findings.extend(workflows::findings(workspace)?);
    findings.extend(forms::findings(workspace)?);
    findings.extend(guides::findings(workspace)?);
    Ok(findings)
}

/// Every Rust file of the workspace that a person writes, with its text.
fn sources(workspace: &Workspace) -> io::Result<Vec<(String, String)>> {
    let mut sources = Vec::new();
    for member in ["schemas", "ha-manager", "provider", "acceptance-tests", "demo", "xtask"] {
        let written = |file: &String| file.ends_with(".rs") && !file.contains("/generated/");
        for file in workspace.files(member)?.into_iter().filter(written) {
            if let Some(text) = workspace.text(&file)? {
                sources.push((file, text));
            }
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_checkout_is_tidy() {
        let findings = findings(&Workspace::of_this_build(), &Catalogue::of_this_build()).unwrap();
        let list: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{}", list.join("\n"));
    }
}
