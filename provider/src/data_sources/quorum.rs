//! `pve_quorum`: membership, votes and the QDevice daemon.

use pve_schemas::data::{NoArguments, Quorum};

use super::adapter::{Reader, Source};
use crate::client::Collection;
use crate::framework::Failure;

impl Source for Quorum {
    type Arguments = NoArguments;

    async fn read(reader: &Reader<'_>, _: NoArguments) -> Result<Self, Failure> {
        let (status, voters, qdevice) = tokio::try_join!(
            reader.list(Collection::ClusterStatus),
            reader.list(Collection::ClusterVotes),
            reader.object(Collection::Qdevice),
        )?;
        Self::from_answers(&status, &voters, &qdevice).map_err(|problem| reader.garbled(problem))
    }
}
