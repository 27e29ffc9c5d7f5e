//! The client's failures in the user's words: which object, what happened, what was done, what to do next, and Proxmox's
//! own words last.

pub mod ssh;

use std::borrow::Cow;

use crate::client::{Certificate, Error, ErrorKind, Obstacle};
use crate::framework::{CREATE_FIRST, Cause, Failure, WAYS_OUT};
use crate::words::counted;

/// What `error` means for the object called `object` ("vm:100", "the list of HA rules").
pub fn explain(object: &str, error: &Error) -> Failure {
    let mut detail = format!("{object}: {}", happened(error.kind()));
    if error.is_echo() {
        // Another writer waited for the same thing and has reported all of it.
        return Failure::new(cause(error.kind()), detail).because(error.clone());
    }
    if error.tries() > 1 {
        detail.push_str(&format!(" Tried {} in {} s.", counted(error.tries(), "time"), error.waited().as_secs()));
    }
    for part in [error.note().map(Cow::from), next_step(error.kind())].into_iter().flatten() {
        detail.push('\n');
        detail.push_str(&part);
    }
    detail.push('\n');
    detail.push_str(&error.quote());
    Failure::new(cause(error.kind()), detail).because(error.clone())
}

fn cause(kind: ErrorKind) -> Cause {
    match kind {
        ErrorKind::Absent => Cause::Absent,
        ErrorKind::Exists => Cause::Exists,
        ErrorKind::Ambiguous => Cause::Ambiguous,
        ErrorKind::InUse => Cause::InUse,
        ErrorKind::StaleDigest => Cause::Stale,
        _ => Cause::Refused,
    }
}

fn happened(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unreachable(Obstacle::Dns) => "the host name of the endpoint can't be resolved. Nothing was sent.",
        ErrorKind::Unreachable(Obstacle::Proxy) => {
            "the endpoint can't forward the request to the node concerned. Nothing was changed."
        }
        ErrorKind::Unreachable(Obstacle::Tls) => "the TLS handshake with the endpoint failed. Nothing was sent.",
        ErrorKind::Unreachable(_) => "the endpoint can't be reached. Nothing was sent.",
        ErrorKind::Certificate(Certificate::Expired) => "the server's certificate has expired. Nothing was sent.",
        ErrorKind::Certificate(Certificate::NotYetValid) => {
            "the server's certificate is not valid yet. Nothing was sent."
        }
        ErrorKind::Certificate(Certificate::WrongHost) => {
            "the server's certificate is issued for other names than the endpoint's. Nothing was sent."
        }
        ErrorKind::Certificate(Certificate::WrongPin) => {
            "the server's certificate is not the one that is pinned. Nothing was sent."
        }
        ErrorKind::Certificate(_) => "the server's certificate is not trusted. Nothing was sent.",
        ErrorKind::Ambiguous => "the response was lost, and the outcome of the request is unknown.",
        ErrorKind::Unanswered => "Proxmox did not respond.",
        ErrorKind::LockTimeout => "another writer holds the cluster's lock on this configuration. Nothing was changed.",
        ErrorKind::NoQuorum => "the cluster has no quorum, so /etc/pve is read-only. Nothing was changed.",
        ErrorKind::StaleDigest => {
            "the configuration file was changed outside of Terraform at the same time. Nothing was changed."
        }
        ErrorKind::Absent => "does not exist.",
        ErrorKind::Exists => "exists already. Nothing was changed.",
        ErrorKind::TargetTaken => {
            "another replication job copies this guest to this target already. Nothing was changed."
        }
        ErrorKind::InUse => "is still in use. Nothing was changed.",
        ErrorKind::NoSuchGuest => "there is no such guest, or it is of the other type (vm or ct). Nothing was changed.",
        ErrorKind::NoSuchNode => "it names a node that does not exist in this cluster. Nothing was changed.",
        ErrorKind::NoSuchGroup => "the HA group does not exist. Nothing was changed.",
        ErrorKind::NoSuchPool => "the pool does not exist. Nothing was changed.",
        ErrorKind::NoSuchTarget => "it names a notification target that does not exist. Nothing was changed.",
        ErrorKind::Unmanaged => "a rule can only name guests that are HA resources. Nothing was changed.",
        ErrorKind::ResourceInErrorState => "the HA resource is in the error state. Nothing was changed.",
        ErrorKind::TooEarly => {
            "the HA manager has not registered all nodes yet, since HA was not in use before. Nothing was changed."
        }
        ErrorKind::RuleConflict => "Proxmox refuses the rule. Nothing was changed.",
        ErrorKind::GroupsMigrated => "this cluster's HA groups have been migrated to HA rules. Nothing was changed.",
        ErrorKind::GroupsNotMigrated => {
            "this cluster's HA groups have not been migrated to HA rules yet. Nothing was changed."
        }
        ErrorKind::Unauthorized => "Proxmox rejects the credentials. Nothing was changed.",
        ErrorKind::SecondFactor => "the login requires a second factor. Nothing was changed.",
        ErrorKind::Forbidden => "a privilege is missing. Nothing was changed.",
        ErrorKind::Invalid => "Proxmox rejects a value. Nothing was changed.",
        ErrorKind::NotImplemented => "this version of Proxmox VE does not support that. Nothing was changed.",
        ErrorKind::UnexpectedResponse => "the response is not one of Proxmox VE.",
        ErrorKind::Foreign => {
            "the response did not come from Proxmox VE: `endpoint` points to another server, such as a login proxy. \
             Nothing was changed."
        }
        ErrorKind::Stopped => "interrupted.",
        ErrorKind::Expired => "it timed out.",
        _ => "Proxmox refuses. Nothing was changed.",
    }
}

