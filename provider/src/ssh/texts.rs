//! The messages of Proxmox's programs when they have done nothing; each text once, with its emitter.

use super::error::ErrorKind;

/// What a failed command's stderr means.
pub(super) fn meaning(stderr: &str) -> ErrorKind {
    // PVE::Cluster::cfs_lock, after 10 s: the locked code was not run.
    if stderr.contains("got lock request timeout") {
        return ErrorKind::Locked;
    }
    // PVE::Cluster::cfs_lock ("error: no quorum!") and check_cfs_quorum ("cluster not ready - no quorum?").
    if stderr.contains("no quorum!") || stderr.contains("cluster not ready - no quorum?") {
        return ErrorKind::NoQuorum;
    }
    ErrorKind::Failed
}

/// Whether a failed command lacked rights: the texts of the kernel (EACCES, EPERM), and of PVE::CLIHandler.
pub(super) fn is_denial(stderr: &str) -> bool {
    ["Permission denied", "Operation not permitted", "please run as root"].iter().any(|text| stderr.contains(text))
}

/// Why OpenSSH's client on a node could not log in to another host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLogin {
    /// The host is down, or nothing listens there.
    Unreachable,
    /// The host's key is not the one that is known, or not known.
    HostKey,
    /// The host takes neither a key nor anything else that needs no typing.
    Denied,
}

/// What `ssh` says of a login that failed.
pub fn no_login(stderr: &str) -> NoLogin {
    // ssh_connect_direct and sshconnect.c: `ssh: connect to host X port 22: Connection refused`, `ssh: Could not resolve …`;
    // ssh-copy-id puts `…: ERROR: ` before each line.
    let is_of_ssh = |line: &str| line.starts_with("ssh: ") || line.contains("ERROR: ssh: ");
    if stderr.lines().any(is_of_ssh) || stderr.contains("Connection timed out") {
        return NoLogin::Unreachable;
    }
    // verify_host_key.
    if stderr.contains("Host key verification failed") { NoLogin::HostKey } else { NoLogin::Denied }
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
    fn a_command_that_was_not_run_is_not_one_that_failed() {
        assert_eq!(meaning("cfs-lock 'domain-ha' error: got lock request timeout"), ErrorKind::Locked);
        assert_eq!(meaning("cfs-lock 'file-corosync_conf' error: no quorum!"), ErrorKind::NoQuorum);
        assert_eq!(meaning("cluster not ready - no quorum?"), ErrorKind::NoQuorum);
        assert_eq!(meaning("no such cluster node 'x'"), ErrorKind::Failed);
    }

    #[test]
    fn a_host_that_is_down_is_distinguished_from_one_that_denies() {
        let down = "ssh: connect to host 10.0.0.9 port 22: No route to host";
        assert_eq!(no_login(down), NoLogin::Unreachable);
        assert_eq!(no_login(&format!("\n/usr/bin/ssh-copy-id: ERROR: {down}\n")), NoLogin::Unreachable);
        assert_eq!(no_login("Host key verification failed."), NoLogin::HostKey);
        assert_eq!(no_login("root@10.0.0.9: Permission denied (publickey,password)."), NoLogin::Denied);
    }

    #[test]
    fn missing_rights_are_not_other_failures() {
        assert!(is_denial("cat: /etc/pve/ha/fence.cfg: Permission denied") && is_denial("please run as root"));
        assert!(!is_denial("cat: /etc/pve/ha/fence.cfg: No such file or directory"));
    }
}
