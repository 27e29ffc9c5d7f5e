//! Plays recordings of genuine clusters against the emulator and says where the answers differ.
//!
//! Every request is sent to the emulator as a client's would, over TLS with bytes as they were recorded. Only what no
//! client can do (time, power, guests, reading files) bypasses the API. It never sleeps: waiting means advancing the
//! emulator's clock. `recordings/FORMAT.md` is the definition of the format and of what counts as equal.

mod case;
mod client;
mod command;
mod compare;
mod control;
mod files;
mod master;
mod play;
mod pointer;
mod received;
mod report;
mod request;
mod seed;
mod text;

pub use case::{Action, Case, CaseError, Exchange, Header, Step};
pub use play::{Outcome, PlayError, Played, Verdict, play};
pub use report::{Tally, print};

/// The recordings in a folder, sorted by name.
///
/// # Errors
/// When the folder can't be read.
pub fn recordings(folder: &std::path::Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let paths: std::io::Result<Vec<_>> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    Ok(paths)
}
