//! The requirements of a QDevice. `pvecm` finds most violations half-way, with certificates on some nodes and none on others;
//! here all of them are checked first, and reported at once.

use pve_schemas::Qdevice;
use pve_schemas::corosync::PATH;
use pve_schemas::qdevice::PORT;

use super::look::Look;
use super::{odd, ssh_failure};
use crate::framework::{Failure, Path};
use crate::resources::operations::OpContext;
use crate::ssh::{Command, Error, NoLogin, Output, no_login};

/// Where corosync-qdevice keeps its certificates; `pvecm` refuses to begin where it exists.
pub(super) const CERTIFICATES: &str = "/etc/corosync/qdevice/net/nssdb";

/// What `pvecm` removes with a QDevice.
pub(super) const FOLDER: &str = "/etc/corosync/qdevice";

/// Opens a connection and closes it. bash can do that alone, so that nothing has to be installed for it.
const PROBE: &str = r#"exec 3<>"/dev/tcp/$1/$2""#;

/// Whether everything is as it has to be; then, whether an interrupted set-up has left certificates.
pub(super) async fn run(op: &OpContext<'_>, look: &Look, planned: &Qdevice) -> Result<bool, Failure> {
    if !look.is_clustered {
        let node = look.node()?;
        return Err(Failure::refused(format!(
            "{node} is not in a cluster: it has no {PATH}. A QDevice needs a cluster (`pve_cluster`). Nothing was \
             changed."
        )));
    }
    look.demand_all_online()?;
    let count = look.members.len();
    if count % 2 == 1 && planned.force != Some(true) {
        return Err(Failure::refused(odd(count)).at(Path::attribute("force")));
    }
    look.wait_for_others(op).await?;
    let mut leftover = false;
    for member in &look.members {
        leftover |= ask(op, &member.name, Command::new("test").args(["-e", CERTIFICATES])).await?.is_success();
    }
    match missing(op, look, &planned.address).await? {
        None => Ok(leftover),
        Some(list) => Err(Failure::refused(format!(
            "The QDevice can't be set up yet. Nothing was changed. Missing:\n{list}\nThen apply again."
        ))),
    }
}

/// What nodes and the QNetd host at `address` lack, a line each; none if that is nothing.
pub(super) async fn missing(op: &OpContext<'_>, look: &Look, address: &str) -> Result<Option<String>, Failure> {
    let mut missing = Vec::new();
    for member in &look.members {
        let node = member.name.as_str();
        let installed = ask(op, node, Command::new("dpkg").args(["-s", "corosync-qdevice"])).await?;
        if !is_installed(&installed) {
            missing.push(format!(
                "{node}: the package corosync-qdevice is missing. Run `apt install corosync-qdevice` on it."
            ));
        }
    }
    missing.extend(host(op, look.node()?, address).await?);
    let list = missing.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n");
    Ok((!list.is_empty()).then_some(list))
}

/// What the QNetd host lacks, as seen from `node`.
async fn host(op: &OpContext<'_>, node: &str, address: &str) -> Result<Vec<String>, Failure> {
    let mut missing = Vec::new();
    let login = format!("root@{address}");
    // As pvecm logs in: without a prompt.
    let over = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", &login, "dpkg", "-s", "corosync-qnetd"];
    let package = ask(op, node, Command::new("ssh").args(over)).await?;
    let installed = is_installed(&package);
    if package.exit == 255 {
        let said = package.stderr_text().replace('\n', " ");
        missing.push(match no_login(&said) {
            // Whether its port can be reached would be the same question once more.
            NoLogin::Unreachable => {
                let remedy = "Bring the QNetd host up, or correct `address`";
                return Ok(vec![format!("{address}: can't be reached over SSH from {node}. {remedy} ({said}).")]);
            }
            NoLogin::HostKey => format!(
                "{node}: the SSH host key of {address} is not in root's known_hosts. Run `ssh {login}` on {node} once, \
                 and compare the key ({said})."
            ),
            NoLogin::Denied => format!(
                "{node}: root can't log in to {login} without a password. Run `ssh-copy-id {login}` on {node} once ({said})."
            ),
        });
    } else if !installed {
        missing.push(format!(
            "{address}: the package corosync-qnetd is missing. Run `apt install corosync-qnetd` on \
                              it."
        ));
    }
    let port = PORT.to_string();
    let probe = ["10", "bash", "-c", PROBE, "bash", address, &port];
    let reached = ask(op, node, Command::new("timeout").args(probe)).await?;
    // Without the package no server listens there.
    if !reached.is_success() && (installed || package.exit == 255) {
        missing.push(format!(
            "{address}: its TCP port {PORT} can't be reached from {node}. Start `corosync-qnetd` on it, and open the port in the \
             firewalls between."
        ));
    }
    Ok(missing)
}

async fn ask(op: &OpContext<'_>, node: &str, command: Command) -> Result<Output, Failure> {
    let answer: Result<Output, Error> = op.ssh()?.run(node, &command.reading(), &op.call()).await;
    answer.map_err(ssh_failure(node))
}

/// dpkg also lists packages that were removed and left their configuration.
pub fn is_installed(answer: &Output) -> bool {
    answer.is_success() && answer.text().lines().any(|line| line.trim() == "Status: install ok installed")
}
