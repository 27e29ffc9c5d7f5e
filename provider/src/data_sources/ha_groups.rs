//! `pve_ha_groups`: one list, where there are groups.

use pve_schemas::HaGroup;
use pve_schemas::data::HaGroups;
use pve_schemas::data::ha_groups::HaGroupsArguments;

use super::adapter::{Reader, Source};
use crate::client::{Collection, Placement};
use crate::framework::Failure;

impl Source for HaGroups {
    type Arguments = HaGroupsArguments;

    async fn read(reader: &Reader<'_>, arguments: HaGroupsArguments) -> Result<Self, Failure> {
        let placement = reader.client.placement(&reader.call).await.map_err(|error| reader.failed(&error))?;
        let groups = match placement {
            Placement::Groups | Placement::GroupsUntilMigrated => Some(reader.list(Collection::HaGroups).await?),
            Placement::Rules => None,
        };
        if let Some(groups) = &groups {
            reader.warn_unknown::<HaGroup>(groups);
        }
        Self::from_answer(arguments, groups.as_ref()).map_err(|problem| reader.garbled(problem))
    }
}
