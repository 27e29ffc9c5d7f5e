//! The links of the first page: guides, resources, data sources and actions, each with one sentence.

use crate::catalogue::{Catalogue, Entry};

/// A guide, as its front matter describes it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guide {
    /// Its file's name without `.md`.
    pub name: String,
    pub title: String,
    pub summary: String,
}

impl Guide {
    /// Reads the front matter, which registries show; `None` if it is not of the usual form.
    pub fn parse(name: &str, text: &str) -> Option<Self> {
        let (front, _) = text.strip_prefix("---\npage_title: \"")?.split_once("\n---\n")?;
        let (title, rest) = front.split_once("\"\n")?;
        let rest = rest
            .strip_prefix("subcategory: \"")
            .and_then(|rest| rest.split_once("\"\n"))
            .map_or(rest, |(_, rest)| rest);
        let summary = rest.strip_prefix("description: |-\n  ")?;
        Some(Self { name: name.to_owned(), title: title.to_owned(), summary: summary.replace("\n  ", " ") })
    }
}

/// The sections of the first page that lead to all others.
pub fn overview(catalogue: &Catalogue, guides: &[Guide]) -> String {
    let mut text = String::from("\n## Guides\n\n");
    for Guide { name, title, summary } in guides {
        text += &format!("- [{title}](guides/{name}.md): {summary}\n");
    }
    text += &table("Resources", "resources", &catalogue.resources);
    text += &table("Data sources", "data-sources", &catalogue.data_sources);
    text += &table("Actions", "actions", &catalogue.actions);
    text += &super::function::table(&catalogue.functions);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guide_is_named_by_its_front_matter() {
        let guide = "---\npage_title: \"A b\"\ndescription: |-\n  What c\n  is.\n---\n\n# A b\n";
        assert_eq!(Guide::parse("a-b", &guide.replace('\n', " ")), None);
        let grouped = guide.replace("description", "subcategory: \"Start\"\ndescription");
        assert_eq!(Guide::parse("a-b", &grouped), Guide::parse("a-b", guide));
        let guide = Guide::parse("a-b", guide).unwrap();
        let catalogue = Catalogue::default();
        let text = overview(&catalogue, &[guide]);
        assert!(text.contains("- [A b](guides/a-b.md): What c is.\n"), "{text}");
    }
}
