//! Rust source as names, `::`, and punctuation; comments and the content of literals are left out.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A piece of source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A name or keyword.
    Name(String),
    /// `::`
    Path,
    /// Any other punctuation.
    Mark(char),
}

/// The tokens of `source`, each with its line; nothing of what is not Rust: the compiler says so.
pub fn tokens(source: &str) -> Vec<(Token, usize)> {
    let mut tokens = Vec::new();
    if let Ok(stream) = source.parse() {
        flatten(stream, &mut tokens);
    }
    tokens
}

fn flatten(stream: TokenStream, into: &mut Vec<(Token, usize)>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Ident(name) => into.push((Token::Name(name.to_string()), line)),
            TokenTree::Punct(mark) if mark.as_char() == ':' => {
                let next = trees.next_if(|next| matches!(next, TokenTree::Punct(next) if next.as_char() == ':'));
                into.push((if next.is_some() { Token::Path } else { Token::Mark(':') }, line));
            }
            TokenTree::Punct(mark) => into.push((Token::Mark(mark.as_char()), line)),
            TokenTree::Literal(_) => {}
            TokenTree::Group(group) => {
                let marks = match group.delimiter() {
                    Delimiter::Parenthesis => Some(('(', ')')),
                    Delimiter::Brace => Some(('{', '}')),
                    Delimiter::Bracket => Some(('[', ']')),
                    Delimiter::None => None,
                };
                into.extend(marks.map(|(open, _)| (Token::Mark(open), line)));
                flatten(group.stream(), into);
                into.extend(marks.map(|(_, close)| (Token::Mark(close), group.span_close().start().line)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_hold_no_names() {
        let source = "// a\n/* b /* c */ d */ \"e \\\" f\" r#\"g \" h\"# b\"i\" 'j' '\\'' k";
        assert_eq!(tokens(source), [(Token::Name("k".into()), 2)]);
    }

    #[test]
    fn lines_are_counted_through_literals_and_groups() {
        let source = "\"\n\n\" a { b\n :: c\n}";
        let expected = [
            (Token::Name("a".into()), 3),
            (Token::Mark('{'), 3),
            (Token::Name("b".into()), 3),
            (Token::Path, 4),
            (Token::Name("c".into()), 4),
            (Token::Mark('}'), 5),
        ];
        assert_eq!(tokens(source), expected);
    }
}
