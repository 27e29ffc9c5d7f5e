//! Proxmox's scalars, whatever their JSON type.
//!
//! Perl does not distinguish numbers from strings, so that the same value comes as `1`, `"1"` or, from the
//! schema layer, as `null` or `""` when it was never set.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A boolean: `1`, `"1"`, `true` and the words that property strings allow.
#[must_use]
pub fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "1" | "yes" | "on" | "true" => Some(true),
            "0" | "no" | "off" | "false" | "" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

#[must_use]
pub fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(flag) => Some(i64::from(*flag)),
        _ => None,
    }
}

#[must_use]
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// A text; numbers are taken as they are written, booleans as Proxmox writes them.
#[must_use]
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(u8::from(*flag).to_string()),
        _ => None,
    }
}

/// For `#[serde(default, deserialize_with = "…")]`: the same, absent and `null` being `None`.
pub mod optional {
    use super::{Deserialize, Deserializer, Value};

    macro_rules! optional {
        ($($name:ident: $type:ty, $what:literal;)*) => {$(
            #[doc = concat!("An optional ", $what, ".")]
            ///
            /// # Errors
            ///
            /// A value of another shape.
            pub fn $name<'de, D: Deserializer<'de>>(source: D) -> Result<Option<$type>, D::Error> {
                match Value::deserialize(source)? {
                    Value::Null => Ok(None),
                    value => super::$name(&value).map(Some).ok_or_else(|| {
                        serde::de::Error::custom(concat!("expected a ", $what))
                    }),
                }
            }
        )*};
    }

    optional! {
        flag: bool, "boolean";
        integer: i64, "whole number";
        number: f64, "number";
        text: String, "text";
    }
}

fn whole(number: f64) -> Option<i64> {
    let fits = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
    fits.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn scalars_of_any_type() {
        for yes in [json!(1), json!("1"), json!(true), json!("yes")] {
            assert_eq!(flag(&yes), Some(true), "{yes}");
        }
        for no in [json!(0), json!("0"), json!(false), json!("")] {
            assert_eq!(flag(&no), Some(false), "{no}");
        }
        assert_eq!(flag(&json!({})), None);
        for three in [json!(3), json!("3"), json!(3.0)] {
            assert_eq!(integer(&three), Some(3), "{three}");
        }
        for none in [json!(3.5), json!("x"), json!(1e300), json!([])] {
            assert_eq!(integer(&none), None, "{none}");
        }
        assert_eq!(number(&json!("NaN")), None);
        assert_eq!(text(&json!(100)), Some("100".to_owned()));
    }

    #[test]
    fn absent_and_null_are_none() {
        #[derive(Deserialize)]
        struct Row {
            #[serde(default, deserialize_with = "optional::flag")]
            strict: Option<bool>,
            #[serde(default, deserialize_with = "optional::integer")]
            guest: Option<i64>,
        }
        let row: Row = serde_json::from_value(json!({"strict": null})).unwrap();
        assert_eq!((row.strict, row.guest), (None, None));
        let row: Row = serde_json::from_value(json!({"strict": 0, "guest": "100"})).unwrap();
        assert_eq!((row.strict, row.guest), (Some(false), Some(100)));
        assert!(serde_json::from_value::<Row>(json!({"guest": "x"})).is_err());
    }
}
