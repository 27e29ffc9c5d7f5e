//! The text of the two files, as the crate `proxmox-section-config` reads and writes it: sections in the order of their creation
//! with a blank line between them, properties sorted by name, one line for each element of a list.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::kinds::{Check, Field, SectionKind, Shape};
use crate::section_config::Values;

/// A section of one of the files.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Section {
    pub(super) kind: SectionKind,
    pub(super) name: String,
    pub(super) values: Values,
}

/// One of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    Public,
    Private,
}

impl File {
    pub(super) const ALL: [Self; 2] = [Self::Public, Self::Private];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Public => "/etc/pve/notifications.cfg",
            Self::Private => "/etc/pve/priv/notifications.cfg",
        }
    }

    /// The name in complaints.
    fn name(self) -> &'static str {
        self.path().trim_start_matches("/etc/pve/")
    }

    /// Whether it keeps a property.
    pub(super) fn keeps(self, field: &Field) -> bool {
        field.secret == (self == Self::Private)
    }

    /// The sections in a text. Lines that can't be understood are passed over.
    pub(super) fn parse(self, text: &str) -> Vec<Section> {
        let mut sections: Vec<Section> = Vec::new();
        let mut known = false;
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            if !line.starts_with([' ', '\t']) {
                let section = header(line);
                known = section.is_some();
                sections.extend(section);
            } else if let Some(section) = sections.last_mut().filter(|_| known) {
                self.property(section, line.trim());
            }
        }
        sections
    }

    fn property(self, section: &mut Section, line: &str) {
        let (name, text) = line.split_once(char::is_whitespace).map_or((line, ""), |(name, text)| (name, text.trim()));
        let Some(field) = section.kind.field(name).filter(|field| self.keeps(field)) else { return };
        let Some(value) = value(field.shape, text) else { return };
        match section
            .values
            .entry(name.to_owned())
            .or_insert_with(|| if is_list(field.shape) { json!([]) } else { value.clone() })
        {
            Value::Array(list) => list.push(value),
            single => *single = value,
        }
    }

    /// The text with these sections.
    ///
    /// # Errors
    /// What a value can't be written for.
    pub(super) fn render(self, sections: &[Section]) -> Result<String, String> {
        let texts: Result<Vec<String>, String> = sections.iter().map(section_text).collect();
        texts.map(|texts| texts.join("\n")).map_err(|why| format!("writing \"{}\" failed: {why}", self.name()))
    }
}

fn header(line: &str) -> Option<Section> {
    let (kind, name) = line.split_once(':')?;
    Some(Section { kind: SectionKind::parse(kind.trim())?, name: name.trim().to_owned(), values: Values::new() })
}

fn is_list(shape: Shape) -> bool {
    matches!(shape, Shape::Texts | Shape::Addresses | Shape::Users | Shape::Targets)
}

fn value(shape: Shape, text: &str) -> Option<Value> {
    match shape {
        Shape::Flag => match text.to_ascii_lowercase().as_str() {
            "1" | "on" | "yes" | "true" => Some(json!(true)),
            "0" | "off" | "no" | "false" => Some(json!(false)),
            _ => None,
        },
        Shape::Port => text.parse::<u16>().ok().map(Value::from),
        _ => Some(json!(text)),
    }
}

fn section_text(section: &Section) -> Result<String, String> {
    let mut text = format!("{}: {}\n", section.kind.as_str(), section.name);
    for (key, value) in &section.values {
        if let Some(Shape::Checked(check)) = section.kind.field(key).map(|field| field.shape) {
            verify(check, value).map_err(|why| {
                format!("verify section '{}' failed - parameter verification failed - '{key}': {why}", section.name)
            })?;
        }
        let items = match value {
            Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        for item in items {
            let item = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
            if item.contains(char::is_control) {
                return Err(format!("detected unexpected control character in section '{}' key '{key}'", section.name));
            }
            text.push_str(&format!("\t{key} {item}\n"));
        }
    }
    Ok(text)
}

fn verify(check: Check, value: &Value) -> Result<(), &'static str> {
    static URL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("^https?://[^[:cntrl:]]+$").ok());
    let text = value.as_str().unwrap_or_default();
    let fits = match check {
        Check::OneLine => !text.contains(char::is_control),
        Check::Url => URL.as_ref().is_some_and(|url| url.is_match(text)),
    };
    if fits { Ok(()) } else { Err("value does not match the regex pattern") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_written_alike() {
        let text =
            "sendmail: a\n\tcomment \n\tdisable false\n\tmailto x@y\n\tmailto z\n\nsmtp: b\n\tport 25\n\tserver mx\n";
        let sections = File::Public.parse(text);
        assert_eq!(json!(sections[0].values), json!({"comment": "", "disable": false, "mailto": ["x@y", "z"]}));
        assert_eq!(json!(sections[1].values), json!({"port": 25, "server": "mx"}));
        assert_eq!(File::Public.render(&sections).as_deref(), Ok(text));
        assert_eq!(File::Private.parse("smtp: b\n\tpassword x\n\tserver mx\n")[0].values.len(), 1);
        assert_eq!(File::Public.parse("slack: b\n\tserver x\n\nmatcher: m\n").len(), 1);
    }

    #[test]
    fn a_comment_has_one_line() {
        let values = Values::from([("comment".to_owned(), json!("a\nb"))]);
        let section = Section { kind: SectionKind::Gotify, name: "g1".to_owned(), values };
        let text = "writing \"notifications.cfg\" failed: verify section 'g1' failed - parameter verification failed - \
                    'comment': value does not match the regex pattern";
        assert_eq!(File::Public.render(&[section]), Err(text.to_owned()));
    }
}
