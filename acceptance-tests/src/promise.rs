//! How often a promise is put to the proof: a sample in the ordinary suite, the whole figure by `cargo xtask promises --full`.

/// The variable that asks for whole figures by the value `full`.
pub const VARIABLE: &str = "PVE_PROMISES";

/// How many turns: `sample`, or `whole` where whole figures are asked for.
pub fn turns(sample: u64, whole: u64) -> u64 {
    if std::env::var(VARIABLE).is_ok_and(|asked| asked == "full") { whole } else { sample }
}
