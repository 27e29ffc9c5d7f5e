//! The votes as votequorum counts them, asked of a node itself.

use pve_schemas::qdevice::Votes;

use super::error::{Error, Kind};
use super::{Command, Ssh};
use crate::call::Call;

/// What `corosync-quorumtool`, which `pvecm status` becomes, exits with where the node has no quorum: it has printed
/// everything all the same.
const NOT_QUORATE: u32 = 2;

/// Asks `node` for the votes.
///
/// # Errors
///
/// The node can't be asked; `pvecm` fails; [`Kind::Garbled`] where what it prints can't be read.
pub async fn votes(ssh: &Ssh, node: &str, call: &Call) -> Result<Votes, Error> {
    let output = ssh.run(node, &Command::new("pvecm").arg("status").reading(), call).await?;
    if !output.is_success() && output.exit != NOT_QUORATE {
        return Err(output.failed(Kind::Failed));
    }
    Votes::parse(&output.text()).map_err(|problem| {
        output
            .failed(Kind::Garbled)
            .with_note(format!("What `pvecm status` printed can't be understood: {problem}. Nothing was changed."))
    })
}
