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
    // Rounded to 15 digits first, which may also lift the exponent.
    let text = format!("{float:.14e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..15).contains(&exponent) {
        let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
        return format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs());
    }
    text.parse::<f64>().unwrap_or(float).to_string()
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
        assert_eq!(
            ["5555555555555555555555555", "0.1234567890123456789", "-123456.7890123456789", "0.00012"].map(text),
            ["5.55555555555556e+24", "0.123456789012346", "-123456.789012346", "0.00012"]
        );
    }
}
