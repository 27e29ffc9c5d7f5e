//! `terraform-provider-pve import-config`: a cluster as configuration that imports it.
//!
//! Run by a person, not by core. It reads, and writes files that don't exist yet; it changes nothing in the cluster, and no
//! secret ever gets into a file.

mod blocks;
mod command_line;
mod files;
mod hcl;
mod labels;
mod provider_block;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use blocks::Written;
use command_line::{Command, HELP};
use provider_block::Node;

use crate::framework::{Diagnostics, Listed, Provider, Severity};

pub const NAME: &str = "import-config";

/// The exit code of a command line that can't be understood.
const USAGE: u8 = 2;

/// Does what the arguments after `import-config` ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>, provider: impl FnOnce() -> Provider) -> ExitCode {
    let (folder, nodes) = match Command::parse(arguments) {
        Command::Help => return said(&mut io::stdout(), HELP, ExitCode::SUCCESS),
        Command::Wrong(problem) => {
            return said(&mut io::stderr(), &format!("{problem}\n\n{HELP}"), ExitCode::from(USAGE));
        }
        Command::Write { folder, nodes } => (folder, nodes),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("The command could not start: {error}")),
    };
    let provider = provider();
    let (written, diagnostics) = runtime.block_on(read(&provider, &nodes));
    if !diagnostics.is_empty() {
        said(&mut io::stderr(), &shown(&diagnostics), ExitCode::SUCCESS);
    }
    let Some(mut written) = written else {
        return failed(
            "Nothing was written, because the export would be incomplete. For a node that is not reachable over SSH at \
             its address in the cluster, use --ssh-node NAME=ADDRESS[:PORT].",
        );
    };
    if written.files.is_empty() {
        return said(&mut io::stdout(), "There is nothing to import; nothing was written.", ExitCode::SUCCESS);
    }
    written.files.insert("provider.tf".to_owned(), provider_block::file(&nodes));
    match files::create(&folder, &written.files) {
        Ok(()) => said(&mut io::stdout(), &summary(&folder, &written), ExitCode::SUCCESS),
        Err(error) => failed(&error.to_string()),
    }
}

/// Everything that is to be written, unless something went wrong, and what there is to say.
async fn read(provider: &Provider, nodes: &[Node]) -> (Option<Written>, Diagnostics) {
    let block = provider_block::value(provider.schema(), nodes);
    let mut diagnostics = provider.validate(&block);
    if !diagnostics.has_error() {
        diagnostics.extend(provider.configure(&block).await);
    }
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

/// Messages for people, as the CLI shows them.
fn shown(diagnostics: &Diagnostics) -> String {
    let shown = diagnostics.iter().map(|diagnostic| {
        let severity = if diagnostic.severity == Severity::Error { "Error" } else { "Warning" };
        format!("{severity}: {}\n\n{}\n", diagnostic.summary, diagnostic.detail)
    });
    shown.collect::<Vec<_>>().join("\n")
}

fn failed(text: &str) -> ExitCode {
    said(&mut io::stderr(), &format!("Error: {text}"), ExitCode::FAILURE)
}

fn said(to: &mut dyn io::Write, text: &str, code: ExitCode) -> ExitCode {
    match writeln!(to, "{text}") {
        Ok(()) => code,
        Err(error) => {
            // If that is stderr, too, there is nowhere left to write to.
            let _ = writeln!(io::stderr(), "Error: the standard output can't be written: {error}");
            ExitCode::FAILURE
        }
    }
}
