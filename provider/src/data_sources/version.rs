//! `pve_version`: the version that the client has read already.

use pve_schemas::data::{NoArguments, Version};

use super::adapter::{Reader, Source};
use crate::framework::Failure;

impl Source for Version {
    type Arguments = NoArguments;

    async fn read(reader: &Reader<'_>, _: NoArguments) -> Result<Self, Failure> {
        let known = reader.client.version(&reader.call).await.map_err(|error| reader.failed(&error))?;
        Ok(Self {
            version: known.version,
            release: known.release,
            major: known.major.into(),
            repository_id: Some(known.repoid).filter(|id| !id.is_empty()),
        })
    }
}
