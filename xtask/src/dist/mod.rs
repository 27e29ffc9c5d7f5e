//! `cargo xtask dist`: a release in `dist/`, as both registries, mirrors and OCI registries take it.
//!
//! ```text
//! dist/binaries/OS_ARCH/   the programs
//! dist/assets/             what is attached to the release on a forge: packages, sums, signatures, bills of materials, schemas
//! dist/mirror/             a filesystem_mirror; behind a web server a network_mirror
//! dist/oci/                an OCI image layout, for an oci_mirror of OpenTofu 1.10 and later
//! ```

pub mod archive;
pub mod bill;
pub mod build;
pub mod hashes;
pub mod mirror;
pub mod oci;
pub mod package;
pub mod release;
#[cfg(unix)]
pub mod reproducible;
pub mod sign;
pub mod targets;
pub mod tools;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, Workspace};
use package::Package;
use release::Release;
use sign::Signer;
use targets::{TARGETS, Target};

/// The version of this checkout.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why a release could not be made.
pub type Failure = Box<dyn std::error::Error>;

/// Build a release in dist/: packages, sums, signatures, bills of materials (SBOM), schemas, mirror, OCI layout
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Platforms, such as linux_amd64; by default every one that this machine can build, or that --binaries has
    #[arg(long, value_delimiter = ',')]
    target: Vec<String>,
    /// Install what builds need: Rust's libraries for the platforms, Zig, cargo-zigbuild, cargo-cyclonedx
    #[arg(long)]
    install_tools: bool,
    /// Build dist/binaries/ and pack nothing
    #[arg(long)]
    build_only: bool,
    /// Build nothing: pack the binaries of this folder, which is like dist/binaries/
    #[arg(long, conflicts_with_all = ["build_only", "check_reproducible"])]
    binaries: Option<PathBuf>,
    /// Sign the sums with this key of gpg's keyring; by default with the private key in RELEASE_GPG_KEY, if there is one
    #[arg(long)]
    sign: Option<String>,
    /// Build linux_amd64 twice, in two folders, and compare: nothing else
    #[arg(long)]
    check_reproducible: bool,
}

/// Runs the command.
///
/// # Errors
/// A tool is missing, a build failed, a binary is too large, two builds differ, or gpg refuses.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let epoch = epoch(workspace)?;
    let named: Vec<Target> = args.target.iter().map(|name| Target::named(name)).collect::<Result<_, _>>()?;
    let chosen = if named.is_empty() { by_default(args.binaries.as_deref()) } else { named };
    if args.install_tools {
        let builds = if args.binaries.is_some() { &[][..] } else { &chosen };
        tools::install(workspace, builds, !args.build_only && !args.check_reproducible)?;
    }
    if args.check_reproducible {
        return check_reproducible(workspace, epoch);
    }
    let binaries = match &args.binaries {
        Some(folder) => folder.clone(),
        None => build_all(workspace, &chosen, epoch)?,
    };
    if args.build_only {
        return Ok(());
    }
    let signer = Signer::of(args.sign.as_deref())?;
    let release = pack(workspace, &chosen, &binaries, epoch)?;
    let written = release.write(&workspace.path("dist"), signer.as_ref())?;
    for line in release.overview() {
        println!("{line}");
    }
    println!("{}\n{}\n{}", written.assets.display(), written.mirror.display(), written.oci.display());
    if signer.is_none() {
        println!("not signed: no --sign, and {} is not set", sign::KEY);
    }
    Ok(())
}

/// The time of a release: that of its commit, unless `SOURCE_DATE_EPOCH` names another.
fn epoch(workspace: &Workspace) -> Result<i64, Failure> {
    if let Ok(given) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(given.parse().map_err(|e| format!("SOURCE_DATE_EPOCH: {e}"))?);
    }
    let output = Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(workspace.root()).output()?;
    let time = String::from_utf8(output.stdout)?;
    Ok(time.trim().parse().map_err(|_| "git does not say when the commit was made; set SOURCE_DATE_EPOCH")?)
}

fn by_default(binaries: Option<&Path>) -> Vec<Target> {
    let (chosen, others): (Vec<Target>, Vec<Target>) = TARGETS.into_iter().partition(|target| match binaries {
        Some(folder) => folder.join(target.to_string()).is_dir(),
        None => target.is_buildable_here(),
    });
    for other in others {
        println!(
            "not in this release: {other}, which {}",
            if binaries.is_some() { "has no binary" } else { other.elsewhere() }
        );
    }
    chosen
}

#[cfg(unix)]
fn check_reproducible(workspace: &Workspace, epoch: i64) -> Outcome {
    reproducible::check(workspace, epoch)
}

#[cfg(not(unix))]
fn check_reproducible(_workspace: &Workspace, _epoch: i64) -> Outcome {
    Err("linux_amd64 is built on Linux".into())
}

/// Builds `chosen` into `dist/binaries/`, which has nothing else afterwards: its path.
fn build_all(workspace: &Workspace, chosen: &[Target], epoch: i64) -> Result<PathBuf, Failure> {
    let folder = workspace.path("dist/binaries");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let place = build::Place::of(workspace)?;
    for target in chosen {
        let built = build::build(workspace, *target, &place, epoch)?;
        let size = package::check_size(*target, &built)?;
        let to = folder.join(target.to_string());
        fs::create_dir_all(&to)?;
        fs::copy(&built, to.join(target.binary(VERSION)))?;
        println!("{target}: {size} bytes");
    }
    Ok(folder)
}

/// A release of what is in `binaries`, with everything that is published beside it.
fn pack(workspace: &Workspace, chosen: &[Target], binaries: &Path, epoch: i64) -> Result<Release, Failure> {
    let licence = fs::read(workspace.path("LICENSE"))?;
    let mut packages = Vec::new();
    let mut more = BTreeMap::new();
    for target in chosen {
        let binary = binaries.join(target.to_string()).join(target.binary(VERSION));
        package::check_size(*target, &binary)?;
        packages.push(Package::of(*target, VERSION, &binary, &licence, epoch)?);
        let bill = bill::of_materials(workspace, *target, epoch)?;
        more.insert(format!("pve_{VERSION}_{target}.cdx.json"), bill.into_bytes());
    }
    let mut release = Release { version: VERSION.to_owned(), epoch, packages, more };
    let mut schemas = Vec::new();
    for file in workspace.files("schemas/json")? {
        let name = file.trim_start_matches("schemas/json/").to_owned();
        schemas.push((name, workspace.text(&file)?.unwrap_or_default()));
    }
    release.add_schemas(&schemas)?;
    let schema = fs::read(workspace.path("schemas/provider-schema.json"))?;
    release.more.insert(format!("pve_{VERSION}_provider-schema.json"), schema);
    Ok(release)
}
