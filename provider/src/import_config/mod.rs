//! `terraform-provider-pve import-config`: a cluster as configuration that imports it.
//!
//! Run by a person, not by core. It reads, and writes files that don't exist yet; it changes nothing in the cluster, and no
//! secret ever gets into a file.

mod blocks;
mod files;
mod hcl;
mod labels;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use blocks::Written;
use hcl::Item;

use crate::config;
use crate::framework::{Diagnostics, Listed, Provider, Severity, Value};

/// The command's name.
pub const NAME: &str = "import-config";

const HELP: &str = "\
Usage: terraform-provider-pve import-config [--out DIR]

Reads a Proxmox VE cluster and writes configuration for everything this provider manages:
`import` blocks, the resources as they are, and a provider block without credentials. The plan
of what is written imports all of it and changes nothing.

The cluster is found as the provider finds it, in the environment: PROXMOX_VE_ENDPOINT,
PROXMOX_VE_API_TOKEN and so on; see the documentation of the provider block.

Options:
  --out DIR   write into this folder, which is made if it doesn't exist; without it, the current one
  --help, -h  print this text

Files that exist are never overwritten. Secrets are never written: they become sensitive
variables. The exit code is 0 when the files are written or there is nothing to import, 1 when
something went wrong, and 2 when the command line can't be understood.";

/// The exit code of a command line that can't be understood.
const USAGE: u8 = 2;

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    Write(PathBuf),
    Wrong(String),
}

/// Does what the arguments after `import-config` ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>, provider: impl FnOnce() -> Provider) -> ExitCode {
    let folder = match Command::parse(arguments) {
        Command::Help => return said(&mut io::stdout(), HELP, ExitCode::SUCCESS),
        Command::Wrong(problem) => {
            return said(&mut io::stderr(), &format!("{problem}\n\n{HELP}"), ExitCode::from(USAGE));
        }
        Command::Write(folder) => folder,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("The command could not start: {error}")),
    };
    let provider = provider();
    let (written, diagnostics) = runtime.block_on(read(&provider));
    if !diagnostics.is_empty() {
        said(&mut io::stderr(), &shown(&diagnostics), ExitCode::SUCCESS);
    }
    let Some(mut written) = written else { return ExitCode::FAILURE };
    if written.files.is_empty() {
        return said(&mut io::stdout(), "There is nothing to import; nothing was written.", ExitCode::SUCCESS);
    }
    written.files.insert("provider.tf".to_owned(), hcl::file(&provider_file()));
    match files::create(&folder, &written.files) {
        Ok(()) => said(&mut io::stdout(), &summary(&folder, &written), ExitCode::SUCCESS),
        Err(error) => failed(&error.to_string()),
    }
}

impl Command {
    fn parse(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let mut folder = None;
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let text = argument.to_string_lossy().into_owned();
            let given = match text.as_str() {
                "--help" | "-help" | "-h" => return Self::Help,
                "--out" | "-out" => arguments.next(),
                _ => text.strip_prefix("--out=").or_else(|| text.strip_prefix("-out=")).map(OsString::from),
            };
            match given.filter(|given| !given.is_empty()) {
                Some(given) if folder.is_none() => folder = Some(PathBuf::from(given)),
                Some(_) => return Self::Wrong("--out is given twice.".to_owned()),
                None if text.contains("-out") => return Self::Wrong("--out needs a folder.".to_owned()),
                None => return Self::Wrong(format!("Unknown argument {text:?}.")),
            }
        }
        Self::Write(folder.unwrap_or_else(|| PathBuf::from(".")))
    }
}

/// Everything that is to be written, unless something went wrong, and what there is to say.
async fn read(provider: &Provider) -> (Option<Written>, Diagnostics) {
    let block = Value::object::<String>([]);
    let mut diagnostics = provider.validate(&block);
    if !diagnostics.has_error() {
        diagnostics.extend(provider.configure(&block).await);
    }
    if diagnostics.has_error() {
        return (None, diagnostics);
    }
    let mut cluster: BTreeMap<&str, Vec<Listed>> = BTreeMap::new();
    for (name, _) in provider.resources().filter(|(_, resource)| resource.is_listable()) {
        let listing = provider.list(name).await;
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

fn provider_file() -> Vec<Item> {
    let source = hcl::Expr::Map(vec![("source".to_owned(), hcl::Expr::Scalar(Value::from("pve-ha/pve")))]);
    let required = vec![Item::Attribute("pve".to_owned(), source)];
    // Import blocks came with 1.5.
    let terraform = vec![Item::text("required_version", ">= 1.5"), Item::block("required_providers", &[], required)];
    let endpoint = config::environment_endpoint().map(|endpoint| Item::text("endpoint", &endpoint));
    vec![
        Item::block("terraform", &[], terraform),
        Item::Gap,
        Item::Comment(
            "Credentials, and whom to trust, come from the environment: PROXMOX_VE_API_TOKEN and so on, as they did when this was \
             written."
                .to_owned(),
        ),
        Item::block("provider", &["pve"], endpoint.into_iter().collect()),
    ]
}

fn summary(folder: &std::path::Path, written: &Written) -> String {
    let mut text = format!("Written to {}:", folder.display());
    for name in written.files.keys() {
        let _ = write!(text, "\n  {name}");
    }
    let counts: Vec<String> = written.counts.iter().map(|(title, count)| format!("{count} x {title}")).collect();
    let _ = write!(text, "\n\nImported by the next apply: {}.", counts.join(", "));
    if written.secrets > 0 {
        let _ =
            write!(text, "\nSecrets were left out; give the {} variables of variables.tf a value.", written.secrets);
    }
    text.push_str(
        "\nRun init and plan there: the plan has to show imports only. The import blocks can go after the apply.",
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
    if writeln!(to, "{text}").is_ok() { code } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod command_line {
    use super::*;

    fn parse(arguments: &[&str]) -> Command {
        Command::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn the_folder_may_be_named_and_nothing_else() {
        assert_eq!(parse(&[]), Command::Write(".".into()));
        assert_eq!(parse(&["--out", "a b"]), Command::Write("a b".into()));
        assert_eq!(parse(&["-out=x"]), Command::Write("x".into()));
        assert_eq!(parse(&["--out", "x", "-h"]), Command::Help);
        for wrong in [&["--out"] as &[&str], &["--out="], &["--out", "x", "--out", "y"], &["x"], &["--force"]] {
            assert!(matches!(parse(wrong), Command::Wrong(_)), "{wrong:?}");
        }
    }

    #[test]
    fn the_provider_block_names_no_secret() {
        let text = hcl::file(&provider_file());
        assert!(text.contains("provider \"pve\" {"), "{text}");
        assert!(!text.contains("api_token") && !text.contains("password"), "{text}");
    }
}
