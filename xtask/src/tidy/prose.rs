//! The texts of the project that a person reads: string literals, doc comments that become documentation, Markdown.

use proc_macro2::{TokenStream, TokenTree};

/// A text, and the line on which it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// As it is written in the source: of a literal without its quotes, of a doc comment without its slashes.
    pub text: String,
    /// Counted from 1.
    pub line: usize,
}

/// The string literals of `source` outside of its tests. Doc comments are none of them.
pub fn literals(source: &str) -> Vec<Text> {
    texts(source, false)
}

/// The doc comments of `source` outside of its tests.
pub fn doc_comments(source: &str) -> Vec<Text> {
    texts(source, true)
}

/// The lines of `markdown` outside of its code blocks, each only with its [`words`].
pub fn markdown(markdown: &str) -> Vec<Text> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for (index, line) in markdown.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            lines.push(Text { text: words(line), line: index + 1 });
        }
    }
    lines
}

/// `text` without what is in backticks, and without the names of the arguments that a format has in braces.
pub fn words(text: &str) -> String {
    let prose: Vec<_> = text.split('`').step_by(2).collect();
    let mut words = String::new();
    for (index, piece) in prose.join("`").split('{').enumerate() {
        words.push_str(match piece.split_once('}') {
            Some((_, after)) if index > 0 => after,
            _ => piece,
        });
    }
    words
}

fn texts(source: &str, docs: bool) -> Vec<Text> {
    let mut texts = Vec::new();
    if let Ok(stream) = source.parse() {
        collect(stream, docs, &mut texts);
    }
    texts
}

fn collect(stream: TokenStream, docs: bool, into: &mut Vec<Text>) {
    let mut trees = stream.into_iter().peekable();
    let mut after_hash = false;
    while let Some(tree) = trees.next() {
        let attribute = after_hash;
        after_hash = is_mark(&tree, '#') || (attribute && is_mark(&tree, '!'));
        match tree {
            TokenTree::Group(group) if attribute && docs && is_name(group.stream().into_iter().next(), "doc") => {
                collect(group.stream(), false, into);
            }
            TokenTree::Group(group) if attribute && is_name(group.stream().into_iter().next(), "doc") => {}
            // `#[cfg(test)] mod tests { … }`: up to the end of its braces.
            TokenTree::Group(group) if attribute && group.stream().to_string().replace(' ', "") == "cfg(test)" => {
                for skipped in trees.by_ref() {
                    let braces = matches!(&skipped, TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace);
                    if braces || is_mark(&skipped, ';') {
                        break;
                    }
                }
            }
            TokenTree::Group(group) => collect(group.stream(), docs, into),
            TokenTree::Literal(literal) if !docs => {
                let line = literal.span().start().line;
                if let Some(text) = content(&literal.to_string()) {
                    into.push(Text { text: text.to_owned(), line });
                }
            }
            _ => {}
        }
    }
}

fn is_mark(tree: &TokenTree, mark: char) -> bool {
    matches!(tree, TokenTree::Punct(found) if found.as_char() == mark)
}

fn is_name(tree: Option<TokenTree>, name: &str) -> bool {
    matches!(tree, Some(TokenTree::Ident(found)) if found == name)
}

/// What is between the quotes of a string literal; nothing for a number, a character or bytes.
fn content(literal: &str) -> Option<&str> {
    let quoted = literal.strip_prefix('r').unwrap_or(literal).trim_matches('#');
    quoted.strip_prefix('"')?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, line: usize) -> Text {
        Text { text: text.to_owned(), line }
    }

    #[test]
    fn literals_of_code_and_attributes_are_read_and_those_of_tests_are_not() {
        let source = "//! Module.\n/// Doc.\n#[error(\"a b\")]\nfn f() { g(\"c \\\" d\", r#\"e\"#, 'x', b\"y\"); }\n\
                      #[cfg(test)]\nmod tests { const T: &str = \"no\"; }\nconst AFTER: &str = \"yes\";";
        assert_eq!(literals(source), [text("a b", 3), text("c \\\" d", 4), text("e", 4), text("yes", 7)]);
    }

    #[test]
    fn doc_comments_are_read_and_literals_are_not() {
        let source = "//! Module.\n\n/// Doc\n/// of two lines.\nconst T: &str = \"no\";\nstruct S {\n    /// Field.\n    f: u8,\n}";
        let expected = [text(" Module.", 1), text(" Doc", 3), text(" of two lines.", 4), text(" Field.", 7)];
        assert_eq!(doc_comments(source), expected);
    }

    #[test]
    fn words_are_neither_code_nor_names_of_arguments() {
        assert_eq!(words("a `b` c {wanted} d {} e"), "a `` c  d  e".replace("``", "`"));
    }

    #[test]
    fn markdown_is_read_without_code() {
        let found = markdown("A `b` c.\n```shell\nno\n```\nD");
        assert_eq!(found, [text("A ` c.", 1), text("D", 5)]);
    }
}
