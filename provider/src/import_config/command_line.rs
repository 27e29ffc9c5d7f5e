//! The arguments after `import-config`.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short};

use super::provider_block::Node;

/// What `--help` prints.
pub(super) const HELP: &str = "\
Usage: terraform-provider-pve import-config [--out DIR] [--ssh-node NAME=ADDRESS[:PORT]]...

Reads a Proxmox VE cluster and writes configuration for everything this provider manages:
`import` blocks, the resources as they are, and a provider block without credentials. A plan
of that configuration imports every object and changes nothing.

The endpoint and the credentials come from the environment, as for the provider block:
PROXMOX_VE_ENDPOINT, PROXMOX_VE_API_TOKEN and so on. With PROXMOX_VE_SSH_* the command also reads
settings that only the nodes have: fence devices, QDevice, maintenance, watchdogs.

Options:
  --out DIR   the directory to write to, created if it does not exist; default: the current one
  --ssh-node NAME=ADDRESS[:PORT]
              the SSH address of a node that is not reachable at its address in the cluster
  --help, -h  print this text

Existing files are never overwritten. Secrets are never written: they become sensitive
variables. The exit code is 0 when the files are written or there is nothing to import, 1 after
an error, and 2 for an invalid command line.";

/// The command to run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Write {
        folder: PathBuf,
        /// Nodes that are reached elsewhere.
        nodes: Vec<Node>,
    },
    Wrong(String),
}

impl Command {
    pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Self {
        match read(lexopt::Parser::from_args(arguments)) {
            Ok(command) => command,
            Err(problem) => Self::Wrong(format!("{problem}.")),
        }
    }
}

fn read(mut arguments: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut folder, mut nodes) = (None, Vec::new());
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("out") if folder.is_some() => return Err("--out is given twice".into()),
            Long("out") => {
                let value = arguments.value()?;
                if value.is_empty() {
                    return Err("--out needs a directory".into());
                }
                folder = Some(PathBuf::from(value));
            }
            Long("ssh-node") => {
                let node = Node::parse(&arguments.value()?.to_string_lossy());
                nodes.push(node.ok_or("--ssh-node needs NAME=ADDRESS or NAME=ADDRESS:PORT")?);
            }
            unknown => return Err(unknown.unexpected()),
        }
    }
    Ok(Command::Write { folder: folder.unwrap_or_else(|| PathBuf::from(".")), nodes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Command {
        Command::parse(arguments.iter().map(OsString::from))
    }

    fn write(folder: &str, nodes: &[&str]) -> Command {
        Command::Write { folder: folder.into(), nodes: nodes.iter().filter_map(|node| Node::parse(node)).collect() }
    }

    #[test]
    fn folder_and_nodes_may_be_named_and_nothing_else() {
        assert_eq!(parse(&[]), write(".", &[]));
        assert_eq!(parse(&["--out", "a b"]), write("a b", &[]));
        assert_eq!(parse(&["--out=x=y"]), write("x=y", &[]));
        assert_eq!(parse(&["--ssh-node", "a=1.2.3.4", "--ssh-node=b=h:22"]), write(".", &["a=1.2.3.4", "b=h:22"]));
        assert_eq!(parse(&["--out", "x", "-h"]), Command::Help);
        let wrong: [&[&str]; 7] = [
            &["--out"],
            &["--out="],
            &["--out", "x", "--out", "y"],
            &["x"],
            &["--force"],
            &["--ssh-node", "a"],
            &["-"],
        ];
        for wrong in wrong {
            assert!(matches!(parse(wrong), Command::Wrong(_)), "{wrong:?}");
        }
    }
}
