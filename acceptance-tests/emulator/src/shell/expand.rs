//! Expansion of words: parameters, command substitution, splitting, removal of quotes. No file name is a pattern here.

use super::interpreter::{Run, Shell};
use super::syntax::{Piece, Word};
use super::{Io, Stop};

/// A word while it is put together: fields, and whether the last one exists even if it is empty.
struct Fields {
    done: Vec<String>,
    open: Option<String>,
}

impl Fields {
    fn push(&mut self, text: &str) {
        self.open.get_or_insert_with(String::new).push_str(text);
    }

    fn close(&mut self) {
        self.done.extend(self.open.take());
    }
}

impl Shell<'_, '_> {
    /// A word as the words it becomes: none, one or several.
    pub(super) fn fields(&mut self, word: &Word, io: &mut Io) -> Result<Vec<String>, Stop> {
        let mut fields = Fields { done: Vec::new(), open: None };
        for piece in &word.0 {
            match piece {
                Piece::Text { text, .. } => fields.push(text),
                Piece::Parameter { name, operation: None, quoted: true } if name == "@" => {
                    for (i, argument) in self.arguments.clone().iter().enumerate() {
                        if i > 0 {
                            fields.close();
                        }
                        fields.push(argument);
                    }
                    // Without arguments "$@" is no word at all, not even an empty one.
                    if self.arguments.is_empty() && fields.open.as_deref() == Some("") && word.0.len() <= 2 {
                        fields.open = None;
                    }
                }
                Piece::Parameter { quoted: true, .. } | Piece::Substitution { quoted: true, .. } => {
                    let value = self.value(piece, io)?;
                    fields.push(&value);
                }
                Piece::Parameter { .. } | Piece::Substitution { .. } => {
                    let value = self.value(piece, io)?;
                    split(&value, &mut fields);
                }
            }
        }
        fields.close();
        Ok(fields.done)
    }

    /// A word as one text, as assignments, redirections and patterns take it.
    pub(super) fn text(&mut self, word: &Word, io: &mut Io) -> Run<String> {
        let mut text = String::new();
        for piece in &word.0 {
            match piece {
                Piece::Text { text: literal, .. } => text.push_str(literal),
                _ => text.push_str(&self.value(piece, io)?),
            }
        }
        Ok(text)
    }

    fn value(&mut self, piece: &Piece, io: &mut Io) -> Run<String> {
        match piece {
            Piece::Text { text, .. } => Ok(text.clone()),
            Piece::Substitution { list, .. } => {
                let mut inner = Io { stdin: std::mem::take(&mut io.stdin), ..Io::default() };
                self.status = self.subshell(list, &mut inner)?;
                io.stdin = inner.stdin;
                io.err.push_str(&inner.err);
                Ok(inner.out.trim_end_matches('\n').to_owned())
            }
            Piece::Parameter { name, operation, .. } => {
                let current = self.parameter(name);
                let Some((sign, word)) = operation else { return Ok(current.unwrap_or_default()) };
                let set =
                    if sign.starts_with(':') { current.clone().filter(|v| !v.is_empty()) } else { current.clone() };
                match sign.trim_start_matches(':') {
                    "-" => set.map_or_else(|| self.text(word, io), Ok),
                    "+" => {
                        if set.is_some() {
                            self.text(word, io)
                        } else {
                            Ok(String::new())
                        }
                    }
                    "=" => match set {
                        Some(value) => Ok(value),
                        None => {
                            let value = self.text(word, io)?;
                            self.variables.insert(name.clone(), value.clone());
                            Ok(value)
                        }
                    },
                    "?" => match set {
                        Some(value) => Ok(value),
                        None => {
                            let why = self.text(word, io)?;
                            let why = if why.is_empty() { "parameter not set".to_owned() } else { why };
                            let line = format!("{}{name}: {why}\n", self.prefix());
                            io.err.push_str(&line);
                            Err(Stop::Exit(2))
                        }
                    },
                    cut => {
                        let pattern = self.text(word, io)?;
                        Ok(trim(&current.unwrap_or_default(), cut, &pattern))
                    }
                }
            }
        }
    }

    fn parameter(&self, name: &str) -> Option<String> {
        match name {
            "@" | "*" => Some(self.arguments.join(" ")),
            "#" => Some(self.arguments.len().to_string()),
            "?" => Some(self.status.to_string()),
            "$" => Some("4242".to_owned()),
            "0" => Some(self.name.clone()),
            digits if digits.chars().all(|c| c.is_ascii_digit()) => {
                self.arguments.get(digits.parse::<usize>().ok()?.checked_sub(1)?).cloned()
            }
            other => self.variables.get(other).cloned().or_else(|| self.host.environment(other)),
        }
    }
}

/// An unquoted value falls apart at blanks.
fn split(value: &str, fields: &mut Fields) {
    if value.starts_with(char::is_whitespace) {
        fields.close();
    }
    for (i, part) in value.split_whitespace().enumerate() {
        if i > 0 {
            fields.close();
        }
        fields.push(part);
    }
    if value.ends_with(char::is_whitespace) {
        fields.close();
    }
}

/// `${x#p}`, `${x##p}`, `${x%p}`, `${x%%p}`.
fn trim(value: &str, sign: &str, pattern: &str) -> String {
    let ends = value.char_indices().map(|(at, _)| at).chain([value.len()]);
    let ends: Vec<usize> =
        if matches!(sign, "##" | "%") { ends.collect::<Vec<_>>().into_iter().rev().collect() } else { ends.collect() };
    for at in ends {
        let (head, tail) = value.split_at(at);
        let (candidate, rest) = if sign.starts_with('#') { (head, tail) } else { (tail, head) };
        if matches_pattern(pattern, candidate) {
            return rest.to_owned();
        }
    }
    value.to_owned()
}

/// Whether a text matches a pattern of `*`, `?` and `[…]`.
pub(super) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut regex = String::from("(?s)^");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => {
                let class: String = chars.by_ref().take_while(|c| *c != ']').collect();
                regex.push_str(&format!("[{}]", class.replacen('!', "^", usize::from(class.starts_with('!')))));
            }
            other => regex.push_str(&regex::escape(&other.to_string())),
        }
    }
    regex.push('$');
    regex::Regex::new(&regex).is_ok_and(|regex| regex.is_match(text))
}
