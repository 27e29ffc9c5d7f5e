//! Texts as HCL has them, for what people copy out of messages and for what is written for them.

use std::fmt::Write as _;

/// `text` as a literal: nothing in it is taken for the end of it, for an escape, or for the start of a template.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => literal.extend([character, character]),
            _ if character.is_control() || is_invisible(character) => {
                let code = u32::from(character);
                let _ = if code > 0xffff { write!(literal, "\\U{code:08x}") } else { write!(literal, "\\u{code:04x}") };
            }
            _ => literal.push(character),
        }
    }
    literal.push('"');
    literal
}

/// What changes how a line looks without being seen: line separators, joiners, marks of direction.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{2028}'..='\u{202e}' | '\u{200b}'..='\u{200f}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_text_holds_never_becomes_syntax() {
        assert_eq!(quoted("${a} %{b} $x $${c}"), r#""$${a} %%{b} $x $$${c}""#);
        assert_eq!(quoted("say \"hi\"\\\n\tend\u{1b}\u{202e}"), r#""say \"hi\"\\\n\tend\u001b\u202e""#);
        assert_eq!(quoted("über ✓ 🎉"), "\"über ✓ 🎉\"");
    }
}
