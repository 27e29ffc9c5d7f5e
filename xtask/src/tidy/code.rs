//! The comments and the names of source, outside of its tests.

use std::ops::Range;

use proc_macro2::{Group, TokenStream, TokenTree};

use super::prose::{self, Text};

/// What a reader of code reads beside the code itself.
#[derive(Debug, Default)]
pub struct Code {
    /// The lines of comments, without code in backticks and in code blocks.
    pub comments: Vec<Text>,
    /// Names and keywords, `settled_state` and `SettledState` as `settled state`.
    pub names: Vec<Text>,
}

impl Code {
    /// Reads `source`; nothing of what is not Rust: the compiler reports that.
    pub fn of(source: &str) -> Self {
        let mut walk = Walk { source, names: Vec::new(), hidden: Vec::new() };
        if let Ok(stream) = source.parse() {
            walk.stream(stream);
        }
        let shown = blanked(source, &walk.hidden);
        Self { comments: comments(&shown), names: walk.names }
    }
}

/// Collects names, and the ranges of source in which `//` begins no comment.
struct Walk<'a> {
    source: &'a str,
    names: Vec<Text>,
    hidden: Vec<Range<usize>>,
}

impl Walk<'_> {
    fn stream(&mut self, stream: TokenStream) {
        let mut trees = stream.into_iter();
        let mut after_hash = false;
        while let Some(tree) = trees.next() {
            let attribute = after_hash;
            after_hash = prose::is_mark(&tree, '#') || (attribute && prose::is_mark(&tree, '!'));
            match tree {
                TokenTree::Group(group) if attribute && prose::is_for_tests(&group) => {
                    self.hide_item(&group, &mut trees);
                }
                TokenTree::Group(group) => self.stream(group.stream()),
                TokenTree::Ident(name) => {
                    self.names.push(Text { text: split(&name.to_string()), line: name.span().start().line });
                }
                TokenTree::Literal(literal) => {
                    let range = literal.span().byte_range();
                    // The text of a doc comment is a literal, too, at the place of the comment.
                    if !self.source[range.clone()].starts_with('/') {
                        self.hidden.push(range);
                    }
                }
                TokenTree::Punct(_) => {}
            }
        }
    }

    /// Hides the item behind `attribute`.
    fn hide_item(&mut self, attribute: &Group, trees: &mut impl Iterator<Item = TokenTree>) {
        let start = attribute.span_open().byte_range().start;
        for tree in trees {
            if prose::ends_item(&tree) {
                self.hidden.push(start..tree.span().byte_range().end);
                return;
            }
        }
    }
}

/// `source` with spaces in place of `hidden`; lines stay lines.
fn blanked(source: &str, hidden: &[Range<usize>]) -> String {
    let mut shown = String::new();
    let mut from = 0;
    for range in hidden {
        shown.push_str(&source[from..range.start.max(from)]);
        let blank = source[range.start.max(from)..range.end.max(from)].chars();
        shown.extend(blank.map(|c| if c == '\n' { c } else { ' ' }));
        from = range.end.max(from);
    }
    shown.push_str(&source[from..]);
    shown
}

fn comments(source: &str) -> Vec<Text> {
    let mut in_code = false;
    let mut comments = Vec::new();
    for (index, line) in source.lines().enumerate() {
        let Some((_, comment)) = line.split_once("//") else {
            in_code = false;
            continue;
        };
        let comment = comment.trim_start_matches(['/', '!']);
        if comment.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            comments.push(Text { text: prose::words(comment), line: index + 1 });
        }
    }
    comments
}

/// A name as words.
fn split(name: &str) -> String {
    let mut words = String::new();
    let mut after_lower = false;
    for letter in name.chars() {
        if after_lower && letter.is_uppercase() {
            words.push(' ');
        }
        after_lower = letter.is_lowercase();
        words.push(if letter == '_' { ' ' } else { letter });
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[Text]) -> Vec<(&str, usize)> {
        texts.iter().map(|text| (text.text.trim(), text.line)).collect()
    }

    #[test]
    fn comments_are_read_and_literals_tests_and_code_in_comments_are_not() {
        let source = "//! A `b` c.\nconst U: &str = \"https://x\"; // d\n/// ```\n/// e\n/// ```\nfn f() {}\n\
                      #[cfg(test)]\nmod tests {\n    // g\n}\n// h ü\n";
        assert_eq!(texts(&Code::of(source).comments), [("A ` c.", 1), ("d", 2), ("h ü", 11)]);
    }

    #[test]
    fn names_are_read_as_words_outside_of_tests() {
        let source = "fn is_told() {}\n#[cfg(test)]\nmod tests { fn wanted() {} }\nstruct AllVerbs;";
        let expected = [("fn", 1), ("is told", 1), ("struct", 4), ("All Verbs", 4)];
        assert_eq!(texts(&Code::of(source).names), expected);
    }
}
