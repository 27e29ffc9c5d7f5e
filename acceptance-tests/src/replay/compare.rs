//! When two JSON documents are equal in the sense of the recordings.
//!
//! Members of objects have no order; pointers name whatever else may differ.

use super::pointer::{Pointer, Trail};
use super::text::canonical;
use serde_json::Value;

/// What may differ between a recorded and a replayed document.
#[derive(Debug, Clone, Default)]
pub(super) struct Tolerance {
    /// The value may differ, its type may not.
    pub(super) volatile: Vec<Pointer>,
    /// The member may be absent.
    pub(super) optional: Vec<Pointer>,
    /// A comma list without fixed order.
    pub(super) csv_sets: Vec<Pointer>,
    /// An array without fixed order.
    pub(super) unordered: Vec<Pointer>,
}

/// Every difference between the documents, as readable lines; none if they are equal.
pub(super) fn differences(expected: &Value, found: &Value, tolerance: &Tolerance) -> Vec<String> {
    let place = Place {
        path: String::new(),
        volatile: tolerance.volatile.iter().map(Trail::at_root).collect(),
        optional: tolerance.optional.iter().map(Trail::at_root).collect(),
        csv_sets: tolerance.csv_sets.iter().map(Trail::at_root).collect(),
        unordered: tolerance.unordered.iter().map(Trail::at_root).collect(),
    };
    let mut found_differences = Vec::new();
    compare(expected, found, &place, &mut found_differences);
    found_differences
}

/// A place in both documents, with the pointers that may still name something below it.
struct Place<'p> {
    path: String,
    volatile: Vec<Trail<'p>>,
    optional: Vec<Trail<'p>>,
    csv_sets: Vec<Trail<'p>>,
    unordered: Vec<Trail<'p>>,
}

impl<'p> Place<'p> {
    fn member(&self, name: &str) -> Self {
        self.descend(name, |trail| trail.member(name))
    }

    fn element(&self, index: usize, value: &Value) -> Self {
        self.descend(&index.to_string(), |trail| trail.element(index, value))
    }

