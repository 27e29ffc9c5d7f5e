//! The constraints of an attribute in words: what the planner will refuse.

use pve_schemas::value;
use serde_json::Value as Json;
use terraform_provider_pve::framework::{Attribute, NestedBlock, Value};

/// The sentences on `attribute` beside its description.
pub fn sentences(attribute: &Attribute) -> Vec<String> {
    let mut sentences = Vec::new();
    if attribute.required || attribute.optional {
        constraints(&attribute.constraints, &mut sentences);
    }
    if let Some(default) = &attribute.default {
        sentences.push(format!("Defaults to `{}`.", literal(default)));
    }
    sentences
}

/// The sentence on how much must be set inside `block`.
pub fn members(block: &NestedBlock) -> Option<String> {
    let least = Some(block.min_members).filter(|least| *least > 0)?;
    Some(format!("At least {least} {}.", if least == 1 { "attribute" } else { "attributes" }))
}

fn constraints(property: &Json, sentences: &mut Vec<String>) {
    if let Some(values) = enumeration(property) {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        sentences.push(format!("One of {}.", values.join(", ")));
    }
    if let Some(range) = range(property, "minimum", "maximum") {
        sentences.push(format!("{range}."));
    }
    for (least, most, what) in [
        ("minLength", "maxLength", "character"),
        ("minItems", "maxItems", "element"),
        ("minProperties", "maxProperties", "entry"),
    ] {
        if let Some(range) = range(property, least, most) {
            let many = if what == "entry" { "entries".to_owned() } else { format!("{what}s") };
            let one = range.ends_with(" 1");
            sentences.push(format!("{range} {}.", if one { what } else { &many }));
        }
    }
    sentences.extend(demand(property).map(|demand| sentence("", &demand)));
    sentences.extend(demand(&property["items"]).map(|demand| sentence("each ", &demand)));
    sentences.extend(demand(&property["propertyNames"]).map(|demand| sentence("each key ", &demand)));
    if let Some(range) = range(&property["additionalProperties"], "minimum", "maximum") {
        sentences.push(format!("Each value: {}.", range.to_lowercase()));
    }
}

fn range(property: &Json, least: &str, most: &str) -> Option<String> {
    let bound = |keyword: &str| find(property, keyword).map(ToString::to_string);
    match (bound(least), bound(most)) {
        (Some(least), Some(most)) => Some(format!("From {least} to {most}")),
        (Some(least), None) => Some(format!("At least {least}")),
        (None, Some(most)) => Some(format!("At most {most}")),
        (None, None) => None,
    }
}

/// What the property's format demands, in the words of its own check.
fn demand(property: &Json) -> Option<String> {
    let format = find(property, "format")?.as_str()?;
    // No format takes a control character; the refusal is the demand.
    value::check(format, "\u{0}").err()
}

/// The values of an enumeration, in order: `enum`, or constants that have descriptions of their own.
fn enumeration(property: &Json) -> Option<Vec<String>> {
    if let Some(values) = property["enum"].as_array() {
        let texts: Vec<_> = values.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
        return (!texts.is_empty()).then_some(texts);
    }
    if let Some(constant) = property["const"].as_str() {
        return Some(vec![constant.to_owned()]);
    }
    let variants = property["oneOf"].as_array().or_else(|| property["anyOf"].as_array())?;
    let values: Vec<_> = variants.iter().filter_map(enumeration).flatten().collect();
    (!values.is_empty()).then_some(values)
}

/// `keyword` of the property, or of the part of it that is not null.
fn find<'a>(property: &'a Json, keyword: &str) -> Option<&'a Json> {
    let own = property.get(keyword);
    own.or_else(|| property["anyOf"].as_array()?.iter().find_map(|variant| find(variant, keyword)))
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_json().to_string(),
    }
}

/// A demand as a sentence of Markdown: `*`, `_` and `[` are escaped.
fn sentence(subject: &str, demand: &str) -> String {
    let mut sentence = String::new();
    for (position, c) in subject.chars().chain(demand.chars()).enumerate() {
        if matches!(c, '*' | '_' | '[' | '<' | '`') {
            sentence.push('\\');
        }
        if position == 0 { sentence.extend(c.to_uppercase()) } else { sentence.push(c) }
    }
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(property: &Json) -> String {
        let mut sentences = Vec::new();
        constraints(property, &mut sentences);
        sentences.join(" ")
    }

    #[test]
    fn demands_are_plain_text_in_markdown() {
        assert_eq!(sentence("each ", "must be */15 or a_b."), r"Each must be \*/15 or a\_b.");
    }

    #[test]
    fn every_keyword_has_words() {
        assert_eq!(words(&json!({"minimum": 1, "maximum": 8})), "From 1 to 8.");
        assert_eq!(words(&json!({"minItems": 1})), "At least 1 element.");
        assert_eq!(words(&json!({"minProperties": 2})), "At least 2 entries.");
        assert_eq!(words(&json!({"enum": ["a", "b", null]})), "One of `a`, `b`.");
        let documented = json!({"anyOf": [{"oneOf": [{"const": "a"}, {"enum": ["b"]}]}, {"type": "null"}]});
        assert_eq!(words(&documented), "One of `a`, `b`.");
        assert_eq!(words(&json!({"additionalProperties": {"minimum": 0}})), "Each value: at least 0.");
        assert!(words(&json!({"anyOf": [{"format": "pve-ha-sid"}, {"type": "null"}]})).starts_with("Must be vm:ID"));
        assert!(words(&json!({"items": {"format": "pve-ha-sid"}})).starts_with("Each must be vm:ID"));
    }
}
