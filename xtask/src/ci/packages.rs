//! The Debian packages that tests need beside cargo: a real SSH server, its keys and agent, and sudo.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;

/// A program and the package that has it.
const NEEDED: &[(&str, &str)] = &[
    ("/usr/sbin/sshd", "openssh-server"),
    ("/usr/bin/ssh-agent", "openssh-client"),
    ("/usr/bin/ssh-keygen", "openssh-client"),
    ("/usr/bin/sudo", "sudo"),
];

/// Installs what is missing; nothing where all is there.
///
/// # Errors
/// apt-get is not there, or refuses.
pub fn install_missing() -> Outcome {
    let missing = missing(|program| Path::new(program).exists());
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    apt_get(&["update", "-qq"])?;
    apt_get(&[&["install", "-y", "-qq", "--no-install-recommends"], missing.as_slice()].concat())
}

fn missing(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut packages: Vec<_> =
        NEEDED.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

fn apt_get(arguments: &[&str]) -> Outcome {
    let id = Command::new("id").arg("-u").output()?;
    let is_root = id.stdout.trim_ascii() == b"0";
    let (program, first): (_, &[&str]) = if is_root { ("apt-get", &[]) } else { ("sudo", &["apt-get"]) };
    let mut command = Command::new(program);
    command.args(first).args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("`apt-get {}`: {status}", arguments.join(" ")).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_missing_package_once() {
        assert_eq!(missing(|_| true), Vec::<&str>::new());
        assert_eq!(missing(|_| false), ["openssh-server", "openssh-client", "sudo"]);
        assert_eq!(missing(|program| program != "/usr/bin/sudo"), ["sudo"]);
    }
}
