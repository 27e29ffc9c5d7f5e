//! The same for failures on the way to a node's shell.

use crate::client::Vain;
use crate::framework::{Cause, Failure};
use crate::ssh::{Error, ErrorKind, HostKey};

/// What `error` means for the object called `object` ("pve1", "the QDevice").
pub fn explain(object: &str, error: &Error) -> Failure {
    let place = if object == error.node() || !is_on_the_way(error.kind()) {
        object.to_owned()
    } else {
        format!("{object}, on {}", error.node())
    };
    let mut detail = format!("{place}: {}", happened(error.kind()));
    for part in [error.note(), next_step(error.kind())].into_iter().flatten() {
        detail.push('\n');
        detail.push_str(part);
    }
    detail.push('\n');
    detail.push_str(&error.quote());
    let cause = if error.is_ambiguous() { Cause::Ambiguous } else { Cause::Refused };
    Failure::new(cause, detail).because(error.clone())
}

/// What it means for the object called `object` that the cluster has no quorum; `refusal` is what the node answered.
pub fn no_quorum(object: &str, vain: &Vain, refusal: &str) -> Failure {
    let note = match vain {
        // Another writer reports all of it.
        Vain::Echo => return Failure::refused(format!("{object}: {}", happened(ErrorKind::NoQuorum))),
        Vain::Stopped => {
            return Failure::refused(format!(
                "{object}: interrupted while waiting for quorum. Nothing was changed. Apply again to continue \
                 waiting.\n{refusal}"
            ));
        }
        Vain::Expired(note) => note,
    };
    let next = next_step(ErrorKind::NoQuorum).unwrap_or_default();
    Failure::refused(format!("{object}: {}\n{note}\n{next}\n{refusal}", happened(ErrorKind::NoQuorum)))
}

/// Whether the command was not begun: the node is at fault, and not what the command was for.
fn is_on_the_way(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unlocated
            | ErrorKind::Unreachable
            | ErrorKind::HostKey(_)
            | ErrorKind::Algorithms
            | ErrorKind::Login
            | ErrorKind::Sudo
            | ErrorKind::Refused
    )
}

fn happened(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unlocated => "the address of the node is unknown. Nothing was run.",
        ErrorKind::Unreachable => "the node can't be reached over SSH. Nothing was changed.",
        ErrorKind::HostKey(HostKey::Unknown) => "the node's SSH host key is unknown. Nothing was sent.",
        ErrorKind::HostKey(HostKey::Changed) => "the node's SSH host key differs from the known one. Nothing was sent.",
        ErrorKind::HostKey(HostKey::Revoked) => "the node's SSH host key is revoked. Nothing was sent.",
        ErrorKind::Algorithms => {
            "the node's SSH server and this provider have no algorithm in common. Nothing was run."
        }
        ErrorKind::Login => "the node refused the SSH login. Nothing was run.",
        ErrorKind::Sudo => "sudo refused to run the command. Nothing was run.",
        ErrorKind::Refused => "the node does not run commands for this user. Nothing was run.",
        ErrorKind::Ambiguous => "the connection was lost before the exit status arrived; the command may have run.",
        ErrorKind::Failed => "the command failed on the node.",
        ErrorKind::NoQuorum => "the cluster has no quorum, so /etc/pve is read-only. Nothing was changed.",
        ErrorKind::Locked => "another writer holds the cluster's lock on this file. Nothing was changed.",
        ErrorKind::Invalid => "a value can't be part of a command. Nothing was run.",
        ErrorKind::UnexpectedResponse => "the output of the node can't be used.",
        ErrorKind::Stopped => "interrupted. Nothing was changed.",
        ErrorKind::Expired => "it timed out. Nothing was changed.",
    }
}

fn next_step(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Unreachable => {
            "Check that the node is up and its SSH server answers there; set another address (a `node` block with \
             `name` and `address`), port or `jump_host` in the `ssh` block, or `--ssh-node` on the command line."
        }
        ErrorKind::NoQuorum => {
            "Bring nodes, or the QNetd host, back until more than half of the votes are present, then apply again."
        }
        ErrorKind::Locked => "Apply again.",
        ErrorKind::Stopped => "Run the same command again: it continues from the current state.",
        ErrorKind::Expired => "Increase its `timeouts`, or apply again.",
        _ => return None,
    })
}
