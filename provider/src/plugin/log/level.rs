//! The level from which on events are logged.

use tracing::level_filters::LevelFilter;

/// The level that `TF_LOG_PROVIDER`, or else `TF_LOG`, asks for; none where nothing is to be written.
pub(super) fn level(variable: impl Fn(&str) -> Option<String>) -> Option<LevelFilter> {
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    let level = variable("TF_LOG_PROVIDER").or_else(|| variable("TF_LOG"))?;
    match level.to_ascii_uppercase().as_str() {
        "OFF" => None,
        "ERROR" => Some(LevelFilter::ERROR),
        "WARN" => Some(LevelFilter::WARN),
        "INFO" => Some(LevelFilter::INFO),
        "DEBUG" => Some(LevelFilter::DEBUG),
        // Core reads JSON, and any unknown word, as the most verbose level.
        _ => Some(LevelFilter::TRACE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_providers_variable_wins() {
        let both = |name: &str| Some(if name == "TF_LOG" { "trace" } else { "warn" }.to_owned());
        assert_eq!(level(both), Some(LevelFilter::WARN));
        let core = |name: &str| (name == "TF_LOG").then(|| "JSON".to_owned());
        assert_eq!(level(core), Some(LevelFilter::TRACE));
        assert_eq!(level(|_| None), None);
        assert_eq!(level(|_| Some(String::new())), None);
        assert_eq!(level(|_| Some("off".to_owned())), None);
    }
}
