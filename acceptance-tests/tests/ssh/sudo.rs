//! Commands through sudo, the real one.

use acceptance_tests::cluster::skipped;
use acceptance_tests::sshd::is_root;
use terraform_provider_pve::ssh::{Command, Config, ErrorKind};

use super::{Node, call, script, ssh};

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_user_who_may() {
    if !is_root() {
        return skipped("a_user_who_may", "root alone is surely allowed to use sudo without a password");
    }
    let node = Node::new();
    let ssh = ssh(&Config { sudo: true, ..node.config.clone() });
    let output = ssh.run("pve1", &Command::new("printenv").arg("SUDO_COMMAND"), &call()).await.unwrap();
    assert_eq!(output.text(), "/usr/bin/printenv SUDO_COMMAND\n");
    let command = script(r#"id -u; printf %s "$1"; cat; exit 7"#).arg("-- $(id) '\n").stdin("in");
    let output = ssh.run("pve1", &command, &call()).await.unwrap();
    assert_eq!((output.exit, output.text()), (7, "0\n-- $(id) '\nin".to_owned()));
    // What the command itself says is its own failure, not sudo's.
    let output = ssh.run("pve1", &Command::new("no-such-program"), &call()).await.unwrap();
    assert_eq!(output.exit, 1, "{output:?}");
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_user_who_would_be_asked_for_a_password() {
    if !is_root() {
        return skipped("a_user_who_would_be_asked_for_a_password", "only root can become a user without rights");
    }
    // The login becomes the user `nobody`, who is in no sudoers file.
    let forced = "setpriv --reuid=65534 --regid=65534 --clear-groups sh -c \"$SSH_ORIGINAL_COMMAND\"";
    let node = Node::with(|options| options.forced_command = Some(forced.to_owned()));
    let plain = node.ssh().run("pve1", &Command::new("id").arg("-u"), &call()).await.unwrap();
    assert_eq!(plain.text(), "65534\n");
    let ssh = ssh(&Config { sudo: true, ..node.config.clone() });
    let error = ssh.run("pve1", &Command::new("id"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Sudo, "{error}");
    assert!(error.note().unwrap().contains("NOPASSWD"), "{error}");
}
