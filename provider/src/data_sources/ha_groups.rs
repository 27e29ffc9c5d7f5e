//! `pve_ha_groups`: one list, where there are groups.

use pve_schemas::HaGroup;
use pve_schemas::data::HaGroups;
use pve_schemas::data::ha_groups::HaGroupsArguments;
use pve_schemas::value::HaMode;

use super::adapter::{Reader, Source};
use crate::client::Collection;
use crate::framework::Failure;

impl Source for HaGroups {
    type Arguments = HaGroupsArguments;

    async fn read(reader: &Reader<'_>, arguments: HaGroupsArguments) -> Result<Self, Failure> {
        let mode = reader.client.ha_mode(&reader.call).await.map_err(|error| reader.failed(&error))?;
        let groups = match mode {
            HaMode::Groups | HaMode::GroupsUntilMigrated => Some(reader.list(Collection::HaGroups).await?),
            HaMode::Rules => None,
        };
        if let Some(groups) = &groups {
            reader.warn_unknown::<HaGroup>(groups);
        }
        Self::from_answer(arguments, groups.as_ref()).map_err(|problem| reader.unexpected(problem))
    }
}
