//! How the membership is changed: Proxmox allows its calls to root@pam with a ticket, and to no token.

use crate::framework::Failure;
use crate::resources::operations::OpContext;

/// How a change is sent to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Api,
    Ssh,
}

/// The way that these credentials allow.
///
/// # Errors
/// None does.
pub fn way(op: &OpContext<'_>) -> Result<Way, Failure> {
    let who = op.client().who();
    match (who.user.as_str(), who.token, op.ssh()) {
        ("root@pam", None, _) => Ok(Way::Api),
        (_, _, Ok(_)) => Ok(Way::Ssh),
        (user, token, Err(_)) => Err(Failure::refused(format!(
            "Proxmox VE allows `root@pam` alone to change who is in a cluster, with a password or a ticket; the provider logs in as \
             {}. Nothing was changed.\nAdd an `ssh` block to the provider block, or set `username = \"root@pam\"` and `password`.",
            token.as_deref().unwrap_or(user)
        ))),
    }
}
