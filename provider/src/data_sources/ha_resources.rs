//! `pve_ha_resources`: one list, shared with every `pve_ha_resource` of the walk.

use pve_schemas::HaResource;
use pve_schemas::data::HaResources;
use pve_schemas::data::ha_resources::HaResourcesArguments;

use super::adapter::{Reader, Source};
use crate::client::Collection;
use crate::framework::Failure;

impl Source for HaResources {
    type Arguments = HaResourcesArguments;

    async fn read(reader: &Reader<'_>, arguments: HaResourcesArguments) -> Result<Self, Failure> {
        let version = reader.client.version(&reader.call).await.map_err(|error| reader.failed(&error))?;
        let resources = reader.list(Collection::HaResources).await?;
        reader.warn_unknown::<HaResource>(&resources);
        let release = (version.major.into(), version.minor.into());
        Self::from_answer(arguments, &resources, release).map_err(|problem| reader.unexpected(problem))
    }
}
