//! The pieces of every noun: its schema file, its registry line, an example, an acceptance test; and its page, which is
//! made from them.

use std::io;

use regex::Regex;

use super::Finding;
use crate::Workspace;
use crate::catalogue::{Catalogue, Entry};

const REGISTRY: &str = "provider/src/registry.rs";

/// Every missing piece.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace, catalogue: &Catalogue) -> io::Result<Vec<Finding>> {
    let nouns = declared(workspace)?;
    let mut tests = texts(workspace, "acceptance-tests/src", ".rs")?;
    tests.extend(texts(workspace, "acceptance-tests/tests", ".rs")?);
    let mut findings = Vec::new();

    for (file, line, name) in &nouns {
        let Catalogue { resources, data_sources, actions, .. } = catalogue;
        if !resources.iter().chain(data_sources).chain(actions).any(|entry| entry.name == *name) {
            findings.push(Finding::new(file, *line, format!("{name} has no line in {REGISTRY}")));
        }
    }
    for (entry, page, example, block) in catalogue
        .resources
        .iter()
        .map(|entry| (entry, "docs/resources", format!("examples/resources/{}/resource.tf", entry.name), "resource"))
        .chain(catalogue.data_sources.iter().map(|entry| {
            (entry, "docs/data-sources", format!("examples/data-sources/{}/data-source.tf", entry.name), "data")
        }))
        .chain(
            catalogue
                .actions
                .iter()
                .map(|entry| (entry, "docs/actions", format!("examples/actions/{}/action.tf", entry.name), "action")),
        )
    {
        let Entry { name, .. } = entry;
        if !nouns.iter().any(|(_, _, noun)| noun == name) {
            findings.push(Finding::new(REGISTRY, 0, format!("{name} has no schema file in schemas/src")));
        }
        let written = format!("{block} \"{name}\"");
        if !workspace.text(&example)?.is_some_and(|text| text.contains(&written)) {
            findings.push(Finding::new(&example, 0, format!("{name} has no example")));
        }
        let import = format!("examples/resources/{name}/import.sh");
        if block == "resource" && workspace.text(&import)?.is_none_or(|text| !text.contains("terraform import ")) {
            findings.push(Finding::new(&import, 0, format!("{name} has no example of an import")));
        }
        let named = Regex::new(&format!(r"\b{name}\b")).map_err(io::Error::other)?;
        if !tests.iter().any(|(_, text)| named.is_match(text)) {
            findings.push(Finding::new("acceptance-tests", 0, format!("no test names {block} {name}")));
        }
        let page = format!("{page}/{}.md", entry.short_name());
        if workspace.text(&page)?.is_none() {
            findings.push(Finding::new(&page, 0, format!("{name} has no page; run `cargo xtask docs`")));
        }
    }
    for function in &catalogue.functions {
        findings.extend(of_function(workspace, &function.name, &tests)?);
    }
    Ok(findings)
}

fn of_function(workspace: &Workspace, name: &str, tests: &[(String, String)]) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let call = format!("provider::pve::{name}(");
    let example = format!("examples/functions/{name}/function.tf");
    if !workspace.text(&example)?.is_some_and(|text| text.contains(&call)) {
        findings.push(Finding::new(&example, 0, format!("{name} has no example")));
    }
    if !tests.iter().any(|(_, text)| text.contains(&call)) {
        findings.push(Finding::new("acceptance-tests", 0, format!("no test calls {call}…)")));
    }
    let page = format!("docs/functions/{name}.md");
    if workspace.text(&page)?.is_none() {
        findings.push(Finding::new(&page, 0, format!("{name} has no page; run `cargo xtask docs`")));
    }
    Ok(findings)
}

/// Every noun that schemas/src declares: file, line, name.
fn declared(workspace: &Workspace) -> io::Result<Vec<(String, usize, String)>> {
    let declaration = Regex::new(r#"const NAME: &'static str = "(pve_\w+)";"#).map_err(io::Error::other)?;
    let mut nouns = Vec::new();
    for (file, text) in texts(workspace, "schemas/src", ".rs")? {
        for (index, line) in text.lines().enumerate() {
            if let Some(found) = declaration.captures(line) {
                nouns.push((file.clone(), index + 1, found[1].to_owned()));
            }
        }
    }
    Ok(nouns)
}

fn texts(workspace: &Workspace, folder: &str, ending: &str) -> io::Result<Vec<(String, String)>> {
    let files = workspace.files(folder)?.into_iter().filter(|file| file.ends_with(ending));
    files.map(|file| Ok((file.clone(), workspace.text(&file)?.unwrap_or_default()))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use terraform_provider_pve::framework::Schema;

    use super::*;

    fn write(workspace: &Workspace, file: &str, text: &str) {
        let path = workspace.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn each_missing_piece_of_a_function_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        assert_eq!(of_function(&workspace, "sum", &[]).unwrap().len(), 3);
        write(&workspace, "examples/functions/sum/function.tf", "provider::pve::sum(1)");
        write(&workspace, "docs/functions/sum.md", "");
        let tests = [("a.rs".to_owned(), "provider::pve::sum(1)".to_owned())];
        assert!(of_function(&workspace, "sum", &tests).unwrap().is_empty());
    }

    #[test]
    fn each_missing_piece_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        let schema = Schema::default();
        let entry = Entry { name: "pve_thing".into(), title: "thing".into(), schema };
        let catalogue = Catalogue { resources: vec![entry], ..Catalogue::default() };
        assert_eq!(findings(&workspace, &catalogue).unwrap().len(), 5);

        write(&workspace, "schemas/src/thing.rs", "const NAME: &'static str = \"pve_thing\";");
        write(&workspace, "examples/resources/pve_thing/resource.tf", "resource \"pve_thing\" \"x\" {}");
        write(&workspace, "examples/resources/pve_thing/import.sh", "terraform import pve_thing.x 1");
        write(&workspace, "acceptance-tests/tests/other.rs", "\"pve_things\"");
        assert_eq!(findings(&workspace, &catalogue).unwrap().len(), 2);
        write(&workspace, "acceptance-tests/tests/thing.rs", "\"pve_thing\"");
        write(&workspace, "docs/resources/thing.md", "");
        assert!(findings(&workspace, &catalogue).unwrap().is_empty());

        write(&workspace, "schemas/src/other.rs", "\nconst NAME: &'static str = \"pve_other\";");
        let found = findings(&workspace, &catalogue).unwrap();
        assert_eq!(found[0].to_string(), "schemas/src/other.rs:2: pve_other has no line in provider/src/registry.rs");
        assert_eq!(found.len(), 1);
    }
}
