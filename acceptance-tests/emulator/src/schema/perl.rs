//! Numbers as Perl reads and prints them.

use serde_json::{Number, Value};

/// `$text + 0`.
#[must_use]
pub fn number(text: &str) -> Value {
    let text = text.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    if let Ok(integer) = digits.parse::<i64>() {
        return integer.into();
    }
    if let Ok(integer) = digits.parse::<u64>() {
        return integer.into();
    }
    let float: f64 = digits.parse().unwrap_or(0.0);
    if float.fract() == 0.0 && float.abs() < 1e15 {
        return (float as i64).into();
    }
    Number::from_f64(float).map_or(Value::from(0), Value::Number)
}

/// A number as Perl prints it: `%.15g`.
#[must_use]
pub fn print(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    if float != 0.0 && !(1e-4..1e15).contains(&float.abs()) {
        let text = format!("{float:e}");
        return match text.split_once('e') {
            Some((mantissa, exponent)) if exponent.starts_with('-') => {
                format!("{mantissa}e-{:0>2}", &exponent[1..])
            }
            Some((mantissa, exponent)) => format!("{mantissa}e+{exponent:0>2}"),
            None => text,
        };
    }
    float.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lose_their_decoration() {
        let text = |text: &str| match number(text) {
            Value::Number(number) => print(&number),
            other => other.to_string(),
        };
        assert_eq!(["+3", "007", "1.50", "10.0"].map(text), ["3", "7", "1.5", "10"]);
        assert_eq!(
            ["99999999999999999999", "18446744073709551615", "0.00001"].map(text),
            ["1e+20", "18446744073709551615", "1e-05"]
        );
    }
}