    fn descend(&self, name: &str, step: impl Fn(Trail<'p>) -> Option<Trail<'p>>) -> Self {
        let down = |trails: &[Trail<'p>]| trails.iter().copied().filter_map(&step).collect();
        Self {
            path: format!("{}/{name}", self.path),
            volatile: down(&self.volatile),
            optional: down(&self.optional),
            csv_sets: down(&self.csv_sets),
            unordered: down(&self.unordered),
        }
    }
}

fn named(trails: &[Trail<'_>]) -> bool {
    trails.iter().any(|trail| trail.ends_here())
}

fn compare(expected: &Value, found: &Value, place: &Place<'_>, out: &mut Vec<String>) {
    if named(&place.volatile) {
        if type_name(expected) != type_name(found) {
            out.push(format!(
                "{}: expected {} (any value), found {} {found}",
                place.path,
                type_name(expected),
                type_name(found)
            ));
        }
        return;
    }
    match (expected, found) {
        (Value::Object(expected), Value::Object(got)) => {
            for (name, member) in expected {
                let below = place.member(name);
                match got.get(name) {
                    Some(other) => compare(member, other, &below, out),
                    None if named(&below.optional) => {}
                    None => out.push(format!("{}: missing, expected {member}", below.path)),
                }
            }
            for (name, member) in got.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                let below = place.member(name);
                if !named(&below.optional) {
                    out.push(format!("{}: not expected, found {member}", below.path));
                }
            }
        }
        (Value::Array(expected), Value::Array(got)) if named(&place.unordered) => {
            compare_multisets(expected, got, place, out);
        }
        (Value::Array(expected), Value::Array(got)) => {
            for (index, pair) in expected.iter().zip(got).enumerate() {
                compare(pair.0, pair.1, &place.element(index, pair.0), out);
            }
            for (index, element) in expected.iter().enumerate().skip(got.len()) {
                out.push(format!("{}/{index}: missing, expected {element}", place.path));
            }
            for (index, element) in got.iter().enumerate().skip(expected.len()) {
                out.push(format!("{}/{index}: not expected, found {element}", place.path));
            }
        }
        (Value::String(expected), Value::String(got)) => {
            let equal = if named(&place.csv_sets) {
                sorted_list(expected) == sorted_list(got)
            } else {
                canonical(expected) == canonical(got)
            };
            if !equal {
                out.push(format!("{}: expected {expected}, found {found}", place.path));
            }
        }
        (Value::Number(expected), Value::Number(got)) if expected == got || expected.as_f64() == got.as_f64() => {}
        _ if expected == found => {}
        _ => out.push(format!("{}: expected {expected}, found {found}", place.path)),
    }
}

/// Pairs the elements so that as many as possible are equal; what is left over is reported next to its closest counterpart.
fn compare_multisets(expected: &[Value], got: &[Value], place: &Place<'_>, out: &mut Vec<String>) {
    let cost = |left: usize, right: usize| {
        let mut differences = Vec::new();
        compare(&expected[left], &got[right], &place.element(left, &expected[left]), &mut differences);
        differences
    };
    let equal: Vec<Vec<usize>> = (0..expected.len())
        .map(|left| (0..got.len()).filter(|&right| cost(left, right).is_empty()).collect())
        .collect();
    let mut taken_by: Vec<Option<usize>> = vec![None; got.len()];
    for left in 0..expected.len() {
        augment(left, &equal, &mut vec![false; got.len()], &mut taken_by);
    }
    let mut spare: Vec<usize> = (0..got.len()).filter(|&right| taken_by[right].is_none()).collect();
    for left in (0..expected.len()).filter(|left| !taken_by.contains(&Some(*left))) {
        let closest =
            spare.iter().enumerate().map(|(at, &right)| (cost(left, right), at)).min_by_key(|(list, _)| list.len());
        match closest {
            Some((differences, at)) => {
                spare.swap_remove(at);
                out.extend(differences);
            }
            None => out.push(format!("{}/{left}: missing, expected {}", place.path, expected[left])),
        }
    }
    for right in spare {
        out.push(format!("{}/{right}: not expected, found {}", place.path, got[right]));
    }
}

/// One augmenting path of bipartite matching: volatile members make greedy pairing wrong.
fn augment(left: usize, equal: &[Vec<usize>], seen: &mut [bool], taken_by: &mut [Option<usize>]) -> bool {
    for &right in &equal[left] {
        if std::mem::replace(&mut seen[right], true) {
            continue;
        }
        let free = match taken_by[right] {
            None => true,
            Some(other) => augment(other, equal, seen, taken_by),
        };
        if free {
            taken_by[right] = Some(left);
            return true;
        }
    }
    false
}

fn sorted_list(text: &str) -> Vec<&str> {
    let mut items: Vec<&str> = text.split(',').collect();
    items.sort_unstable();
    items
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pointers(texts: &[&str]) -> Vec<Pointer> {
        texts.iter().map(|text| Pointer::parse(text)).collect()
    }

    #[test]
    fn order_of_members_is_free_order_of_elements_is_not() {
        let none = Tolerance::default();
        assert!(differences(&json!({"a": 1, "b": [1, 2]}), &json!({"b": [1, 2], "a": 1}), &none).is_empty());
        assert_eq!(differences(&json!([1, 2]), &json!([2, 1]), &none).len(), 2);
        assert_eq!(differences(&json!({"a": 1}), &json!({"a": "1"}), &none), ["/a: expected 1, found \"1\""]);
        assert_eq!(differences(&json!({"a": 1}), &json!({"b": 1}), &none).len(), 2);
        assert!(differences(&json!({"a": 2}), &json!({"a": 2.0}), &none).is_empty());
    }

    #[test]
    fn volatile_values_keep_their_type_and_presence() {
        let tolerance = Tolerance { volatile: pointers(&["/data/[id=x]/t"]), ..Tolerance::default() };
        let recorded = json!({"data": [{"id": "x", "t": 1}]});
        assert!(differences(&recorded, &json!({"data": [{"id": "x", "t": 9}]}), &tolerance).is_empty());
        assert_eq!(differences(&recorded, &json!({"data": [{"id": "x", "t": "9"}]}), &tolerance).len(), 1);
        assert_eq!(differences(&recorded, &json!({"data": [{"id": "x"}]}), &tolerance).len(), 1);
    }

    #[test]
    fn optional_members_may_be_absent_on_either_side() {
        let tolerance = Tolerance { optional: pointers(&["/a/*/o"]), ..Tolerance::default() };
        assert!(differences(&json!({"a": {"x": {"o": 1}}}), &json!({"a": {"x": {}}}), &tolerance).is_empty());
        assert!(differences(&json!({"a": {"x": {}}}), &json!({"a": {"x": {"o": 1}}}), &tolerance).is_empty());
        assert_eq!(differences(&json!({"a": {"x": {"o": 1}}}), &json!({"a": {"x": {"o": 2}}}), &tolerance).len(), 1);
    }

    #[test]
    fn unordered_arrays_are_multisets() {
        let tolerance = Tolerance {
            unordered: pointers(&["/data"]),
            volatile: pointers(&["/data/[a=1]/v"]),
            ..Tolerance::default()
        };
        let recorded = json!({"data": [{"a": 1, "v": 1}, {"a": 2, "v": 5}]});
        assert!(differences(&recorded, &json!({"data": [{"a": 2, "v": 5}, {"a": 1, "v": 7}]}), &tolerance).is_empty());
        let twice = json!({"data": [{"a": 2, "v": 5}, {"a": 2, "v": 5}]});
        assert!(!differences(&recorded, &twice, &tolerance).is_empty());
        assert_eq!(differences(&recorded, &json!({"data": [{"a": 1, "v": 3}]}), &tolerance).len(), 1);
    }

    #[test]
    fn comma_lists_may_be_sets() {
        let tolerance = Tolerance { csv_sets: pointers(&["/nodes"]), ..Tolerance::default() };
        assert!(differences(&json!({"nodes": "b,a:1"}), &json!({"nodes": "a:1,b"}), &tolerance).is_empty());
        assert!(!differences(&json!({"nodes": "b,a:1"}), &json!({"nodes": "a:1,b,b"}), &tolerance).is_empty());
    }
}
