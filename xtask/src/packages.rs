//! The Debian packages that tests need beside cargo, and their installation.

use std::path::Path;
use std::process::{Command, Stdio};

pub use acceptance_tests::needed::OPENSSH;

use crate::Outcome;

/// The browser that the report page is looked at with.
pub const BROWSER: &[(&str, &str)] = &[("/usr/bin/chromium", "chromium")];

/// What signs a release.
pub const GPG: &[(&str, &str)] = &[("/usr/bin/gpg", "gpg"), ("/usr/bin/gpg-agent", "gpg-agent")];

/// Says what is missing and installs it; nothing where all is there.
///
/// # Errors
/// apt-get is not there, or refuses.
pub fn install_missing(needed: &[(&str, &'static str)]) -> Outcome {
    let missing = missing(needed, |program| Path::new(program).exists());
    if missing.is_empty() {
        return Ok(());
    }
    println!("missing for the tests: {}; they are installed with apt-get", missing.join(", "));
    apt_get(&["update", "-qq"])?;
    apt_get(&[&["install", "-y", "-qq", "--no-install-recommends"], missing.as_slice()].concat())
}

fn missing(needed: &[(&str, &'static str)], is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut packages: Vec<_> =
        needed.iter().filter(|(program, _)| !is_there(program)).map(|(_, package)| *package).collect();
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
        assert_eq!(missing(OPENSSH, |_| true), Vec::<&str>::new());
        assert_eq!(missing(OPENSSH, |_| false), ["openssh-server", "openssh-client", "sudo"]);
        assert_eq!(missing(OPENSSH, |program| program != "/usr/bin/sudo"), ["sudo"]);
    }
}
