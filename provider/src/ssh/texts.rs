//! What Proxmox' own programs print when they have done nothing; each text once, with its emitter.

use super::error::Kind;

/// What a failed command's stderr means.
pub(super) fn meaning(stderr: &str) -> Kind {
    // PVE::Cluster::cfs_lock, after 10 s: the locked code was not run.
    if stderr.contains("got lock request timeout") {
        return Kind::Locked;
    }
    // PVE::Cluster::cfs_lock ("error: no quorum!") and check_cfs_quorum ("cluster not ready - no quorum?").
    if stderr.contains("no quorum!") || stderr.contains("cluster not ready - no quorum?") {
        return Kind::NoQuorum;
    }
    Kind::Failed
}

/// Whether a failed command lacked rights: the texts of the kernel (EACCES, EPERM), and of PVE::CLIHandler.
pub(super) fn is_denial(stderr: &str) -> bool {
    ["Permission denied", "Operation not permitted", "please run as root"].iter().any(|text| stderr.contains(text))
}

/// Why pmxcfs has refused a change below `/etc/pve`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// EACCES: there is no quorum, or the user is not root.
    Denied,
    /// EBUSY: the nodes are about to find out who is there, as in the first seconds without quorum.
    Busy,
}

/// The refusal that a failed command met, if it met one.
pub(super) fn refusal(stderr: &str) -> Option<Refusal> {
    if stderr.contains("Device or resource busy") {
        return Some(Refusal::Busy);
    }
    stderr.contains("Permission denied").then_some(Refusal::Denied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_run_is_told_from_what_failed() {
        assert_eq!(meaning("cfs-lock 'domain-ha' error: got lock request timeout"), Kind::Locked);
        assert_eq!(meaning("cfs-lock 'file-corosync_conf' error: no quorum!"), Kind::NoQuorum);
        assert_eq!(meaning("cluster not ready - no quorum?"), Kind::NoQuorum);
        assert_eq!(meaning("no such cluster node 'x'"), Kind::Failed);
    }

    #[test]
    fn what_lacked_rights_is_told_from_what_went_wrong() {
        assert!(is_denial("cat: /etc/pve/ha/fence.cfg: Permission denied") && is_denial("please run as root"));
        assert!(!is_denial("cat: /etc/pve/ha/fence.cfg: No such file or directory"));
    }
}
