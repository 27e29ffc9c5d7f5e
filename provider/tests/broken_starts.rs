//! Every way in which the provider's process can fail to start: the reason is the one line on stdout, which core shows.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_terraform-provider-pve");

const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// The provider as core starts it.
fn plugin() -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "6,5").stdin(Stdio::null());
    command
}

/// Functions of the C library that fail: `mkdir` without space, `getrandom` without entropy.
fn broken(function: &str, folder: &Path) -> PathBuf {
    let source = match function {
        "mkdir" => "#include <errno.h>\nint mkdir(const char *path, unsigned mode) { errno = ENOSPC; return -1; }\n",
        _ => {
            "#include <errno.h>\n#include <stddef.h>\n\
             long getrandom(void *buffer, size_t length, unsigned flags) { errno = EIO; return -1; }\n"
        }
    };
    let (c, library) = (folder.join("broken.c"), folder.join("broken.so"));
    fs::write(&c, source).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&c).status().unwrap();
    assert!(built.success());
    library
}

/// The reason, which is the same for core and for a person.
#[track_caller]
fn reason(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    assert_eq!(stdout.matches('\n').count(), 1, "one line: {stdout:?}");
    // With four fields it would be a handshake.
    assert!(stdout.matches('|').count() < 3, "{stdout}");
    assert_eq!(stdout.trim_end(), stderr.split_whitespace().collect::<Vec<_>>().join(" "));
    stdout
}

#[test]
fn a_temporary_folder_that_is_not_there_is_replaced_by_another() {
    let temporary = TempDir::new().unwrap();
    for variable in ["XDG_RUNTIME_DIR", "PLUGIN_UNIX_SOCKET_DIR"] {
        let mut command = plugin();
        command.env("TMPDIR", "/nonexistent").env(variable, temporary.path()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        let socket = line.split('|').nth(3).unwrap();
        assert!(Path::new(socket).starts_with(temporary.path()), "{variable}: {line}");
    }
}

#[test]
fn a_full_disk_is_the_reason() {
    let temporary = TempDir::new().unwrap();
    let library = broken("mkdir", temporary.path());
    let output = plugin().env("LD_PRELOAD", library).env("TMPDIR", "/nonexistent").output().unwrap();
    let reason = reason(&output);
    assert!(reason.starts_with("The provider could not start: cannot listen: the socket"), "{reason}");
    assert!(reason.contains("/tmp: No space left on device"), "{reason}");
    assert!(reason.contains("Set TMPDIR"), "{reason}");
}

#[test]
fn missing_entropy_is_the_reason() {
    let temporary = TempDir::new().unwrap();
    let library = broken("getrandom", temporary.path());
    let reason = reason(&plugin().env("LD_PRELOAD", library).output().unwrap());
    assert!(reason.starts_with("The provider could not start: the system has no random numbers: "), "{reason}");
}

#[test]
fn missing_file_descriptors_are_the_reason() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 4; exec \"$0\"", PROGRAM]);
    command.env_clear().env(COOKIE.0, COOKIE.1).stdin(Stdio::null());
    let reason = reason(&command.output().unwrap());
    assert!(reason.contains("wait for events: Too many open files"), "{reason}");
}

#[test]
fn an_environment_that_is_not_cores_is_the_reason() {
    for (variable, value, expected) in [
        (COOKIE.0, "other", "plugin that terraform or tofu starts"),
        (COOKIE.0, "", "plugin that terraform or tofu starts"),
        ("PLUGIN_PROTOCOL_VERSIONS", "6", "offers the plugin protocol versions 6; this provider speaks version 5"),
        ("PLUGIN_PROTOCOL_VERSIONS", "1|2|3|4", "offers the plugin protocol versions 1/2/3/4;"),
        ("PLUGIN_CLIENT_CERT", "junk", "PLUGIN_CLIENT_CERT is not a PEM certificate"),
        ("PLUGIN_MIN_PORT", "many", "PLUGIN_MIN_PORT and PLUGIN_MAX_PORT are not a range of ports"),
    ] {
        let output = plugin().env(variable, value).output().unwrap();
        if value.contains('|') {
            assert!(String::from_utf8(output.stdout).unwrap().contains(expected), "{variable}={value}");
            continue;
        }
        let reason = reason(&output);
        assert!(reason.contains(expected), "{variable}={value}: {reason}");
    }
}

const COMMANDS: [&[&str]; 7] = [
    &["--version"],
    &["--help"],
    &["import-config", "--help"],
    &["do", "--help"],
    &["completions", "bash"],
    &["--debug"],
    &[],
];

/// Where stdout itself can't be written, stderr says so.
#[test]
fn nothing_ends_without_a_word() {
    for arguments in COMMANDS {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = plugin().args(arguments).stdout(full).output().unwrap();
        let reported = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {reported}");
        assert!(reported.contains("written: No space left on device"), "{arguments:?}: {reported}");
    }
}
