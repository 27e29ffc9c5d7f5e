//! `pve_cluster_join_info`: one object, of the node that answers or the one that is asked for.

use pve_schemas::data::ClusterJoinInfo;
use pve_schemas::data::cluster_join_info::ClusterJoinInfoArguments;
use serde_json::Value as Json;

use super::adapter::{Reader, Source};
use crate::client::{Error, Params};
use crate::framework::{Failure, Path};

const PATH: &str = "/cluster/config/join";

/// What Proxmox answers on a node that is in no cluster.
const FAILED_DEPENDENCY: u16 = 424;

impl Source for ClusterJoinInfo {
    type Arguments = ClusterJoinInfoArguments;

    async fn read(reader: &Reader<'_>, arguments: ClusterJoinInfoArguments) -> Result<Self, Failure> {
        let mut params = Params::new();
        if let Some(node) = &arguments.node {
            params.set("node", node.as_str());
        }
        let answer = reader.client.get_with::<Json>(PATH, &params, &reader.call).await;
        let answer = answer.map_err(|error| explained(reader, &arguments, &error))?;
        Self::from_answer(arguments, &answer).map_err(|problem| reader.unexpected(problem))
    }
}

fn explained(reader: &Reader<'_>, arguments: &ClusterJoinInfoArguments, error: &Error) -> Failure {
    if error.status() == Some(FAILED_DEPENDENCY) {
        return Failure::refused(format!(
            "{}: the node that `endpoint` names is in no cluster, so there is nothing to join.\nPoint `endpoint` at a \
             member, or create the cluster first: with `pve_cluster`, on which this data source depends, or `pvecm create NAME`.\n{}",
            reader.title,
            error.quote()
        ));
    }
    let failure = reader.failed(error);
    // Nothing else of this request is the user's.
    match &arguments.node {
        Some(_) if error.status() == Some(500) => failure.at(Path::attribute("node")),
        _ => failure,
    }
}
