//! The footer of every printed sheet.

use std::fmt::Write as _;

use maud::PreEscaped;

use super::Subject;

/// The rule that names the cluster and the date on each sheet; the style sheet adds the page number.
pub(super) fn running_footer(subject: &Subject) -> PreEscaped<String> {
    let date = subject.date().map_or(String::new(), |date| format!(", {date}"));
    let text = quoted(&format!("HA failover report, {}{date}", subject.name()));
    PreEscaped(format!("@page {{ @bottom-left {{ content: {text}; }} }}\n"))
}

/// A string of CSS in which nothing but letters and digits is unescaped, so that no text ends it or the style element.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        if c.is_alphanumeric() || c == ' ' {
            quoted.push(c);
        } else {
            let _ = write!(quoted, "\\{:x} ", u32::from(c));
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_string_or_the_element() {
        assert_eq!(quoted("a 1</style>\"\\"), r#""a 1\3c \2f style\3e \22 \5c ""#);
    }
}
