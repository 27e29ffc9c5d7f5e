//! The CLI as a process that something happens to.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Workspace;

/// Starts the CLI in a process group of its own, as a terminal does.
///
/// # Panics
/// It can't be started.
pub fn start(w: &Workspace, arguments: &[&str]) -> Child {
    start_of(w.command(arguments))
}

/// The same for a command with more, such as variables of its own.
///
/// # Panics
/// It can't be started.
pub fn start_of(mut command: Command) -> Child {
    command.process_group(0).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the CLI can be started")
}

/// Ctrl-C: the signal is sent to the whole group, the provider included.
///
/// # Panics
/// There is no such group any more.
pub fn interrupt(child: &Child) {
    assert!(signal("-INT", &format!("-{}", child.id())));
}

/// Ends the provider processes of a running CLI by SIGKILL, and says how many there were.
pub fn kill_providers(cli: &Child) -> usize {
    providers(cli.id()).into_iter().filter(|pid| signal("-KILL", &pid.to_string())).count()
}

/// Waits for something that is certain to come.
///
/// # Panics
/// It hasn't come for a minute.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(300), "{what}: never");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal, such as `-INT`, to a process, or with a minus to a group of them. Whether it exists.
pub fn signal(signal: &str, to: &str) -> bool {
    let mut kill = Command::new("kill");
    kill.args([signal, "--", to]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The children of the process `parent` that are providers.
fn providers(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        // `PID (NAME) STATE PPID …`; the kernel cuts the name after 15 characters.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, rest) = stat.rsplit_once(')')?;
        let is_child = rest.split_whitespace().nth(1)?.parse() == Ok(parent);
        (is_child && name.ends_with("(terraform-provi")).then_some(pid)
    });
    processes.collect()
}
