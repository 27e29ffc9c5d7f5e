//! The plugin starts: each time, whatever else the machine does, and where it can't, the CLI shows why.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use acceptance_tests::cluster::Cluster;
use acceptance_tests::{Workspace, cli, promise};
use pve_emulator::Options;
use rcgen::{CertificateParams, KeyPair};

const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// A start up to the handshake, as core makes it.
fn start(program: &Path, certificate: &str) -> Result<(), String> {
    let mut command = Command::new(program);
    command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "5,6").env("PLUGIN_CLIENT_CERT", certificate);
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let mut line = String::new();
    let read = BufReader::new(process.stdout.take().unwrap()).read_line(&mut line);
    let connected = line.split('|').nth(3).map(std::os::unix::net::UnixStream::connect);
    let _ = process.kill();
    let _ = process.wait();
    if let Some(folder) = line.split('|').nth(3).and_then(|socket| Path::new(socket).parent()) {
        let _ = fs::remove_dir_all(folder);
    }
    match (read, connected) {
        (Ok(_), Some(Ok(_))) if line.starts_with("1|5|unix|") && line.split('|').count() == 6 => Ok(()),
        (read, connected) => Err(format!("{line:?} {read:?} {connected:?}")),
    }
}

/// Beside a compiler, which takes every processor there is.
#[test]
fn no_start_fails() {
    let program = cli::program("terraform-provider-pve");
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    let turns = promise::turns(60, 5000);
    let (left, busy) = (AtomicU64::new(turns), AtomicBool::new(true));
    let processors = thread::available_parallelism().unwrap().get();
    let failures: Vec<String> = thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                while busy.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        // Core starts one plugin for each provider block at the same time.
        let starters: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut failures = Vec::new();
                    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                        failures.extend(start(&program, &certificate).err());
                    }
                    failures
                })
            })
            .collect();
        let failures = starters.into_iter().flat_map(|starter| starter.join().unwrap()).collect();
        busy.store(false, Ordering::Relaxed);
        failures
    });
    let _ = writeln!(std::io::stderr(), "{turns} starts: {} failures", failures.len());
    assert!(failures.is_empty(), "{failures:#?}");
}

/// The CLI shows the reason of a start that fails, and a missing temporary folder is not such a reason.
#[test]
fn the_cli_shows_why_the_plugin_does_not_start() {
    let name = "starts::the_cli_shows_why_the_plugin_does_not_start";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure("data \"pve_version\" \"a\" {}\n");
    let validate = || {
        let mut command = w.command(&["validate", "-no-color"]);
        command.env("TMPDIR", "/nonexistent");
        command
    };
    let output = validate().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // A full disk, for the plugin alone: the CLI doesn't use the C library's functions.
    let source = w.path("full.c");
    let library = w.path("full.so");
    fs::write(
        &source,
        "#include <errno.h>\nint mkdir(const char *path, unsigned mode) { errno = ENOSPC; return -1; }\n",
    )
    .unwrap();
    assert!(Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status().unwrap().success());
    let output = validate().env("LD_PRELOAD", &library).output().unwrap();
    let reported = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!output.status.success());
    let reported = reported.replace("\u{2502} ", "");
    assert!(
        reported.contains("Unrecognized remote plugin message: The provider could not start: cannot listen:"),
        "{reported}"
    );
    assert!(reported.contains("No space left on device") && reported.contains("Set TMPDIR"), "{reported}");
}
