//! The readiness checks, what fails first.

use std::fmt::Write as _;

use pve_schemas::data::readiness::Check;

use super::text::{Prose, Text};

/// Status, what it is called here, and its sign.
const ORDER: [(&str, &str, &str); 4] =
    [("fail", "failed", "✕"), ("unknown", "unknown", "?"), ("pass", "passed", "✓"), ("skipped", "does not apply", "–")];

pub(super) fn render(page: &mut String, checks: &[Check]) {
    if checks.is_empty() {
        return;
    }
    page.push_str("<section id=\"readiness\">\n<h2>Readiness</h2>\n<ol class=\"checks\">\n");
    for (status, word, sign) in ORDER {
        for check in checks.iter().filter(|check| check.status == status) {
            let _ = write!(
                page,
                "<li class=\"{status}\"><span class=\"chip\">{sign} {word}</span><div><h3>{} <small>{}</small></h3><p>{}</p>",
                Text(&check.title),
                Text(&check.level),
                Prose(&check.detail),
            );
            if let Some(remedy) = &check.remedy {
                let _ = write!(page, "<p class=\"remedy\">{}</p>", Prose(remedy));
            }
            page.push_str("</div></li>\n");
        }
    }
    page.push_str("</ol>\n</section>\n");
}
