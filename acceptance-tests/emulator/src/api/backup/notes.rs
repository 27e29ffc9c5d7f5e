//! The template of a backup's notes (`verify_notes_template`).

use std::sync::LazyLock;

use regex::Regex;

/// The variables there are.
const VARIABLES: [&str; 4] = ["cluster", "guestname", "node", "vmid"];

/// Checks a template.
///
/// # Errors
/// Names what is not known in it, and where.
pub(super) fn verify(template: &str) -> Result<(), String> {
    static ESCAPE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\\(.)").expect("a literal pattern"));
    static VARIABLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{\{([^\s{}]+)\}\}").expect("a literal pattern"));
    let at = |byte: usize| template[..byte].chars().count();
    let mut problems = Vec::new();
    for (found, name) in ESCAPE.captures_iter(template).filter_map(|c| Some((c.get(0)?, c.get(1)?))) {
        if !matches!(name.as_str(), "n" | "\\") {
            problems.push(format!("escape sequence '\\{}' at char {}", name.as_str(), at(found.start())));
        }
    }
    for name in VARIABLE.captures_iter(template).filter_map(|c| c.get(1)) {
        if !VARIABLES.contains(&name.as_str()) {
            // Counted from the end of the braces, as Proxmox does.
            problems.push(format!("variable '{}' at char {}", name.as_str(), at(name.start()) + 2));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(format!("found unknown: {}", problems.join(", "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_variables_and_escapes_are_named() {
        assert_eq!(verify(r"{{cluster}}: {{guestname}} {{vmid}}\non {{node}} \\ {{ x }}"), Ok(()));
        assert_eq!(verify("{{guest}}"), Err("found unknown: variable 'guest' at char 4".to_owned()));
        assert_eq!(verify(r"a\t"), Err(r"found unknown: escape sequence '\t' at char 1".to_owned()));
    }
}
