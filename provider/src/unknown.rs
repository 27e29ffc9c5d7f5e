//! Properties and types that this provider does not support: they are left unchanged, and reported once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use pve_schemas::noun::Noun;

use crate::framework::Context;

/// The unknown properties that were named in this process.
#[derive(Debug, Default)]
pub struct UnknownProperties {
    named: Mutex<BTreeSet<String>>,
}

impl UnknownProperties {
    /// Warns of each property of `names` that no object of the noun `N` was warned of before. `object` is what messages call
    /// an object that has them, such as `HA resource vm:100`.
    pub fn warn<N: Noun>(&self, cx: &Context, object: &str, names: &[String]) {
        for name in names {
            if self.is_first(N::NAME, name) {
                cx.warn(
                    format!("Unknown property of {object}: {name}"),
                    format!(
                        "This version of Proxmox has the property `{name}`, which this provider does not support; it \
                         is left as it is. Plan-time checks, simulation and readiness treat results that depend on it \
                         as unknown."
                    ),
                );
            }
        }
    }

    /// Warns once that the object `key` is of a type that no noun is for.
    pub fn warn_type(&self, cx: &Context, key: &str, kind: &str) {
        if self.is_first(kind, key) {
            cx.warn(
                format!("Unknown type of {key}: {kind}"),
                format!("{key} is of the type `{kind}`, which this provider does not support; it is left as it is."),
            );
        }
    }

    fn is_first(&self, noun: &str, name: &str) -> bool {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{noun}.{name}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use pve_schemas::{HaGroup, HaResource};

    use super::*;
    use crate::framework::Stop;

    #[test]
    fn each_property_of_each_type_is_named_once() {
        let (unknown, cx) = (UnknownProperties::default(), Context::new(Instant::now(), Stop::new()));
        unknown.warn::<HaResource>(&cx, "HA resource vm:100", &["zone".to_owned(), "tier".to_owned()]);
        unknown.warn::<HaResource>(&cx, "HA resource vm:101", &["zone".to_owned()]);
        unknown.warn::<HaGroup>(&cx, "HA group web", &["zone".to_owned()]);
        let warnings = cx.into_warnings();
        let summaries: Vec<&str> = warnings.iter().map(|warning| warning.summary.as_str()).collect();
        assert_eq!(
            summaries,
            [
                "Unknown property of HA resource vm:100: zone",
                "Unknown property of HA resource vm:100: tier",
                "Unknown property of HA group web: zone",
            ]
        );
    }
}
