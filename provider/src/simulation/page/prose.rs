//! Sentences of this provider, with code between backticks as Markdown has it.

use maud::{Markup, Render, html};

/// A text whose backticked parts are shown as code.
pub(super) struct Prose<'a>(pub(super) &'a str);

impl Render for Prose<'_> {
    fn render(&self) -> Markup {
        let parts: Vec<&str> = self.0.split('`').collect();
        // With an odd number of backticks the last one is an ordinary character.
        let stray = parts.len().is_multiple_of(2);
        let last = parts.len() - 1;
        html! {
            @for (index, part) in parts.iter().enumerate() {
                @if stray && index == last { "`" (part) }
                @else if index.is_multiple_of(2) { (part) }
                @else { code { (part) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_are_code_and_nothing_else_is_markup() {
        let shown = |text| Prose(text).render().into_string();
        assert_eq!(shown("run `a<b>` or `c`, not `"), "run <code>a&lt;b&gt;</code> or <code>c</code>, not `");
        assert_eq!(shown("`"), "`");
        assert_eq!(shown("a <b>"), "a &lt;b&gt;");
    }
}
