//! The issue forms: what a report of a defect has to say, so that it can be looked into.

use std::io;

use serde::Deserialize;

use super::Finding;
use crate::Workspace;

const FOLDER: &str = ".github/ISSUE_TEMPLATE";

/// The form for defects, and what it requires: the versions, the configuration, the error and the log.
const DEFECT: (&str, &[&str]) = ("bug.yml", &["version", "pve", "configuration", "happened", "log"]);

#[derive(Debug, Deserialize)]
struct Form {
    body: Vec<Field>,
}

#[derive(Debug, Deserialize)]
struct Field {
    id: Option<String>,
    #[serde(default)]
    validations: Validations,
}

#[derive(Debug, Default, Deserialize)]
struct Validations {
    #[serde(default)]
    required: bool,
}

/// Forms that can't be read, or don't ask for what is needed.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let (defect, needed) = DEFECT;
    for file in workspace.files(FOLDER)?.into_iter().filter(|file| !file.ends_with("/config.yml")) {
        let form = match serde_saphyr::from_str::<Form>(&workspace.text(&file)?.unwrap_or_default()) {
            Ok(form) => form,
            Err(problem) => {
                findings.push(Finding::new(&file, 0, format!("not a form: {problem}")));
                continue;
            }
        };
        let asks =
            |id: &str| form.body.iter().any(|field| field.id.as_deref() == Some(id) && field.validations.required);
        let missing = needed.iter().filter(|id| file.ends_with(&format!("/{defect}")) && !asks(id));
        findings.extend(missing.map(|id| Finding::new(&file, 0, format!("a required field `{id}` is missing"))));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_form_that_asks_for_too_little_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        fs::create_dir_all(workspace.path(FOLDER)).unwrap();
        let of = |text: &str| {
            fs::write(workspace.path(".github/ISSUE_TEMPLATE/bug.yml"), text).unwrap();
            findings(&workspace).unwrap().len()
        };
        let field = |id: &&str| format!("  - id: {id}\n    type: input\n    validations:\n      required: true\n");
        let all = format!("body:\n{}", DEFECT.1.iter().map(field).collect::<String>());
        assert_eq!(of(&all), 0);
        assert_eq!(of(&all.replacen("required: true", "required: false", 1)), 1);
        assert_eq!(of("body:\n  - type: markdown\n"), 5);
        assert_eq!(of("name: x\n"), 1);
    }
}
