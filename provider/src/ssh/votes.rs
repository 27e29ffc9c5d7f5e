//! The votes as votequorum counts them, asked of a node itself.

use pve_schemas::qdevice::Votes;

use super::error::{Error, ErrorKind};
use super::{Command, Ssh};
use crate::call::Call;

/// What `corosync-quorumtool`, which `pvecm status` becomes, exits with where the node has no quorum: it has printed
/// everything all the same.
const NOT_QUORATE: u32 = 2;

/// Asks `node` for the votes.
///
/// # Errors
///
/// The node can't be asked; `pvecm` fails; [`ErrorKind::UnexpectedResponse`] where what it prints can't be read.
pub async fn votes(ssh: &Ssh, node: &str, call: &Call) -> Result<Votes, Error> {
    let output = ssh.run(node, &Command::new("pvecm").arg("status").reading(), call).await?;
    if !output.is_success() && output.exit != NOT_QUORATE {
        return Err(output.failed(ErrorKind::Failed));
    }
    Votes::parse(&output.text()).map_err(|problem| {
        output
            .failed(ErrorKind::UnexpectedResponse)
            .with_note(format!("The output of `pvecm status` can't be parsed: {problem}. Nothing was changed."))
    })
}
