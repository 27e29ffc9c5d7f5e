//! The addresses of nodes, as the cluster reports them.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::call::Call;
use crate::client::{Client, Collection};
use crate::ssh::Locate;

/// The addresses of `/cluster/status`: those of the cluster network's first link.
pub struct ClusterAddresses(pub Client);

impl Locate for ClusterAddresses {
    fn locate<'a>(&'a self, node: &'a str, call: &'a Call) -> BoxFuture<'a, Result<Option<String>, String>> {
        async move {
            let listing = self.0.list(Collection::ClusterStatus, call).await.map_err(|error| error.quote())?;
            let Some(member) = listing.find::<Member>(&format!("node/{node}")).map_err(|error| error.quote())? else {
                return Ok(None);
            };
            // pmxcfs omits it until corosync has reported it.
            member.ip.map(Some).ok_or_else(|| "the cluster does not report the node's address".to_owned())
        }
        .boxed()
    }
}

#[derive(Deserialize)]
struct Member {
    ip: Option<String>,
}
