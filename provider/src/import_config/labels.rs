//! The labels of objects in the configuration.

use std::collections::BTreeSet;

/// The names given so far in one namespace.
#[derive(Debug, Default)]
pub(super) struct Labels(BTreeSet<String>);

impl Labels {
    /// A name for the object with the natural id `id`: an identifier that no other object has. `word` begins it where the id
    /// can't.
    pub(super) fn give(&mut self, word: &str, id: &str) -> String {
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
        let mut base: String = id.chars().map(safe).collect();
        if !base.starts_with(|c: char| c.is_ascii_alphabetic()) {
            base = format!("{word}_{base}");
        }
        let numbered = (2..).map(|number: u64| format!("{base}_{number}"));
        let mut free = std::iter::once(base.clone()).chain(numbered).filter(|name| !self.0.contains(name));
        let name = free.next().unwrap_or(base);
        self.0.insert(name.clone());
        name
    }
}

/// A text in pieces by which `vm:9` comes before `vm:10`.
pub(super) fn natural(text: &str) -> Vec<(u64, String)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let words = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (word, after) = after.split_at(words);
        pieces.push((number.parse().unwrap_or(if number.is_empty() { 0 } else { u64::MAX }), word.to_owned()));
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_identifiers_and_each_is_given_once() {
        let mut labels = Labels::default();
        let mut give = |id: &str| labels.give("job", id);
        assert_eq!(
            [give("vm:100"), give("100-0"), give("vm_100"), give("vm.100")],
            ["vm_100", "job_100-0", "vm_100_2", "vm_100_3"]
        );
        assert_eq!([give("äöü"), give(""), give("${x}"), give("-a")], ["job____", "job_", "job___x_", "job_-a"]);
    }

    #[test]
    fn numbers_in_ids_count_as_numbers() {
        let mut ids = ["vm:1000", "vm:101", "ct:9", "a", "vm:99", "100-10", "100-9"];
        ids.sort_by_key(|id| natural(id));
        assert_eq!(ids, ["a", "ct:9", "vm:99", "vm:101", "vm:1000", "100-9", "100-10"]);
    }
}