fn next_step(kind: ErrorKind) -> Option<Cow<'static, str>> {
    let in_order = match kind {
        ErrorKind::InUse => format!(
            "Terraform destroys an object before it changes the objects that refer to it. \
                                     {WAYS_OUT}"
        ),
        ErrorKind::TargetTaken => format!(
            "Import that job, or choose another target. A job that is being removed counts until its removal is \
             complete. If this plan replaces that job: {CREATE_FIRST} Remove it there, since a guest has one job to \
             each target."
        ),
        ErrorKind::RuleConflict => format!(
            "If it conflicts with another rule that this apply changes, order the two with `depends_on`. If this plan \
             replaces that rule by this one: {CREATE_FIRST} Remove it there, since Proxmox does not allow both rules \
             at once. Otherwise change the rule."
        ),
        kind => return advice(kind).map(Cow::from),
    };
    Some(in_order.into())
}

fn advice(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Unreachable(Obstacle::Dns) => "Check `endpoint` in the provider block.",
        ErrorKind::Unreachable(Obstacle::Proxy) => {
            "If that node is online, its API does not respond: see `systemctl status pveproxy pvedaemon` on it. \
             Otherwise bring it back, or set another node as `endpoint`."
        }
        ErrorKind::Unreachable(Obstacle::Tls) => {
            "Check `endpoint` in the provider block: the server may not use TLS, or may not be Proxmox VE, which \
             listens on port 8006."
        }
        ErrorKind::Unreachable(_) => {
            "Check `endpoint` in the provider block, and that the node is up. With `fallback_endpoints` the provider \
             tries other nodes."
        }
        ErrorKind::Certificate(Certificate::UnknownIssuer) => {
            "Set the cluster's CA (/etc/pve/pve-root-ca.pem of a node) as `ca_certificate`, or pin the node's \
             certificate with `tls_fingerprint`."
        }
        ErrorKind::Certificate(Certificate::Authority) => {
            "Set exactly this certificate as `ca_certificate`, or pin it with `tls_fingerprint`."
        }
        ErrorKind::Certificate(Certificate::OldVersion) => {
            "X.509 version 1 has no names that could be checked. Pin the certificate with `tls_fingerprint`, or issue \
             one of version 3."
        }
        ErrorKind::Certificate(Certificate::Other) => "Pin the certificate with `tls_fingerprint`, or issue a new one.",
        ErrorKind::Certificate(Certificate::WrongHost) => {
            "Use a name or address of the certificate as `endpoint`, or pin the certificate with `tls_fingerprint`."
        }
        ErrorKind::Certificate(Certificate::Expired | Certificate::NotYetValid) => {
            "Renew the node's certificate (`pvecm updatecerts --force` on it), and check the clocks. Until then, \
             `tls_fingerprint` accepts it despite its dates."
        }
        ErrorKind::Certificate(Certificate::WrongPin) => {
            "If the node's certificate was renewed, take the new fingerprint from its web interface (Node > System > \
             Certificates). If it was not, the connection may be intercepted."
        }
        ErrorKind::Unanswered => "Check that the node and its services are up, or apply again.",
        ErrorKind::NoQuorum => {
            "Bring nodes, or the QNetd host, back until more than half of the votes are present, then apply again."
        }
        ErrorKind::LockTimeout | ErrorKind::StaleDigest => "Apply again.",
        ErrorKind::NoSuchNode => "Check the names of the nodes; `pve_nodes` lists them.",
        ErrorKind::NoSuchGroup => "Create the group first: refer to `pve_ha_group.NAME.name`.",
        ErrorKind::NoSuchPool => "Create the pool first, or choose another one.",
        ErrorKind::NoSuchTarget => {
            "Refer to the target's resource in `targets`, such as `pve_notification_smtp.NAME.name`, so that Terraform creates \
             the target first."
        }
        ErrorKind::Unmanaged => "Refer to `pve_ha_resource.NAME.sid`, so that Terraform creates the HA resource first.",
        ErrorKind::ResourceInErrorState => {
            "Set `state = \"disabled\"`, apply, repair the guest, and set the state back."
        }
        ErrorKind::TooEarly => "Apply again in a minute, when the HA manager has become active.",
        ErrorKind::GroupsMigrated => "Write a `pve_ha_node_affinity_rule`.",
        ErrorKind::GroupsNotMigrated => {
            "Upgrade all nodes and wait until the HA manager has migrated the groups, or keep using `pve_ha_group`."
        }
        ErrorKind::Unauthorized => {
            "Check the credentials in the provider block: the token or password may be wrong, expired or deleted."
        }
        ErrorKind::SecondFactor => "Use an API token, which needs no second factor.",
        ErrorKind::Forbidden => "Grant the user or token the privilege that Proxmox names, on that path.",
        ErrorKind::UnexpectedResponse => "Check that `endpoint` is a node of the cluster.",
        ErrorKind::Foreign => {
            "Check `endpoint`: a node's API is https://NODE:8006. If a proxy requires a login, use an address that \
             bypasses it."
        }
        ErrorKind::Stopped => "Run the same command again: it continues from the current state.",
        ErrorKind::Expired => "Increase its `timeouts`, or apply again.",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn create_before_destroy_is_explained_in_the_same_words_everywhere() {
        for (kind, words) in [
            (ErrorKind::InUse, WAYS_OUT),
            (ErrorKind::TargetTaken, CREATE_FIRST),
            (ErrorKind::RuleConflict, CREATE_FIRST),
        ] {
            let step = next_step(kind).unwrap_or_default();
            assert!(step.contains(words), "{step}");
            assert_eq!(step.matches("create_before_destroy").count(), 1, "{step}");
        }
    }

    #[test]
    fn a_node_that_the_asked_one_can_not_reach_may_be_online() {
        let kind = ErrorKind::Unreachable(Obstacle::Proxy);
        assert_eq!(
            happened(kind),
            "the endpoint can't forward the request to the node concerned. Nothing was changed."
        );
        let step = next_step(kind).unwrap_or_default();
        assert!(
            step.starts_with("If that node is online, its API does not respond: see `systemctl status pveproxy"),
            "{step}"
        );
        assert!(!step.contains("privilege"), "{step}");
    }
}
