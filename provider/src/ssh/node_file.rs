//! A file of one node.

use super::command::Command;
use super::error::{Error, ErrorKind};
use super::{Output, Ssh};
use crate::call::Call;

/// What `cat` says of a file that isn't there.
const ABSENT: &str = "No such file or directory";

/// Where pmxcfs keeps the files of the cluster, and what is always among them.
const PMXCFS: &str = "/etc/pve/";
const ALWAYS: &str = "/etc/pve/.members";

/// Reads a text file; `None` if it does not exist.
///
/// # Errors
///
/// It can't be read, or is not UTF-8.
pub async fn read(ssh: &Ssh, node: &str, path: &str, call: &Call) -> Result<Option<String>, Error> {
    let output = ssh.run(node, &Command::new("cat").arg("--").arg(path).reading(), call).await?;
    if !output.is_success() && output.stderr_text().ends_with(ABSENT) {
        if path.starts_with(PMXCFS) {
            demand_pmxcfs(ssh, node, call).await?;
        }
        return Ok(None);
    }
    let output = output.success()?;
    match std::str::from_utf8(&output.stdout) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(output.failed(ErrorKind::UnexpectedResponse).with_note(format!(
            "{path} is not UTF-8 and can't be changed without damage. Convert it (`iconv`), then apply again."
        ))),
    }
}

/// While `pve-cluster` restarts, `/etc/pve` is an empty folder: what isn't there then is not gone.
async fn demand_pmxcfs(ssh: &Ssh, node: &str, call: &Call) -> Result<(), Error> {
    let output = ssh.run(node, &Command::new("test").args(["-e", ALWAYS]).reading(), call).await?;
    if output.is_success() {
        return Ok(());
    }
    Err(output.failed(ErrorKind::Failed).with_note(
        "/etc/pve is not mounted there: `pve-cluster` is down or starting. Nothing was changed. Try again when \
         `systemctl status pve-cluster` shows it as running.",
    ))
}

/// Puts a new content in the place of a file, at once: a reader sees the old one or the new one.
///
/// # Errors
///
/// Before the rename nothing has changed; a rename whose exit status does not arrive is [`ErrorKind::Ambiguous`].
pub async fn replace(ssh: &Ssh, node: &str, path: &str, content: &str, call: &Call) -> Result<(), Error> {
    // Proxmox names its own temporary files so.
    let beside = format!("{path}.tmp.{}", std::process::id());
    replace_by(ssh, node, path, &beside, content, call).await
}

/// As [`replace`], by way of the file `beside`.
///
/// # Errors
///
/// As [`replace`].
pub async fn replace_by(
    ssh: &Ssh,
    node: &str,
    path: &str,
    beside: &str,
    content: &str,
    call: &Call,
) -> Result<(), Error> {
    let written = ssh.run(node, &write(beside, content), call).await.and_then(Output::success);
    if let Err(error) = written {
        remove(ssh, node, beside, call).await;
        // The file itself has not been touched.
        return Err(if error.is_ambiguous() { error.with_kind(ErrorKind::Unreachable) } else { error });
    }
    let renamed = ssh.run(node, &Command::new("mv").arg("-f").arg("--").arg(beside).arg(path), call).await;
    match renamed.and_then(Output::success) {
        Ok(_) => Ok(()),
        Err(error) => {
            if !error.is_ambiguous() {
                remove(ssh, node, beside, call).await;
            }
            Err(error)
        }
    }
}

/// Writes stdin into a file, which it makes or empties first.
///
/// `dd` rather than `tee`, which copies stdin to stdout: a file with passwords must not come back. `dd` loses nothing of
/// what arrives in pieces, since it has no `count`. It exits with 1 when the file can't be opened, written or closed, with
/// the kernel's words on stderr, and without `status=none` its statistics. pmxcfs sends each write to all nodes, so that the
/// block is large: by default `dd` writes 512 bytes at a time.
fn write(path: &str, content: &str) -> Command {
    Command::new("dd").arg(format!("of={path}")).args(["bs=128K", "status=none"]).stdin(content)
}

/// Removes what was left half written, as well as that is possible.
async fn remove(ssh: &Ssh, node: &str, path: &str, call: &Call) {
    let call = call.grace(std::time::Duration::from_secs(5));
    if let Err(error) = ssh.run(node, &Command::new("rm").arg("-f").arg("--").arg(path), &call).await {
        tracing::warn!(node, path, reason = error.message(), "a temporary file may be left");
    }
}
