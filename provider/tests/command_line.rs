//! The commands for people, as far as they need no cluster.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use std::process::Command;

/// Exit code, stdout, stderr.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_terraform-provider-pve")).args(arguments).env_clear().output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_is_a_result_and_a_wrong_command_line_is_not() {
    for help in [&["do", "--help"][..], &["do", "notify", "--help"], &["do", "notify", "test", "-h"]] {
        let (code, stdout, stderr) = run(help);
        assert_eq!((code, stderr.as_str()), (0, ""), "{help:?}");
        assert!(stdout.contains("Usage: terraform-provider-pve do"), "{stdout}");
    }
    for (wrong, problem) in [
        (&["do"][..], "Usage: terraform-provider-pve do <COMMAND>"),
        (&["do", "notify"], "Usage: terraform-provider-pve do notify <COMMAND>"),
        (&["do", "notify", "tset"], "a similar subcommand exists: 'test'"),
        (&["do", "notify", "test"], "<TARGET>"),
        (&["do", "notify", "test", "a", "b"], "unexpected argument 'b'"),
        (&["do", "notify", "test", "mail", "--ssh-node", "pve1"], "it has to be NAME=ADDRESS or NAME=ADDRESS:PORT"),
        (&["completions", "dosh"], "invalid value 'dosh'"),
    ] {
        let (code, stdout, stderr) = run(wrong);
        assert_eq!((code, stdout.as_str()), (2, ""), "{wrong:?}");
        assert!(stderr.contains(problem), "{wrong:?}: {stderr}");
    }
}

/// The constraints of the schema, before anything is sent: there is not even a cluster.
#[test]
fn invalid_arguments_are_named_as_they_are_typed() {
    let (code, stdout, stderr) = run(&["do", "notify", "test", "m", "--timeout", "soon"]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with("Error: Invalid value for TARGET\n\nTARGET = \"m\": must be"), "{stderr}");
    assert!(stderr.contains("Error: Invalid value for --timeout\n\n--timeout = \"soon\": must be"), "{stderr}");
    let (code, stdout, stderr) = run(&["do", "notify", "test", "m", "--json"]);
    assert_eq!((code, stderr.as_str()), (2, ""));
    let lines: Vec<serde_json::Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines[1]["type"].as_str(), lines[1]["argument"].as_str()), (Some("diagnostic"), Some("TARGET")));
    assert_eq!((lines[2]["result"].as_str(), lines[2]["exit_code"].as_i64()), (Some("invalid"), Some(2)));
}

/// Of `report`, 2 is an answer.
#[test]
fn an_invalid_command_line_of_report_has_a_code_of_its_own() {
    let (code, stdout, stderr) = run(&["report", "--help"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("Exit codes:") && stdout.contains("  64   an invalid command line"), "{stdout}");
    for wrong in [&["report", "--format", "pdf"][..], &["report", "x"], &["report", "--plan", "x", "--format", "html"]]
    {
        let (code, stdout, stderr) = run(wrong);
        assert!(code == 64 && stdout.is_empty() && !stderr.is_empty(), "{wrong:?}: {code} {stderr}");
    }
    let (code, stdout, stderr) = run(&["report"]);
    assert_eq!(code, 2);
    assert!(stdout.contains("# cluster: undecided") && stderr.contains("Error: Missing endpoint"), "{stdout}{stderr}");
}

#[test]
fn completions_have_every_command() {
    // The options in the script for fish are those of the second level of commands.
    for (shell, option) in [("bash", "--dry-run"), ("zsh", "--dry-run"), ("fish", "ssh-node")] {
        let (code, stdout, stderr) = run(&["completions", shell]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{shell}");
        for word in ["import-config", "report", "notify", "test", option] {
            assert!(stdout.contains(word), "{shell}: {word}");
        }
    }
}
