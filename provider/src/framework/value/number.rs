//! Numbers of Terraform: decimal, of any size. Core sends what fits neither an i64 nor exactly a float as text.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A decimal number. Two numbers are equal when their decimal texts mean the same.
#[derive(Debug, Clone)]
pub enum Number {
    /// A whole number in the range of i64.
    Int(i64),
    /// Any other finite number whose shortest decimal text an f64 gives back.
    Float(f64),
    /// Beyond both: the decimal text as it came.
    Text(String),
}

/// The text is no decimal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number")]
pub struct NotANumber;

impl Number {
    /// The value as i64, if it is whole and fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The nearest f64; none for numbers beyond its range.
    pub fn as_f64(&self) -> Option<f64> {
        let value = match self {
            #[expect(clippy::cast_precision_loss, reason = "the nearest f64 is what is asked for")]
            Self::Int(value) => *value as f64,
            Self::Float(value) => *value,
            Self::Text(text) => text.parse().ok()?,
        };
        value.is_finite().then_some(value)
    }

    /// The number that is left of this one where it is kept as an f64; none beyond its range.
    pub fn rounded(&self) -> Option<Self> {
        self.as_f64().and_then(Self::from_f64)
    }

    /// A number from a float; none for infinities and NaN.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        value.to_string().parse().ok()
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl FromStr for Number {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        if let Ok(value) = text.parse::<i64>() {
            return Ok(Self::Int(value));
        }
        let decimal = Decimal::parse(text).ok_or(NotANumber)?;
        if let Some(value) = decimal.as_i64() {
            return Ok(Self::Int(value));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() && Decimal::parse(&value.to_string()) == Some(decimal) => {
                Ok(Self::Float(value))
            }
            _ => Ok(Self::Text(text.to_owned())),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            _ => Decimal::parse(&self.to_string()).cmp(&Decimal::parse(&other.to_string())),
        }
    }
}

/// A decimal in a normal form: sign, digits without zeros at either end, exponent of the first digit. The exponent is
/// never expanded, so a hostile `1e999999999` costs nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let leading = all.len() - all.trim_start_matches('0').len();
        let digits = all.trim_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
        Some(Self { negative, digits, exponent: point + i64::from(exponent) })
    }

    fn as_i64(&self) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let places = usize::try_from(self.exponent).ok()?;
        if places > 19 || places < self.digits.len() {
            return None;
        }
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{:0<places$}", self.digits).parse().ok()
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn equal_in_decimal_is_equal() {
        assert_eq!(number("1.50"), number("1.5"));
        assert_eq!(number("100"), number("1e2"));
        assert_eq!(number("0.1"), Number::Float(0.1));
        assert_eq!(number("-0"), number("0"));
        assert_ne!(number("18446744073709551616123"), number("18446744073709552000000"));
    }

    #[test]
    fn orders_by_value() {
        assert!(number("-2.5") < number("-1"));
        assert!(number("9") < number("10.5"));
        assert!(number("123456789012345678901234567890") > number("1"));
        assert!(number("0") < number("0.001"));
    }

    #[test]
    fn hostile_exponents_cost_nothing_and_nonsense_is_refused() {
        assert!(matches!(number("1e999999999"), Number::Text(_)));
        for text in ["", "-", ".", "1e", "0x10", "inf", "NaN", "1 ", "1e99999999999"] {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
    }
}
