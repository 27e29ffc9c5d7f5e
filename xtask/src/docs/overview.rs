//! What the first page points to: the guides, the resources and the data sources, each in one sentence, which says on
//! which version of Proxmox VE it is of use.

use crate::catalogue::{Catalogue, Entry};

/// A guide: its file's name without `.md`, and its text.
pub type Guide = (String, String);

/// Why the registry would not show `guide` as a page, if so.
pub fn problem(guide: &str) -> Option<&'static str> {
    let Some((header, _)) = guide.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")) else {
        return Some("it does not begin with front matter between lines of `---`");
    };
    let is_complete = header.starts_with("page_title: \"") && header.contains("\ndescription: |-\n  ");
    (!is_complete).then_some("its front matter lacks page_title or description")
}

/// The sections of the first page that lead to all others.
pub fn overview(catalogue: &Catalogue, guides: &[Guide]) -> String {
    let mut text = String::from("\n## Guides\n\n");
    for (name, guide) in guides {
        let title = field(guide, "page_title: ").trim_matches('"');
        let summary = guide.split_once("description: |-\n").map_or("", |(_, rest)| rest.lines().next().unwrap_or(""));
        text += &format!("- [{title}](guides/{name}.md): {}\n", summary.trim());
    }
    text += &table("Resources", "resources", &catalogue.resources);
    text += &table("Data sources", "data-sources", &catalogue.data_sources);
    text
}

fn table(title: &str, folder: &str, entries: &[Entry]) -> String {
    let mut text = format!("\n## {title}\n\n| name | what it is |\n|---|---|\n");
    for entry in entries {
        let summary = super::page::first_paragraph(&entry.schema.block.description);
        text +=
            &format!("| [`{}`]({folder}/{}.md) | {} |\n", entry.name, entry.short_name(), summary.replace('|', "\\|"));
    }
    text
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guide_without_front_matter_is_refused() {
        let good = "---\npage_title: \"A b\"\ndescription: |-\n  What c is.\n---\n\n# A b\n";
        assert_eq!(problem(good), None);
        assert!(problem("--- page_title: \"A b\" description: |- What c is. ---\n").is_some());
        assert!(problem("---\npage_title: \"A b\"\n---\n").is_some());
    }

    #[test]
    fn a_guide_is_named_by_its_front_matter() {
        let guide = "---\npage_title: \"A b\"\ndescription: |-\n  What c is.\n---\n";
        let catalogue = Catalogue { provider: None, resources: Vec::new(), data_sources: Vec::new() };
        let text = overview(&catalogue, &[("a-b".to_owned(), guide.to_owned())]);
        assert!(text.contains("- [A b](guides/a-b.md): What c is.\n"), "{text}");
    }
}
