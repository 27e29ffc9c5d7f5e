//! Whether a newer kernel is installed than the one that runs.

use std::cmp::Ordering;

/// The newest kernel among the names of `/boot` that is newer than `running` and of its flavour, such as `pve`.
pub(super) fn newer<'n>(names: &'n str, running: &str) -> Option<&'n str> {
    let releases = names.lines().filter_map(|name| name.trim().strip_prefix("vmlinuz-"));
    releases
        .filter(|release| flavour(release) == flavour(running) && compare(release, running) == Ordering::Greater)
        .max_by(|a, b| compare(a, b))
}

fn flavour(release: &str) -> &str {
    release.rsplit('-').next().unwrap_or_default()
}

/// The order of two versions, as dpkg has it: texts and numbers in turn.
fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (text_a, text_b) = (text(&mut a), text(&mut b));
        let (number_a, number_b) = (number(&mut a), number(&mut b));
        match compare_texts(text_a, text_b).then(number_a.cmp(&number_b)) {
            Ordering::Equal if a.is_empty() && b.is_empty() => return Ordering::Equal,
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
}

/// Takes what is no digit from the front.
fn text<'v>(version: &mut &'v str) -> &'v str {
    let end = version.find(|c: char| c.is_ascii_digit()).unwrap_or(version.len());
    let (text, rest) = version.split_at(end);
    *version = rest;
    text
}

/// Takes a number from the front; without one it is 0.
fn number(version: &mut &str) -> u64 {
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    let (digits, rest) = version.split_at(end);
    *version = rest;
    digits.parse().unwrap_or(0)
}

/// `~` is before the end, the end is before letters, and letters are before everything else.
fn compare_texts(a: &str, b: &str) -> Ordering {
    let weight = |c: Option<char>| match c {
        Some('~') => (0, 0),
        None => (1, 0),
        Some(c) if c.is_ascii_alphabetic() => (2, u32::from(c)),
        Some(c) => (3, u32::from(c)),
    };
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        let (next_a, next_b) = (a.next(), b.next());
        match weight(next_a).cmp(&weight(next_b)) {
            Ordering::Equal if next_a.is_none() => return Ordering::Equal,
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_newer_kernel_of_the_same_flavour_counts() {
        let names = "config-6.17.2-1-pve\nvmlinuz-6.17.9-1-pve\nvmlinuz-6.17.13-2-pve\ninitrd.img-6.18.0-1-pve\n\
                     vmlinuz-6.19.0-1-amd64\n";
        assert_eq!(newer(names, "6.17.9-1-pve"), Some("6.17.13-2-pve"));
        assert_eq!(newer(names, "6.17.13-2-pve"), None);
        assert_eq!(newer(names, "6.18.1-1-pve"), None, "the running kernel was removed");
        assert_eq!(newer("", "6.17.9-1-pve"), None);
    }

    #[test]
    fn versions_are_in_the_order_of_dpkg() {
        let ascending =
            ["6.8.12-9-pve", "6.8.12-10-pve", "6.11.0-1-pve", "7.0.0~rc1-1-pve", "7.0.0-1-pve", "7.1a", "7.1+b"];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("6.8-1", "6.8-01"), Ordering::Equal);
    }
}
