//! Configuration as text, laid out as `terraform fmt` has it.
//!
//! A writer of our own: the crates for HCL bring a parser along, and don't align as `fmt` does. What a text holds never becomes
//! syntax; see [`quoted`].

use std::fmt::Write as _;

use crate::framework::{Value, quoted};

/// The longest value that is written on one line.
const LINE: usize = 80;

/// What an attribute is set to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    /// A scalar; null for anything else.
    Scalar(Value),
    /// A reference, or a type.
    Raw(String),
    /// `[…]`
    List(Vec<Expr>),
    /// `{…}`
    Map(Vec<(String, Expr)>),
}

/// A line or block in a body.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// `# text`
    Comment(String),
    /// `name = value`
    Attribute(String, Expr),
    /// `kind "label" {…}`
    Block(String, Vec<String>, Vec<Item>),
    /// An empty line.
    Gap,
}

impl Item {
    /// `name = "text"`
    pub(super) fn text(name: &str, text: &str) -> Self {
        Self::Attribute(name.to_owned(), Expr::Scalar(Value::from(text)))
    }

    /// `name = raw`
    pub(super) fn raw(name: &str, raw: impl Into<String>) -> Self {
        Self::Attribute(name.to_owned(), Expr::Raw(raw.into()))
    }

    /// What is in a block.
    pub(super) fn body(&self) -> &[Item] {
        match self {
            Self::Block(_, _, body) => body,
            _ => &[],
        }
    }

    /// `kind "label" {…}`
    pub(super) fn block(kind: &str, labels: &[&str], body: Vec<Item>) -> Self {
        Self::Block(kind.to_owned(), labels.iter().map(|&label| label.to_owned()).collect(), body)
    }
}

/// A file of these items.
pub(super) fn file(items: &[Item]) -> String {
    let mut text = String::new();
    body(items, 0, &mut text);
    text
}

fn body(items: &[Item], depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let mut rest = items;
    let mut previous: Option<&Item> = None;
    while let Some(item) = rest.first() {
        if previous.is_some_and(|previous| is_separated(previous) || is_separated(item)) && !after_comment(previous) {
            text.push('\n');
        }
        match item {
            Item::Gap => {}
            Item::Comment(comment) => comment.lines().for_each(|line| {
                let _ = writeln!(text, "{}", format!("{indent}# {line}").trim_end());
            }),
            Item::Attribute(name, value) if is_long(value) => {
                let _ = writeln!(text, "{indent}{name} = {}", lines(value, depth));
            }
            Item::Attribute(..) => {
                rest = aligned(rest, &indent, text);
                previous = Some(item);
                continue;
            }
            Item::Block(kind, labels, inner) => {
                let labels: String = labels.iter().map(|label| format!(" {}", quoted(label))).collect();
                if inner.is_empty() {
                    let _ = writeln!(text, "{indent}{kind}{labels} {{}}");
                } else {
                    let _ = writeln!(text, "{indent}{kind}{labels} {{");
                    body(inner, depth + 1, text);
                    let _ = writeln!(text, "{indent}}}");
                }
            }
        }
        previous = Some(item);
        rest = &rest[1..];
    }
}

/// Whether an item has empty lines around it: `fmt` aligns adjacent lines.
fn is_separated(item: &Item) -> bool {
    match item {
        Item::Block(..) | Item::Gap => true,
        Item::Attribute(_, value) => is_long(value),
        Item::Comment(_) => false,
    }
}

/// A comment belongs to what follows it.
fn after_comment(previous: Option<&Item>) -> bool {
    matches!(previous, Some(Item::Comment(_) | Item::Gap))
}

/// Writes the attributes at the start of `items` that are short, their values below each other; hands back the rest.
fn aligned<'i>(items: &'i [Item], indent: &str, text: &mut String) -> &'i [Item] {
    let short = |item: &&Item| matches!(item, Item::Attribute(_, value) if !is_long(value));
    let count = items.iter().take_while(short).count();
    let (lines, rest) = items.split_at(count);
    let name = |item: &Item| if let Item::Attribute(name, _) = item { name.chars().count() } else { 0 };
    let width = lines.iter().map(name).max().unwrap_or(0);
    for line in lines {
        if let Item::Attribute(name, value) = line {
            let _ = writeln!(text, "{indent}{name:width$} = {}", line_of(value));
        }
    }
    rest
}

