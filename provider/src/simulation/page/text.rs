//! Text that means nothing to HTML, in elements and in quoted attributes.

use std::fmt::{self, Write as _};

/// A text to be shown as it is.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() && c != '\n' => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A sentence of ours: as [`Text`], with what stands between backticks as code.
pub(super) struct Prose<'a>(pub(super) &'a str);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An odd one out is an ordinary character.
        let pairs = self.0.matches('`').count() / 2;
        let mut rest = self.0;
        for _ in 0..pairs {
            let mut parts = rest.splitn(3, '`');
            let (before, code, after) = (parts.next(), parts.next(), parts.next());
            write!(f, "{}<code>{}</code>", Text(before.unwrap_or_default()), Text(code.unwrap_or_default()))?;
            rest = after.unwrap_or_default();
        }
        write!(f, "{}", Text(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_are_code_and_nothing_else_is_markup() {
        assert_eq!(
            Prose("run `a<b>` or `c`, not `").to_string(),
            "run <code>a&lt;b&gt;</code> or <code>c</code>, not `"
        );
        assert_eq!(Text("\u{7}<&>\"'").to_string(), " &lt;&amp;&gt;&quot;&#39;");
    }
}
