//! The same for failures on the way to a node's shell.

use crate::client::Vain;
use crate::framework::{Cause, Failure};
use crate::ssh::{Error, HostKey, Kind};

/// What `error` means for the object called `object` ("pve1", "the QDevice").
pub fn explain(object: &str, error: &Error) -> Failure {
    let mut detail = format!("{object}: {}", happened(error.kind()));
    for part in [error.note(), next_step(error.kind())].into_iter().flatten() {
        detail.push('\n');
        detail.push_str(part);
    }
    detail.push('\n');
    detail.push_str(&error.quote());
    let cause = if error.is_ambiguous() { Cause::Ambiguous } else { Cause::Refused };
    Failure::new(cause, detail)
}

/// What it means for the object called `object` that the cluster has no quorum; `refusal` is what the node answered.
pub fn no_quorum(object: &str, vain: &Vain, refusal: &str) -> Failure {
    let note = match vain {
        // Another writer tells all of it.
        Vain::Echo => return Failure::refused(format!("{object}: {}", happened(Kind::NoQuorum))),
        Vain::Stopped => {
            return Failure::refused(format!(
                "{object}: interrupted while waiting for quorum. Nothing was changed. Apply again to go on waiting.\n{refusal}"
            ));
        }
        Vain::Expired(note) => note,
    };
    let next = next_step(Kind::NoQuorum).unwrap_or_default();
    Failure::refused(format!("{object}: {}\n{note}\n{next}\n{refusal}", happened(Kind::NoQuorum)))
}

fn happened(kind: Kind) -> &'static str {
    match kind {
        Kind::Unlocated => "it is not known where the node is reached. Nothing was run.",
        Kind::Unreachable => "the node can't be reached over SSH. Nothing was changed.",
        Kind::HostKey(HostKey::Unknown) => "the node's SSH host key is not known. Nothing was sent.",
        Kind::HostKey(HostKey::Changed) => "the node's SSH host key is not the one that is known. Nothing was sent.",
        Kind::HostKey(HostKey::Revoked) => "the node's SSH host key is revoked. Nothing was sent.",
        Kind::Algorithms => "the node's SSH server and this provider have no algorithm in common. Nothing was run.",
        Kind::Login => "the node does not let the provider in over SSH. Nothing was run.",
        Kind::Sudo => "sudo does not let the provider run the command. Nothing was run.",
        Kind::Refused => "the node does not run commands for this user. Nothing was run.",
        Kind::Ambiguous => "the end of the command was not heard of, so it may or may not have been carried out.",
        Kind::Failed => "the command failed on the node.",
        Kind::NoQuorum => "the cluster has no quorum, so /etc/pve is read-only. Nothing was changed.",
        Kind::Locked => "another writer holds the cluster's lock on this file. Nothing was changed.",
        Kind::Invalid => "a value can't be part of a command. Nothing was run.",
        Kind::Garbled => "the node's answer can't be used.",
        Kind::Stopped => "interrupted. Nothing was changed.",
        Kind::Expired => "the time ran out. Nothing was changed.",
    }
}

fn next_step(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Unreachable => {
            "Check that the node is up and its SSH server answers there; the `ssh` block can name another address \
             (a `node` block with `name` and `address`), port or `jump_host`."
        }
        Kind::NoQuorum => {
            "Bring nodes, or the QNetd host, back until more than half of the votes are present, then apply again."
        }
        Kind::Locked => "Apply again.",
        Kind::Stopped => "Run the same command again: it goes on from what the state says now.",
        Kind::Expired => "Give it more time in its `timeouts` block, or apply again.",
        _ => return None,
    })
}