fn is_long(value: &Expr) -> bool {
    matches!(value, Expr::List(_) | Expr::Map(_)) && line_of(value).chars().count() > LINE
}

fn line_of(value: &Expr) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match value {
        Expr::Scalar(value) => scalar(value),
        Expr::Raw(raw) => raw.clone(),
        Expr::List(items) => format!("[{}]", joined(items.iter().map(line_of).collect())),
        Expr::Map(members) if members.is_empty() => "{}".to_owned(),
        Expr::Map(members) => {
            let members = members.iter().map(|(name, value)| format!("{} = {}", key(name), line_of(value)));
            format!("{{ {} }}", joined(members.collect()))
        }
    }
}

/// A list or map with a line for each of its elements.
fn lines(value: &Expr, depth: usize) -> String {
    let (indent, end) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    match value {
        Expr::List(items) => {
            let items: String = items.iter().map(|item| format!("{indent}{},\n", line_of(item))).collect();
            format!("[\n{items}{end}]")
        }
        Expr::Map(members) => {
            let width = members.iter().map(|(name, _)| key(name).chars().count()).max().unwrap_or(0);
            let members =
                members.iter().map(|(name, value)| format!("{indent}{:width$} = {}\n", key(name), line_of(value)));
            format!("{{\n{}{end}}}", members.collect::<String>())
        }
        other => line_of(other),
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        _ => "null".to_owned(),
    }
}

/// A key of a map: bare where it is an identifier.
fn key(name: &str) -> String {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_part = |c: char| is_start(c) || c.is_ascii_digit() || c == '-';
    // These would be taken for values.
    let is_word = matches!(name, "null" | "true" | "false" | "for");
    if name.starts_with(is_start) && name.chars().all(is_part) && !is_word { name.to_owned() } else { quoted(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bare_where_they_may_be() {
        assert_eq!([key("pve-1"), key("1a"), key("a b"), key("true")], ["pve-1", "\"1a\"", "\"a b\"", "\"true\""]);
    }

    #[test]
    fn short_values_are_aligned_and_long_ones_are_not() {
        let number = |n: i64| Expr::Scalar(Value::from(n));
        let nodes = Expr::Map(vec![("a".into(), number(1)), ("long-name".into(), number(2))]);
        let long: Vec<(String, Expr)> = (1..9).map(|n| (format!("node-number-{n}"), number(n))).collect();
        let items = [
            Item::Comment("first\nsecond".into()),
            Item::block(
                "resource",
                &["t", "x"],
                vec![
                    Item::text("name", "x"),
                    Item::Attribute("priority".into(), nodes),
                    Item::Attribute("long".into(), Expr::Map(long[..1].to_vec())),
                    Item::Attribute("nodes".into(), Expr::Map(long)),
                    Item::raw("a", "b.c"),
                    Item::block("empty", &[], vec![]),
                ],
            ),
            Item::block("other", &[], vec![Item::Attribute("none".into(), Expr::List(vec![]))]),
        ];
        let expected = "# first\n# second\nresource \"t\" \"x\" {\n  name     = \"x\"\n  priority = { a = 1, long-name = 2 }\n  \
            long     = { node-number-1 = 1 }\n\n  nodes = {\n    node-number-1 = 1\n    node-number-2 = 2\n    node-number-3 = 3\n    \
            node-number-4 = 4\n    node-number-5 = 5\n    node-number-6 = 6\n    node-number-7 = 7\n    node-number-8 = 8\n  }\n\n  \
            a = b.c\n\n  empty {}\n}\n\nother {\n  none = []\n}\n";
        assert_eq!(file(&items), expected);
    }
}
