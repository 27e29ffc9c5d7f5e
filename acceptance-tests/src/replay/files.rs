//! Compares configuration files, allowing only for the orders that Proxmox itself leaves to chance.

use super::text::canonical;

/// The difference between an expected and a found file as readable text; nothing if they are equal.
pub(super) fn difference(path: &str, expected: Option<&str>, found: Option<&str>, free_order: bool) -> Option<String> {
    let normal = |text: &str| normalise(path, text, free_order);
    if expected.map(normal) == found.map(normal) {
        return None;
    }
    Some(format!("{path}: expected {}, found {}", show(expected), show(found)))
}

fn show(text: Option<&str>) -> String {
    text.map_or_else(|| "no file".to_owned(), |text| format!("{text:?}"))
}

fn normalise(path: &str, text: &str, free_order: bool) -> String {
    let mut text = canonical(text);
    if path.ends_with("/groups.cfg") {
        // A group's nodes are the keys of a Perl hash.
        text = text.split_inclusive('\n').map(sort_nodes).collect();
    }
    if free_order {
        // Of some files the last section ends as all do, of others with its last line.
        let body = text.trim_end_matches('\n');
        let end = text[body.len()..].to_owned();
        let mut sections: Vec<&str> = body.split("\n\n").collect();
        sections.sort_unstable();
        text = sections.join("\n\n") + &end;
    }
    text
}

fn sort_nodes(line: &str) -> String {
    let Some(list) = line.strip_prefix("\tnodes ") else { return line.to_owned() };
    let mut nodes: Vec<&str> = list.trim_end_matches('\n').split(',').collect();
    nodes.sort_unstable();
    format!("\tnodes {}\n", nodes.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_orders_left_to_chance_are_free() {
        let groups = "/etc/pve/ha/groups.cfg";
        let differ = |path, one, other, free| difference(path, Some(one), Some(other), free).is_some();
        assert!(!differ(groups, "group: a\n\tnodes b,a:1\n\n", "group: a\n\tnodes a:1,b\n\n", false));
        assert!(differ("/etc/pve/ha/rules.cfg", "x: a\n\tnodes b,a\n\n", "x: a\n\tnodes a,b\n\n", false));
        assert!(differ("/f", "a: 1\n\tx\n\nb: 2\n\n", "b: 2\n\na: 1\n\tx\n\n", false));
        assert!(!differ("/f", "a: 1\n\tx\n\nb: 2\n\n", "b: 2\n\na: 1\n\tx\n\n", true));
        assert!(!differ("/f", "a: 1\n\nb: 2\n", "b: 2\n\na: 1\n", true));
        assert!(differ("/f", "a: 1\n\nb: 2\n", "b: 2\n\na: 1\n\n", true));
        assert!(difference("/f", None, Some(""), true).is_some());
        assert!(difference("/f", None, None, false).is_none());
    }
}
