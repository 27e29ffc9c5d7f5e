//! `write_config`: comment first, then the flag `disable`, then what is required, then the rest, each sorted by name.

use serde_json::Value;

use super::{FileType, Plugin, Section, Sections, bytes, perl};

impl FileType {
    /// The text of a file with these sections.
    ///
    /// # Errors
    /// Perl's complaint about a value that can't be written, without its line feed.
    pub fn render(&self, sections: &Sections) -> Result<String, String> {
        let mut list: Vec<&Section> = sections.list.iter().collect();
        list.sort_by_key(|section| section.order);
        let mut text = String::new();
        for section in list {
            let Some(plugin) = self.plugin(&section.kind) else { continue };
            let id = match section.id.split_once(':') {
                Some((_, name)) if self.typed_ids => name,
                _ => &section.id,
            };
            text.push_str(&format!("{}: {id}\n", section.kind));
            render_options(plugin, section, &mut text)?;
            text.push('\n');
        }
        Ok(bytes::written(text))
    }
}

fn render_options(plugin: &Plugin, section: &Section, text: &mut String) -> Result<(), String> {
    let mut names: Vec<(bool, &str)> = plugin
        .options
        .iter()
        .filter(|option| !matches!(option.name, "comment" | "disable"))
        .map(|option| (!option.required, option.name))
        .collect();
    names.sort_unstable();
    // Perl takes the text `0` for false, so such a comment isn't written.
    if plugin.option("comment").is_some() && section.flag("comment") {
        line(plugin, section, "comment", text)?;
    }
    if plugin.option("disable").is_some() && section.flag("disable") {
        text.push_str("\tdisable\n");
    }
    names.into_iter().try_for_each(|(_, name)| line(plugin, section, name, text))
}

fn line(plugin: &Plugin, section: &Section, name: &str, text: &mut String) -> Result<(), String> {
    let Some((option, value)) = plugin.option(name).zip(section.values.get(name)) else { return Ok(()) };
    let written = match value {
        Value::Number(number) if option.is_boolean() => u8::from(number.as_i64() != Some(0)).to_string(),
        Value::Number(number) => perl::print(number),
        Value::String(value) => option.codec.write(value)?,
        other => other.to_string(),
    };
    if !written.is_empty() {
        text.push_str(&format!("\t{name} {written}\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Prop;
    use crate::section_config::{Opt, Values};
    use serde_json::json;

    #[test]
    fn options_stand_in_proxmox_order() {
        let plugin = Plugin {
            kind: "local",
            options: vec![
                Opt::optional("rate", Prop::number()),
                Opt::optional("source", Prop::string()),
                Opt::optional("flag", Prop::boolean()),
                Opt::optional("disable", Prop::boolean()),
                Opt::optional("comment", Prop::string()),
                Opt::required("target", Prop::string()),
            ],
        };
        let file = FileType { plugins: vec![plugin], typed_ids: false };
        let values = |value: Value| -> Values { serde_json::from_value(value).unwrap() };
        let mut sections = Sections::default();
        sections.push(
            "local",
            "b",
            values(json!({"target": "t", "source": "s", "rate": 1.5, "disable": 1, "comment": "c", "flag": 0})),
        );
        sections.push("local", "a", values(json!({"target": "t", "source": "", "comment": "0", "disable": 0})));
        assert_eq!(
            file.render(&sections).unwrap(),
            "local: b\n\tcomment c\n\tdisable\n\ttarget t\n\tflag 0\n\trate 1.5\n\tsource s\n\nlocal: a\n\ttarget t\n\n"
        );
    }
}
