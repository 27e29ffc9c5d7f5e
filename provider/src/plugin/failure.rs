//! A start that fails, and where its reason is seen.
//!
//! Core takes the first line of stdout for the handshake. It shows a line that is no handshake in its error, behind "Unrecognized
//! remote plugin message:"; without one it guesses that the plugin was not compiled for this machine. Text on stderr is
//! written to core's debug log only.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// Writes the reason for people to stderr, and for core as the one line on stdout.
pub(super) fn report_to_core(reason: &str) -> ExitCode {
    let mut stdout = io::stdout();
    if !stdout.is_terminal() {
        // A core that doesn't read any more is not there any more.
        let _ = writeln!(stdout, "{}", line(reason)).and_then(|()| stdout.flush());
    }
    report_to_person(reason)
}

/// Writes the reason to stderr.
pub(super) fn report_to_person(reason: &str) -> ExitCode {
    // If stderr is closed, there is nowhere left to write to.
    let _ = writeln!(io::stderr(), "{reason}");
    ExitCode::FAILURE
}

/// One line that is not taken for a handshake, whose fields end with bars.
fn line(reason: &str) -> String {
    reason.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_and_no_handshake() {
        assert_eq!(line("a:\n  b | 1|5|unix\n"), "a: b / 1/5/unix");
    }
}
