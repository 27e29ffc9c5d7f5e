//! Numbers in sentences, and sentences that are true of one request only.

use std::fmt::Display;

/// `1 node`, `2 nodes`.
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, thing: &str) -> String {
    let s = by(&count, "", "s");
    format!("{count} {thing}{s}")
}

/// The word for one thing, or the one for any other number of them.
pub fn by<'t, N: PartialEq + From<u8>>(count: &N, one: &'t str, many: &'t str) -> &'t str {
    if *count == N::from(1) { one } else { many }
}

/// What an error of one request says, where others have changed something before: without the sentence that nothing was.
pub fn after_changes(text: &str) -> String {
    ["Nothing was changed.", "Nothing was sent."]
        .iter()
        .fold(text.to_owned(), |text, claim| text.replace(&format!(" {claim}"), "").replace(claim, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_change_nothing_claims_that_there_was_none() {
        let text = "vm:1: Proxmox refuses. Nothing was changed.\nPVE: 500 no (POST /x)";
        assert_eq!(after_changes(text), "vm:1: Proxmox refuses.\nPVE: 500 no (POST /x)");
    }

    #[test]
    fn one_is_singular_and_nothing_else_is() {
        let all = [0_usize, 1, 2].map(|count| format!("{} {}", counted(count, "node"), by(&count, "is", "are")));
        assert_eq!(all, ["0 nodes are", "1 node is", "2 nodes are"]);
        assert_eq!(counted(1_i64, "vote"), "1 vote");
    }
}
