//! What the fuzz targets put to the writer of configuration.

use super::hcl::{Expr, Item, file};
use crate::framework::Value;

/// Texts as values, keys and comments: nothing in them becomes syntax.
pub fn configuration(data: &[u8]) {
    let texts: Vec<String> =
        data.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    let scalar = |text: &String| Expr::Scalar(Value::from(text.as_str()));
    let keys = texts.iter().map(|text| (text.clone(), scalar(text))).collect();
    let items = vec![
        Item::Attribute("one".to_owned(), scalar(&texts[0])),
        Item::Attribute("many".to_owned(), Expr::List(texts.iter().map(scalar).collect())),
        Item::Gap,
        Item::Attribute("map".to_owned(), Expr::Map(keys)),
        Item::block("inner", &["a"], texts.iter().map(|text| Item::text("text", text)).collect()),
    ];
    let text = file(&[Item::block("resource", &["pve_thing", "a"], items)]);
    let quoted = read(&text);
    assert!(quoted.is_some(), "this is no configuration: {text}");
    let values = 1 + texts.len() * 3;
    assert!(quoted.is_some_and(|quoted| quoted >= values), "values are missing: {text}");
}

/// How many quoted texts there are; none if brackets or quotes don't match, or if a quoted text has a line feed or a template.
fn read(text: &str) -> Option<usize> {
    let (mut open, mut quoted) = (Vec::new(), 0);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '{' | '[' => open.push(character),
            '}' => (open.pop()? == '{').then_some(())?,
            ']' => (open.pop()? == '[').then_some(())?,
            '"' => {
                quoted += 1;
                loop {
                    match characters.next()? {
                        '"' => break,
                        '\n' | '\r' => return None,
                        '\\' => {
                            characters.next()?;
                        }
                        sign @ ('$' | '%') => {
                            // `$${` is the text `${`; a sign before that is one more character.
                            let mut ahead = characters.clone();
                            match (ahead.next(), ahead.next()) {
                                (Some('{'), _) => return None,
                                (Some(next), Some('{')) if next == sign => {
                                    characters.next();
                                    characters.next();
                                }
                                _ => {}
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    open.is_empty().then_some(quoted)
}
