//! `terraform-provider-pve import-config`: a cluster as configuration that imports it.
//!
//! Run by a person, not by core. It reads, and writes files that don't exist yet; it changes nothing in the cluster, and no
//! secret ever gets into a file.

mod blocks;
mod files;
mod hcl;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod hostile;
mod labels;
mod provider_block;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use blocks::Written;
use clap::{Arg, ArgMatches, Command, value_parser};

use crate::framework::{Diagnostics, Listed, Provider};
use crate::terminal::{self, Node, say, shown, ssh_node};

pub const NAME: &str = "import-config";

/// Its arguments.
pub fn command() -> Command {
    Command::new(NAME)
        .about("Writes the configuration of an existing cluster, which imports it")
        .long_about(LONG)
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .default_value(".")
                .help("The directory to write to, created if it does not exist"),
        )
        .arg(ssh_node())
        .after_long_help(ENDS)
}

const LONG: &str = "\
Reads a Proxmox VE cluster and writes configuration for everything this provider manages: `import` blocks, the \
resources as they are, and a provider block without credentials. A plan of that configuration imports every object and \
changes nothing.

The endpoint and the credentials come from the environment, as for the provider block: PROXMOX_VE_ENDPOINT, \
PROXMOX_VE_API_TOKEN and so on. With PROXMOX_VE_SSH_* the command also reads settings that only the nodes have: fence \
devices, QDevice, maintenance, watchdogs.";

const ENDS: &str = "\
Existing files are never overwritten. Secrets are never written: they become sensitive variables. The exit code is 0 \
when the files are written or there is nothing to import, 1 after an error, and 2 for an invalid command line.";

/// Does what the arguments ask for.
pub fn run(arguments: &ArgMatches, provider: &Provider) -> ExitCode {
    let folder: PathBuf = arguments.get_one("out").cloned().unwrap_or_default();
    let nodes = terminal::nodes(arguments);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("The command could not start: {error}")),
    };
    let (written, diagnostics) = runtime.block_on(read(provider, &nodes));
    if !diagnostics.is_empty() {
        say(&mut io::stderr(), &shown(diagnostics.iter()), ExitCode::SUCCESS);
    }
    let Some(mut written) = written else {
        return failed(
            "Nothing was written, because the export would be incomplete. For a node that is not reachable over SSH at \
             its address in the cluster, use --ssh-node NAME=ADDRESS[:PORT].",
        );
    };
    if written.files.is_empty() {
        return say(&mut io::stdout(), "There is nothing to import; nothing was written.", ExitCode::SUCCESS);
    }
    written.files.insert("provider.tf".to_owned(), provider_block::file(&nodes));
    match files::create(&folder, &written.files) {
        Ok(()) => say(&mut io::stdout(), &summary(&folder, &written), ExitCode::SUCCESS),
        Err(error) => failed(&error.to_string()),
    }
}

/// Everything that is to be written, unless something went wrong, and what there is to say.
async fn read(provider: &Provider, nodes: &[Node]) -> (Option<Written>, Diagnostics) {
    let mut diagnostics = terminal::configure(provider, nodes).await;
    diagnostics.extend(provider.unreachable().unwrap_or_default());
    if diagnostics.has_error() {
        return (None, diagnostics);
    }
    let mut cluster: BTreeMap<&str, Vec<Listed>> = BTreeMap::new();
    for (name, _) in provider.resources().filter(|(_, resource)| resource.is_exported()) {
        let Ok(resource) = provider.resource(name) else { continue };
        let listing = resource.list_all().await;
        diagnostics.extend(listing.diagnostics);
        cluster.insert(name, listing.objects);
    }
    // Half a cluster would look like all of it.
    if diagnostics.has_error() {
        return (None, diagnostics);
    }
    let mut written = blocks::write(provider, cluster);
    diagnostics.extend(std::mem::take(&mut written.diagnostics));
    (Some(written), diagnostics)
}

fn summary(folder: &std::path::Path, written: &Written) -> String {
    let mut text = format!("Written to {}:", folder.display());
    for name in written.files.keys() {
        let _ = write!(text, "\n  {name}");
    }
    let counts: Vec<String> = written.counts.iter().map(|(title, count)| format!("{count} x {title}")).collect();
    let _ = write!(text, "\n\nImported by the next apply: {}.", counts.join(", "));
    if written.secrets > 0 {
        let _ = write!(
            text,
            "\nThe files contain no secrets. Set a value for each variable in variables.tf (count: {}).",
            written.secrets
        );
    }
    text.push_str(
        "\nRun init and plan there: the plan must show imports only. Remove the import blocks after the apply.",
    );
    text
}

fn failed(text: &str) -> ExitCode {
    say(&mut io::stderr(), &format!("Error: {text}"), ExitCode::FAILURE)
}

#[cfg(test)]
mod arguments {
    use super::*;

    fn parse(arguments: &[&str]) -> Option<(PathBuf, usize)> {
        let matches = command().try_get_matches_from([&[NAME], arguments].concat()).ok()?;
        Some((matches.get_one("out").cloned()?, terminal::nodes(&matches).len()))
    }

    #[test]
    fn folder_and_nodes_may_be_named_and_nothing_else() {
        let read = |folder: &str, nodes| Some((PathBuf::from(folder), nodes));
        assert_eq!(parse(&[]), read(".", 0));
        assert_eq!(parse(&["--out", "a b"]), read("a b", 0));
        assert_eq!(parse(&["--out=x=y"]), read("x=y", 0));
        assert_eq!(parse(&["--ssh-node", "a=1.2.3.4", "--ssh-node=b=h:22"]), read(".", 2));
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
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
