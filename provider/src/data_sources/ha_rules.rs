//! `pve_ha_rules`: one list, where there are rules.

use pve_schemas::data::HaRules;
use pve_schemas::data::ha_rules::HaRulesArguments;
use pve_schemas::{HaNodeAffinityRule, HaResourceAffinityRule};

use super::adapter::{Reader, Source};
use crate::client::Collection;
use crate::framework::Failure;

impl Source for HaRules {
    type Arguments = HaRulesArguments;

    async fn read(reader: &Reader<'_>, arguments: HaRulesArguments) -> Result<Self, Failure> {
        let version = reader.client.version(&reader.call).await.map_err(|error| reader.failed(&error))?;
        // Before its migration a cluster on PVE 9 shows its groups as rules here.
        let rules = if version.major < 9 { None } else { Some(reader.list(Collection::HaRules).await?) };
        if let Some(rules) = &rules {
            reader.warn_unknown::<HaNodeAffinityRule>(rules);
            reader.warn_unknown::<HaResourceAffinityRule>(rules);
        }
        Self::from_answer(arguments, rules.as_ref()).map_err(|problem| reader.unexpected(problem))
    }
}
