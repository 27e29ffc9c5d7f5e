//! What the commands for people share: their output, where nodes are, the configured provider.
//!
//! Results are written to stdout, everything else to stderr. Core never gets here.

mod node;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::framework::{Diagnostic, Diagnostics, Provider, Severity};

pub use node::{Node, SSH_NODE, block, nodes, ssh_node};

/// Writes `text` and a line feed, and ends with `code` if that can be written.
pub fn say(to: &mut dyn Write, text: &str, code: ExitCode) -> ExitCode {
    match writeln!(to, "{text}") {
        Ok(()) => code,
        // The reader has all it asked for, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Err(error) => {
            // If that is stderr, too, there is nowhere left to write to.
            let _ = writeln!(io::stderr(), "Error: the standard output can't be written: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Messages for people, as the CLI shows them.
pub fn shown<'d>(diagnostics: impl IntoIterator<Item = &'d Diagnostic>) -> String {
    let shown = diagnostics.into_iter().map(|diagnostic| {
        let severity = match diagnostic.severity {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
        };
        format!("{severity}: {}\n\n{}\n", diagnostic.summary, diagnostic.detail)
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// Makes `provider` ready: all but the nodes comes from the environment. The cluster may be unreachable still.
pub async fn configure(provider: &Provider, nodes: &[Node]) -> Diagnostics {
    let block = block(provider.schema(), nodes);
    let mut diagnostics = provider.validate(&block);
    if !diagnostics.has_error() {
        diagnostics.extend(provider.configure(&block).await);
    }
    diagnostics
}
