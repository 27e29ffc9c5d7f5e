//! The programs that the tests need beside cargo and the CLI, and Debian's packages that have them.

/// A program and its package: a real SSH server, its keys and agent, and sudo.
pub const OPENSSH: &[(&str, &str)] = &[
    ("/usr/sbin/sshd", "openssh-server"),
    ("/usr/bin/ssh-agent", "openssh-client"),
    ("/usr/bin/ssh-keygen", "openssh-client"),
    ("/usr/bin/sudo", "sudo"),
];
