//! Whether a build depends on where it happens: the same commit is built here and in a clone elsewhere.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::build::{Place, build};
use super::targets::Target;
use super::{Failure, hashes};
use crate::Workspace;

/// Builds linux_amd64 in this checkout and in a clone of its commit, with another target folder and another home of cargo,
/// and compares their SHA-256.
///
/// # Errors
/// There are changes that are not committed, a build failed, or the sums differ.
pub fn check(workspace: &Workspace, epoch: i64) -> Result<(), Failure> {
    if !git(workspace, &["status", "--porcelain"])?.is_empty() {
        return Err("there are changes that are not committed, which a clone would not have".into());
    }
    let target = Target::named("linux_amd64")?;
    let here = Place::of(workspace)?;
    let elsewhere = tempfile::Builder::new().prefix("pve-clone-").tempdir()?;
    let clone = elsewhere.path().join("another/folder");
    git(workspace, &["clone", "--quiet", ".", &clone.display().to_string()])?;
    let cargo_home = elsewhere.path().join("cargo");
    std::fs::create_dir(&cargo_home)?;
    // Sources are downloaded once; their path is another one all the same.
    symlink(here.cargo_home.join("registry"), cargo_home.join("registry"))?;
    let there = Place { checkout: clone, cargo_home, target: elsewhere.path().join("target") };

    let mut sums = Vec::new();
    for place in [&here, &there] {
        let sum = hashes::sha256(&std::fs::read(build(workspace, target, place, epoch)?)?);
        println!("{sum}  {target}, built in {}", place.checkout.display());
        sums.push(sum);
    }
    if sums[0] == sums[1] { Ok(()) } else { Err("the builds differ".into()) }
}

fn git(workspace: &Workspace, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new("git").args(arguments).current_dir(workspace.root()).output()?;
    if !output.status.success() {
        return Err(format!("`git {}`: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
