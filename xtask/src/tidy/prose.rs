//! The texts of the project that a person reads: string literals and Markdown.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A text, and the line on which it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// As it is written in the source: of a literal without its quotes, of a comment without its slashes.
    pub text: String,
    /// Counted from 1.
    pub line: usize,
}

/// The string literals of `source` outside of its tests. Doc comments are left out.
pub fn literals(source: &str) -> Vec<Text> {
    let mut texts = Vec::new();
    if let Ok(stream) = source.parse() {
        collect(stream, &mut texts);
    }
    texts
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

fn collect(stream: TokenStream, into: &mut Vec<Text>) {
    let mut trees = stream.into_iter().peekable();
    let mut after_hash = false;
    while let Some(tree) = trees.next() {
        let attribute = after_hash;
        after_hash = is_mark(&tree, '#') || (attribute && is_mark(&tree, '!'));
        match tree {
            TokenTree::Group(group) if attribute && is_name(group.stream().into_iter().next(), "doc") => {}
            // `#[cfg(test)] mod tests { … }`: up to the end of its braces.
            TokenTree::Group(group) if attribute && is_for_tests(&group) => {
                trees.by_ref().find(ends_item);
            }
            TokenTree::Group(group) => collect(group.stream(), into),
            TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                if let Some(text) = content(&literal.to_string()) {
                    into.push(Text { text: text.to_owned(), line });
                }
            }
            _ => {}
        }
    }
}

/// Whether an attribute is `cfg(test)`.
pub fn is_for_tests(attribute: &Group) -> bool {
    attribute.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// Whether an item ends with `tree`: with its braces, or with a semicolon.
pub fn ends_item(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace) || is_mark(tree, ';')
}

pub fn is_mark(tree: &TokenTree, mark: char) -> bool {
    matches!(tree, TokenTree::Punct(found) if found.as_char() == mark)
}

fn is_name(tree: Option<TokenTree>, name: &str) -> bool {
    matches!(tree, Some(TokenTree::Ident(found)) if found == name)
}

/// What is between the quotes of a string literal; nothing for a number, a character or bytes.
pub fn content(literal: &str) -> Option<&str> {
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
    fn doc_comments_are_no_literals() {
        let source = "//! Module.\n\n/// Doc\n/// of two lines.\nconst T: &str = \"no\";\nstruct S {\n    /// Field.\n    f: u8,\n}";
        assert_eq!(literals(source), [text("no", 5)]);
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
