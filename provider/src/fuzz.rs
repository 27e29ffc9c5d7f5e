//! How much hostile input a test tries.

/// How many cases of each kind: 10,000 in the ordinary suite, a million by `cargo xtask promises --full`.
pub fn cases() -> u32 {
    if std::env::var("PVE_PROMISES").is_ok_and(|asked| asked == "full") { 1_000_000 } else { 10_000 }
}
