//! Small parsed types. Parse, don't validate: what exists is well-formed.

use std::time::Duration;

/// Checks `text` against the named format of a schema.
///
/// # Errors
/// Says what the format demands.
pub fn check(format: &str, text: &str) -> Result<(), String> {
    match format {
        "duration" => duration(text)
            .map(|_| ())
            .ok_or_else(|| "must be a duration such as \"30s\", \"5m\" or \"1h30m\"".to_owned()),
        _ => Err(format!("the format {format} is not known")),
    }
}

/// A duration in Go's notation, as Terraform's users write timeouts: `90s`, `5m`, `1h30m`.
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
