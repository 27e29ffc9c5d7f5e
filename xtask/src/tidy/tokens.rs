//! Rust source as names, `::`, and punctuation; comments and the content of literals are left out.

/// A piece of source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A name or keyword.
    Name(String),
    /// `::`
    Path,
    /// Any other character that is no blank.
    Mark(char),
}

/// The tokens of `source`, each with its line.
pub fn tokens(source: &str) -> Vec<(Token, usize)> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut line = 1;
    while at < chars.len() {
        let start = at;
        match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => at = end_of_line(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => at = end_of_block_comment(&chars, at),
            '"' => at = end_of_text(&chars, at + 1),
            '\'' => at = end_of_quote(&chars, at),
            'r' | 'b' | 'c' if raw_text(&chars, at).is_some() => at = raw_text(&chars, at).unwrap_or(at + 1),
            c if c.is_alphabetic() || c == '_' => {
                at = end_of_name(&chars, at);
                tokens.push((Token::Name(chars[start..at].iter().collect()), line));
            }
            c if c.is_ascii_digit() => at = end_of_name(&chars, at),
            ':' if chars.get(at + 1) == Some(&':') => {
                tokens.push((Token::Path, line));
                at += 2;
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push((Token::Mark(c), line));
                }
                at += 1;
            }
        }
        line += chars[start..at.min(chars.len())].iter().filter(|&&c| c == '\n').count();
    }
    tokens
}

fn end_of_name(chars: &[char], from: usize) -> usize {
    let rest = chars[from..].iter().position(|c| !c.is_alphanumeric() && *c != '_');
    rest.map_or(chars.len(), |length| from + length)
}

fn end_of_line(chars: &[char], from: usize) -> usize {
    chars[from..].iter().position(|&c| c == '\n').map_or(chars.len(), |length| from + length)
}

/// Block comments nest.
fn end_of_block_comment(chars: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_text(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// A character literal; or, if no quote follows, the tick of a lifetime.
fn end_of_quote(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), _) => {
            let close = chars[(from + 3).min(chars.len())..].iter().position(|&c| c == '\'');
            close.map_or(chars.len(), |length| from + 4 + length)
        }
        (Some(_), Some('\'')) => from + 3,
        _ => from + 1,
    }
}

/// The end of `r"…"`, `br#"…"#`, `b"…"`, `c"…"` that begins at `from`.
fn raw_text(chars: &[char], from: usize) -> Option<usize> {
    let prefix = chars[from..].iter().take_while(|c| c.is_ascii_lowercase()).count();
    let raw = chars[from..from + prefix].contains(&'r');
    if prefix > 2 || (from > 0 && (chars[from - 1].is_alphanumeric() || chars[from - 1] == '_')) {
        return None;
    }
    let hashes = chars[from + prefix..].iter().take_while(|&&c| c == '#').count();
    let open = from + prefix + hashes;
    if chars.get(open) != Some(&'"') || (hashes > 0 && !raw) {
        return None;
    }
    if !raw {
        return Some(end_of_text(chars, open + 1));
    }
    let closing =
        |at: &usize| chars[*at] == '"' && chars[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes;
    Some((open + 1..chars.len()).find(closing).map_or(chars.len(), |at| at + 1 + hashes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<(String, usize)> {
        let named = |(token, line)| if let Token::Name(name) = token { Some((name, line)) } else { None };
        tokens(source).into_iter().filter_map(named).collect()
    }

    #[test]
    fn comments_and_literals_hold_no_names() {
        let source = "// a\n/* b /* c */ d */ \"e \\\" f\" r#\"g \" h\"# b\"i\" 'j' '\\'' 'k: l\nm";
        let found: Vec<_> = names(source);
        assert_eq!(found, [("k".into(), 2), ("l".into(), 2), ("m".into(), 3)]);
    }

    #[test]
    fn literals_of_several_lines_are_counted() {
        assert_eq!(names("\"\n\n\" a r\"\n\" b"), [("a".into(), 3), ("b".into(), 4)]);
        assert_eq!(names("br2 for_r\"x\" y"), [("br2".into(), 1), ("for_r".into(), 1), ("y".into(), 1)]);
    }

    #[test]
    fn hostile_ends_do_not_panic() {
        for source in ["\"", "'", "'\\", "r#\"", "/*", "/", "r", "b'", "\"\\", ":", "::"] {
            tokens(source);
        }
    }
}
