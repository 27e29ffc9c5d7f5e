//! `pve_nodes`: one list.

use pve_schemas::data::Nodes;
use pve_schemas::data::nodes::NodesArguments;

use super::adapter::{Reader, Source};
use crate::client::Collection;
use crate::framework::Failure;

impl Source for Nodes {
    type Arguments = NodesArguments;

    async fn read(reader: &Reader<'_>, arguments: NodesArguments) -> Result<Self, Failure> {
        let nodes = reader.list(Collection::Nodes).await?;
        Self::from_answer(arguments, &nodes).map_err(|problem| reader.unexpected(problem))
    }
}
