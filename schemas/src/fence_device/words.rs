//! Words of a line as Proxmox splits them (Perl's `Text::ParseWords`), and how to write one that comes back the same.

/// The words of `text`. A quote that isn't closed loses all of them, as it does in Perl.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_ascii_whitespace() => words.extend(word.take()),
            '\'' | '"' => {
                let Some(quoted) = quoted(&mut chars, c) else { return Vec::new() };
                word.get_or_insert_default().push_str(&quoted);
            }
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => return Vec::new(),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The text before the closing quote. A backslash escapes the quote in both kinds, and is removed only between double
/// quotes.
fn quoted(chars: &mut std::str::Chars<'_>, quote: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()? {
            c if c == quote => return Some(text),
            '\\' => {
                let next = chars.next()?;
                if quote == '\'' {
                    text.push('\\');
                }
                text.push(next);
            }
            c => text.push(c),
        }
    }
}

/// `word` as Proxmox writes it where it can: bare, or between single quotes. These don't hold every backslash and no quote of
/// their own kind, double ones do.
pub(super) fn quote(word: &str, bare: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || bare.contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else if word.contains(['\'', '\\']) {
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        format!("'{word}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_as_perl_does() {
        for (text, words) in [
            (r#""a=with blank" 'b=single q' c=back\ slash"#, vec!["a=with blank", "b=single q", "c=back slash"]),
            (r#"p="x y"z"#, vec!["p=x yz"]),
            (r"'a\b' 'a\\' c\\d", vec![r"a\b", r"a\\", r"c\d"]),
            (r#""a\b\"c" '' x"#, vec!["ab\"c", "", "x"]),
            ("a=1 # b", vec!["a=1", "#", "b"]),
            ("a=1\r", vec!["a=1"]),
            ("a=1 \"b", vec![]),
            ("a=1 b\\", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(split(text), words, "{text}");
        }
    }

    #[test]
    fn every_word_comes_back() {
        let bare = "_!%+,-./:@^";
        for word in ["a", "a=1", "a b", "a\"b", "a'b", "a\\", "a\\\\b", "", "#x", "$(x)`y`", "grün", "'\"\\", "\\'"] {
            assert_eq!(split(&quote(word, bare)), [word], "{word}");
        }
        assert_eq!(quote("ip=1", bare), "'ip=1'");
        assert_eq!(quote("lanplus", bare), "lanplus");
    }
}
