//! `parse_config`: lines that can't be parsed are skipped, as Proxmox skips them with a warning.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use crate::schema::{Kind, Prop};

use super::{FileType, Opt, Plugin, Section, Sections, Values, bytes};

impl FileType {
    /// Reads a file's text.
    #[must_use]
    pub fn parse(&self, text: &str) -> Sections {
        let mut sections = Sections { list: Vec::new(), digest: bytes::digest(text) };
        let mut seen = HashSet::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some((kind, id)) = header(line) else { continue };
            let body: Vec<&str> = lines.by_ref().take_while(|line| !trim(line).is_empty()).collect();
            let Some(plugin) = self.plugin(kind) else { continue };
            let id = if self.typed_ids { format!("{kind}:{id}") } else { id.to_owned() };
            let values = values(plugin, &body);
            let complete = plugin.options.iter().all(|option| !option.required || values.contains_key(option.name));
            if complete && seen.insert(id.clone()) {
                let order = sections.list.len() + 1;
                sections.list.push(Section { kind: kind.to_owned(), id, order, values });
            }
        }
        sections
    }
}

fn header(line: &str) -> Option<(&str, &str)> {
    if line.starts_with('#') || line.starts_with(char::is_whitespace) {
        return None;
    }
    let (kind, id) = line.split_once(':')?;
    let id = id.trim();
    (!kind.is_empty() && !kind.contains(char::is_whitespace) && !id.is_empty() && !id.contains(char::is_whitespace))
        .then_some((kind, id))
}

/// `\s` of a Perl that looks at bytes: those of a letter like `à` or `х` are no blanks, though characters of these numbers are.
fn is_blank(character: char) -> bool {
    matches!(character, '\t'..='\r' | ' ')
}

fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

fn values(plugin: &Plugin, lines: &[&str]) -> Values {
    let mut values = Values::new();
    for line in lines.iter().filter(|line| !line.starts_with('#')) {
        let line = trim(line);
        let (name, text) = line.split_once(is_blank).map_or((line, ""), |(name, text)| (name, trim(text)));
        let Some(option) = plugin.option(name) else { continue };
        if option.is_array() {
            // One line for each element.
            let list = values.entry(name.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
            list.as_array_mut().into_iter().for_each(|list| list.push(Value::String(text.to_owned())));
        } else if !values.contains_key(name)
            && let Some(value) = value(option, text)
        {
            values.insert(name.to_owned(), value);
        }
    }
    values
}

fn value(option: &Opt, text: &str) -> Option<Value> {
    let text = match text {
        // A flag: any text after it enables it.
        _ if option.name == "disable" => "1",
        "" if option.is_boolean() => "1",
        "" => return None,
        text => text,
    };
    let raw = Value::String(text.to_owned());
    if !plainly_valid(&option.prop, text) {
        let mut errors = BTreeMap::new();
        option.prop.check(Some(&raw), option.name, &mut errors);
        if !errors.is_empty() {
            return None;
        }
    }
    if option.is_numeric() {
        return option.accept(&raw).ok();
    }
    Some(Value::String(option.codec.read(text)))
}

/// Whether the value obviously passes its schema: large files are read often, and regular expressions are slow.
fn plainly_valid(prop: &Prop, text: &str) -> bool {
    match (&prop.kind, &prop.choices) {
        (Kind::Boolean, _) => matches!(text, "0" | "1"),
        (Kind::String, Some(words)) => words.contains(&text),
        (Kind::String, None) => {
            prop.format.is_none() && prop.pattern.is_none() && prop.max_length.is_none_or(|most| text.len() <= most)
        }
        (Kind::Integer, _) => {
            let bounded = prop.minimum.unwrap_or(0.0) > 0.0 || prop.maximum.is_some();
            !bounded && text.len() < 19 && text.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section_config::Codec;
    use serde_json::json;

    fn file(typed_ids: bool) -> FileType {
        let options = || {
            vec![
                Opt::required("nodes", Prop::string()).codec(Codec::SortedSet),
                Opt::optional("n", Prop::integer()),
                Opt::optional("disable", Prop::boolean()),
                Opt::optional("comment", Prop::string()).codec(Codec::Text),
                Opt::optional("path", Prop::array(Prop::string())),
            ]
        };
        FileType { plugins: vec![Plugin { kind: "a", options: options() }], typed_ids }
    }

    #[test]
    fn sections_are_read_in_their_order() {
        let text = "# c\na: x\n\tnodes b,a\n\tn 3\n\tdisable\n\tcomment  %3A  \n\na: y\n\tnodes q\n\n";
        let sections = file(false).parse(text);
        assert_eq!(sections.list.iter().map(|s| (s.id.as_str(), s.order)).collect::<Vec<_>>(), [("x", 1), ("y", 2)]);
        assert_eq!(json!(sections.list[0].values), json!({"nodes": "a,b", "n": 3, "disable": 1, "comment": ":"}));
        assert_eq!(file(true).parse(text).list[0].id, "a:x");
    }

    #[test]
    fn an_array_has_a_line_for_each_element() {
        let text = "a: x\n\tnodes b\n\tpath /one\n\tpath /two words\n\n";
        let sections = file(false).parse(text);
        assert_eq!(json!(sections.list[0].values["path"]), json!(["/one", "/two words"]));
        assert_eq!(file(false).render(&sections).as_deref(), Ok(text));
    }

    #[test]
    fn only_ascii_blanks_are_cut_off() {
        let text = "a: x\n\tnodes b\n\tpath  \u{a0}d1\u{85} \t\n\n";
        assert_eq!(json!(file(false).parse(text).list[0].values["path"]), json!(["\u{a0}d1\u{85}"]));
    }

    #[test]
    fn what_is_invalid_is_not_there() {
        let text = "b: q\n\tnodes x\n\na: x\n\tnodes a\n\tn 1e+20\n\tcomment   \n\tbogus 1\n\na: y\n\tn 1\n\n";
        let sections = file(false).parse(text);
        assert_eq!(sections.list.len(), 1);
        assert_eq!(json!(sections.list[0].values), json!({"nodes": "a"}));
    }
}
