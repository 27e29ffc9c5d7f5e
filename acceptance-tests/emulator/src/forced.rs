//! `pve-emulator shell`: what a real sshd runs as its forced command, so that a client speaks with OpenSSH and finds the
//! emulated cluster behind it.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::Failure;

/// Run the command of `SSH_ORIGINAL_COMMAND` on a node of a running emulator
#[derive(Args)]
pub(crate) struct Shell {
    /// URL of the emulator, such as `https://127.0.0.1:8006`
    #[arg(long, env = "PVE_EMULATOR_ENDPOINT")]
    endpoint: String,
    /// Name of the node
    #[arg(long)]
    node: String,
    /// User who runs the command
    #[arg(long, default_value = "root")]
    user: String,
}

/// Hands the command over and ends as it does.
pub(crate) async fn run(shell: Shell) -> ExitCode {
    match hand_over(&shell).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "pve-emulator: {error}");
            ExitCode::from(255)
        }
    }
}

async fn hand_over(shell: &Shell) -> Result<u8, Failure> {
    let command = std::env::var("SSH_ORIGINAL_COMMAND").unwrap_or_default();
    let mut stdin = Vec::new();
    if pve_emulator::machine::reads_stdin(&command) {
        std::io::stdin().read_to_end(&mut stdin)?;
    }
    let locale = std::env::vars().filter(|(name, _)| name == "LANG" || name.starts_with("LC_"));
    let environment: std::collections::BTreeMap<String, String> = locale.collect();
    let body = json!({
        "node": shell.node, "user": shell.user, "command": command, "environment": environment,
        "stdin": String::from_utf8_lossy(&stdin),
    });
    let answer = crate::ctl::post(&shell.endpoint, "run", &body).await?;
    match answer["end"].as_str() {
        Some("exit") => {}
        Some("hang") => {
            orphaned().await;
            return Err("the connection is gone".into());
        }
        // A node that has lost its power has lost its connections, too.
        _ => return Err(cut().into()),
    }
    let seconds = answer["seconds"].as_f64().unwrap_or(0.0);
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs_f64(seconds.clamp(0.0, 3600.0))) => {}
        () = orphaned() => return Err("the connection is gone".into()),
    }
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    std::io::stdout().write_all(text("stdout").as_bytes())?;
    std::io::stderr().write_all(text("stderr").as_bytes())?;
    Ok(answer["exit"].as_u64().and_then(|code| u8::try_from(code).ok()).unwrap_or(255))
}

/// Waits until the process that started this one has ended: sshd doesn't end a command whose connection is gone.
async fn orphaned() {
    let parent = || stat(&std::process::id().to_string()).map(|(_, parent)| parent);
    let sshd = parent();
    while parent() == sshd {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Breaks the connection: ends the process of sshd that carries it, and this one with it.
fn cut() -> &'static str {
    // Run by hand, the nearest sshd may be that of the operator's own session.
    if std::env::var_os("SSH_CONNECTION").is_none() {
        return "there is no connection to cut";
    }
    let mut process = std::process::id().to_string();
    while let Some((name, parent)) = stat(&process) {
        if name.starts_with("sshd") {
            let _ = std::process::Command::new("kill").args(["-KILL", &process]).status();
            return "the connection is cut";
        }
        process = parent;
    }
    "there is no connection to cut"
}

/// The name and the parent of a process.
fn stat(process: &str) -> Option<(String, String)> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (head, tail) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    Some((name, tail.split_whitespace().nth(1)?.to_owned()))
}
