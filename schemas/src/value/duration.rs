//! Durations in Go's notation, as Terraform's users write timeouts.

use std::time::Duration;

pub(super) const DEMAND: &str = "must be a duration such as \"30s\", \"5m\" or \"1h30m\"";
pub(super) const DEMAND_OF_TIMEOUT: &str = "must be a duration greater than zero, such as \"30s\", \"5m\" or \"1h30m\"";

/// A duration such as `90s`, `5m`, `1h30m`; none for anything else.
pub fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
        let amount: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let (unit, length) = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)]
            .into_iter()
            .find(|(unit, _)| rest.starts_with(unit))?;
        total = total.checked_add(Duration::from_millis(amount.checked_mul(length)?))?;
        rest = &rest[unit.len()..];
    }
    (!text.is_empty()).then_some(total)
}

/// A duration after which something is given up; none for zero, which would leave no time at all.
pub fn timeout(text: &str) -> Option<Duration> {
    duration(text).filter(|duration| !duration.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_terraform_users_write() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        for text in ["", "5", "m", "5x", "-5m", "99999999999999999999s", "18446744073709551615h"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_timeout_is_more_than_nothing() {
        assert_eq!(timeout("1ms"), Some(Duration::from_millis(1)));
        for text in ["0s", "0ms", "0h0m0s", "", "soon"] {
            assert_eq!(timeout(text), None, "{text}");
        }
    }
}
