//! `pve_ha_status`: the status rows, and what the HA manager has stored.

use pve_schemas::data::{HaStatus, NoArguments};

use super::adapter::{Reader, Source};
use crate::client::Collection;
use crate::framework::Failure;

impl Source for HaStatus {
    type Arguments = NoArguments;

    async fn read(reader: &Reader<'_>, _: NoArguments) -> Result<Self, Failure> {
        let (current, manager) =
            tokio::try_join!(reader.list(Collection::HaStatus), reader.object(Collection::HaManagerStatus))?;
        Self::from_answers(&current, &manager).map_err(|problem| reader.garbled(problem))
    }
}
