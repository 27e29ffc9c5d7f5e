//! The parts of texts that no two clusters share, replaced by placeholders before texts are compared.

use regex::{Captures, Regex};
use std::sync::LazyLock;

/// `text` with times, process ids and the like replaced, and with the lines after `format error` in sorted order.
pub(super) fn canonical(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, placeholder) in PLACEHOLDERS.iter() {
        text = pattern.replace_all(&text, *placeholder).into_owned();
    }
    let text =
        UPID.replace_all(&text, |found: &Captures<'_>| format!("UPID:{}:<pid>:<pstart>:<starttime>:", &found[1]));
    sort_after_format_error(&text)
}

static PLACEHOLDERS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    [
        (
            r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d \d{4}",
            "<time>",
        ),
        (r"\b\d{4}-\d\d-\d\d[ T_]\d\d:\d\d:\d\d", "<time>"),
        (r"(Ring ID: +)[0-9a-f.]+", "${1}<ring>"),
        (r"(Config Version: +)\d+", "${1}<version>"),
        (r"(\.tmp\.)\d+", "${1}<pid>"),
    ]
    .into_iter()
    .filter_map(|(pattern, placeholder)| Regex::new(pattern).ok().map(|regex| (regex, placeholder)))
    .collect()
});

#[expect(clippy::expect_used, reason = "a constant pattern, compiled by every test of this module")]
static UPID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("UPID:([^: ]+):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:").expect("a valid pattern")
});

/// Proxmox collects the complaints about one property string in a Perl hash, so their order is random.
fn sort_after_format_error(text: &str) -> String {
    let Some(at) = text.find("format error\n") else { return text.to_owned() };
    let (head, tail) = text.split_at(at + "format error\n".len());
    let mut lines: Vec<&str> = tail.split_inclusive('\n').collect();
    lines.sort_unstable();
    format!("{head}{}", lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_what_no_two_clusters_share() {
        assert_eq!(canonical("pve1 (active, Mon Nov  3 00:46:04 2026)"), "pve1 (active, <time>)");
        assert_eq!(canonical("vzdump-2026-11-23_01:02:03 x"), "vzdump-<time> x");
        assert_eq!(
            canonical("UPID:pve1:0000A1B2:00C0FFEE:67420001:qmstart:100:root@pam!rig:"),
            "UPID:pve1:<pid>:<pstart>:<starttime>:qmstart:100:root@pam!rig:"
        );
        assert_eq!(canonical("Ring ID:          1.12"), "Ring ID:          <ring>");
        assert_eq!(canonical("Config Version:   5"), "Config Version:   <version>");
        assert_eq!(canonical("open '/etc/pve/x.new.tmp.375' -"), "open '/etc/pve/x.new.tmp.<pid>' -");
        assert_eq!(canonical("no such resource 'vm:1'"), "no such resource 'vm:1'");
    }

    #[test]
    fn complaints_about_a_property_string_have_no_order() {
        let one = canonical("invalid format - format error\na.x: one\na.y: two\n");
        let other = canonical("invalid format - format error\na.y: two\na.x: one\n");
        assert_eq!(one, other);
        assert_ne!(one, canonical("invalid format - format error\na.y: two\n"));
    }
}
