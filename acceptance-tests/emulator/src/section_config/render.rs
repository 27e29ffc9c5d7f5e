//! `write_config`: comment first, then the flag `disable`, then the required options, then the rest, each sorted by name.

use serde_json::Value;

use super::{FileType, Opt, Plugin, Section, Sections, bytes};
use crate::schema::perl;

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
    let first = ["comment", "disable"];
    for name in first {
        // Perl takes the text `0` for false, so such a comment isn't written.
        if let Some(option) = plugin.option(name).filter(|_| section.flag(name)) {
            match option.is_boolean() {
                true => text.push_str(&format!("\t{name}\n")),
                false => line(option, &section.values[name], text)?,
            }
        }
    }
    for required in [true, false] {
        for (name, value) in section.values.iter().filter(|(name, _)| !first.contains(&name.as_str())) {
            if let Some(option) = plugin.option(name).filter(|option| option.required == required) {
                line(option, value, text)?;
            }
        }
    }
    Ok(())
}

fn line(option: &Opt, value: &Value, text: &mut String) -> Result<(), String> {
    if let Value::Array(items) = value {
        return items.iter().try_for_each(|item| line(option, item, text));
    }
    let written = match value {
        Value::Number(number) if option.is_boolean() => u8::from(number.as_i64() != Some(0)).to_string(),
        Value::Number(number) => perl::print(number),
        Value::String(value) => option.codec.write(value)?,
        other => other.to_string(),
    };
    if !written.is_empty() {
        text.push_str(&format!("\t{} {written}\n", option.name));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Prop;
    use crate::section_config::Values;
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
