//! The binary of one platform, the same bytes from any folder.
//!
//! What a compiler writes into a binary about the machine are paths: of the checkout, of cargo's registry, of the target folder
//! and of the standard library's source. Each is replaced by a name that is the same everywhere, in Rust and in C.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::targets::{Linker, Target};
use super::{Failure, tools};
use crate::Workspace;

/// Where a build happens.
#[derive(Debug, Clone)]
pub struct Place {
    pub checkout: PathBuf,
    /// Cargo's own folder.
    pub cargo_home: PathBuf,
    /// What is built.
    pub target: PathBuf,
}

impl Place {
    /// The checkout with what the environment says of cargo's folders.
    ///
    /// # Errors
    /// There is no home directory.
    pub fn of(workspace: &Workspace) -> Result<Self, Failure> {
        let named = |name: &str| env::var_os(name).map(PathBuf::from);
        let home = || named("HOME").or_else(|| named("USERPROFILE")).map(|home| home.join(".cargo"));
        Ok(Self {
            checkout: workspace.root().to_owned(),
            cargo_home: named("CARGO_HOME").or_else(home).ok_or("there is no home directory")?,
            target: workspace.target(),
        })
    }

    /// Its folders, and what they are called in a binary.
    fn names(&self) -> [(&Path, &'static str); 3] {
        [(&self.checkout, "/build"), (&self.cargo_home, "/cargo"), (&self.target, "/target")]
    }

    /// Where the sources of the crates are: a folder for each registry, whose name differs from machine to machine.
    fn registries(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(self.cargo_home.join("registry/src")).into_iter().flatten();
        folders.filter_map(|folder| Some(folder.ok()?.path())).collect()
    }
}

/// Builds the program for `target` in `place`, from the time `epoch`: its path.
///
/// # Errors
/// A tool is missing, or the build failed.
pub fn build(workspace: &Workspace, target: Target, place: &Place, epoch: i64) -> Result<PathBuf, Failure> {
    let command = match target.linker {
        Linker::Zig => "zigbuild",
        Linker::Vendor => "build",
    };
    // The folders of the crates have to be there before they get other names.
    let fetch = ["fetch", "--locked", "--target", target.triple];
    let fetched =
        Command::new("cargo").args(fetch).current_dir(&place.checkout).env("CARGO_HOME", &place.cargo_home).status()?;
    if !fetched.success() {
        return Err(format!("`cargo fetch` for {target}: {fetched}").into());
    }
    let mut cargo = Command::new("cargo");
    cargo
        .args([command, "--release", "--locked", "--package", "terraform-provider-pve", "--target", target.triple])
        .current_dir(&place.checkout)
        .env("CARGO_HOME", &place.cargo_home)
        .env("CARGO_TARGET_DIR", &place.target)
        .env("CARGO_ENCODED_RUSTFLAGS", rust_flags(place)?.join("\u{1f}"))
        .env("CFLAGS", c_flags(target, place))
        .env("CARGO_INCREMENTAL", "0")
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .env("PATH", tools::path(workspace)?)
        .env_remove("RUSTFLAGS");
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!(
            "`cargo {command}` for {target}: {status}; `cargo xtask dist --install-tools` installs what it needs"
        )
        .into());
    }
    Ok(place.target.join(target.triple).join("release").join(target.built()))
}

fn rust_flags(place: &Place) -> Result<Vec<String>, Failure> {
    let mut flags: Vec<String> =
        place.names().iter().map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display())).collect();
    // The last one that fits counts. Each source that may panic is named, so that short names make the program smaller.
    flags.extend(place.registries().iter().map(|folder| format!("--remap-path-prefix={}=/cargo", folder.display())));
    // Where the standard library's source is installed, rustc names it instead of the place it was built in.
    let (sysroot, version) = (rustc(&["--print", "sysroot"])?, rustc(&["--version", "--verbose"])?);
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or_default();
    flags.push(format!("--remap-path-prefix={}/lib/rustlib/src/rust=/rustc/{commit}", sysroot.trim()));
    Ok(flags)
}

fn c_flags(target: Target, place: &Place) -> String {
    let mut flags =
        place.names().map(|(folder, name)| format!("-ffile-prefix-map={}={name}", folder.display())).to_vec();
    // No panic passes through C, which calls nothing of ours. Windows and macOS require the tables of every function.
    if ["linux", "freebsd"].contains(&target.os) {
        flags.extend(["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"].map(str::to_owned));
    }
    flags.join(" ")
}

fn rustc(arguments: &[&str]) -> Result<String, Failure> {
    let program = env::var_os("RUSTC");
    let output = Command::new(program.as_deref().unwrap_or(OsStr::new("rustc"))).args(arguments).output()?;
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_registry_has_no_name_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        let registry = home.path().join("registry/src/index.example.com-0123456789abcdef");
        std::fs::create_dir_all(&registry).unwrap();
        let place = Place { checkout: "/a".into(), cargo_home: home.path().into(), target: "/a/target".into() };
        let flags = rust_flags(&place).unwrap();
        let at = |flag: String| flags.iter().position(|it| *it == flag).unwrap();
        let whole = at(format!("--remap-path-prefix={}=/cargo", home.path().display()));
        assert!(whole < at(format!("--remap-path-prefix={}=/cargo", registry.display())));
    }

    #[test]
    fn a_folder_inside_of_another_is_named_last_and_so_counts() {
        let place = Place { checkout: "/a".into(), cargo_home: "/home/me/.cargo".into(), target: "/a/target".into() };
        let flags = rust_flags(&place).unwrap();
        let named = ["/a=/build", "/home/me/.cargo=/cargo", "/a/target=/target"];
        assert_eq!(flags[..3], named.map(|names| format!("--remap-path-prefix={names}")));
        assert!(flags[3].contains("/lib/rustlib/src/rust=/rustc/") && !flags[3].ends_with('/'), "{}", flags[3]);
        let windows = Target::named("windows_amd64").unwrap();
        assert!(c_flags(windows, &place).ends_with("-ffile-prefix-map=/a/target=/target"));
    }
}
