//! The command line. Core gives no argument; people may.

use std::ffi::OsString;

/// What `--version` prints.
pub(super) const VERSION: &str =
    concat!("terraform-provider-pve ", env!("CARGO_PKG_VERSION"), " (Terraform plugin protocol 5)");

/// What `--help` prints.
pub(super) const HELP: &str = concat!(
    "terraform-provider-pve ",
    env!("CARGO_PKG_VERSION"),
    "

A Terraform and OpenTofu provider for Proxmox VE high availability.
`terraform` or `tofu` starts it: add it to a configuration,

    terraform {
      required_providers {
        pve = { source = \"pve-ha/pve\" }
      }
    }

and run `terraform init` or `tofu init`.

Commands:
  do             run an operation on the cluster, such as a notification test
  import-config  write configuration that imports an existing cluster
  report         report readiness and failover as a page, for CI or for monitoring
  completions    print the completions for bash, zsh or fish
Each has a --help.

Options:
  --debug        wait for a debugger: serve until interrupted, and print the TF_REATTACH_PROVIDERS
                 that makes terraform or tofu use this very process
  --version, -V  print the version
  --help, -h     print this text"
);

/// The command to run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// No argument: serve core.
    Plugin,
    Debug,
    Version,
    Help,
    Unknown(OsString),
}

impl Command {
    pub(super) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let Some(argument) = arguments.into_iter().next() else { return Self::Plugin };
        match argument.to_str() {
            // Go providers take their flags with one dash as well.
            Some("--debug" | "-debug") => Self::Debug,
            Some("--version" | "-version" | "-V") => Self::Version,
            Some("--help" | "-help" | "-h") => Self::Help,
            _ => Self::Unknown(argument),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_decides() {
        let parse = |arguments: &[&str]| Command::parse(arguments.iter().map(OsString::from));
        assert_eq!(parse(&[]), Command::Plugin);
        assert_eq!(parse(&["-debug"]), Command::Debug);
        assert_eq!(parse(&["--version"]), Command::Version);
        assert_eq!(parse(&["-h"]), Command::Help);
        assert_eq!(parse(&["serve"]), Command::Unknown("serve".into()));
    }
}
