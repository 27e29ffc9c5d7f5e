//! `cargo xtask release VERSION`: the checkout is made ready for the tag of a version.

use std::process::Command;

use crate::catalogue::Catalogue;
use crate::{Outcome, Workspace, docs, schemas, tidy};

/// Set the version, date the changelog, check generated files, and print the tag to make
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The version, such as 0.2.0
    version: String,
    /// The day of the release; today by default
    #[arg(long)]
    date: Option<jiff::civil::Date>,
}

/// Runs the command.
///
/// # Errors
/// The changelog has no changes, or has the version already; states of the version are missing; a generated file drifted.
pub fn run(workspace: &Workspace, args: &Args) -> Outcome {
    let version = &args.version;
    if !is_version(version) {
        return Err(format!(
            "`{version}` is not a version: three numbers with dots, and for a pre-release a name such as -rc.1"
        )
        .into());
    }
    let states = format!("acceptance-tests/tests/acceptance/states/{version}");
    if !workspace.path(&states).is_dir() {
        return Err(format!(
            "{states} is missing: later versions are tested with the states of this one. Run \
             `PVE_ACC_FREEZE_STATES={version} cargo test -p acceptance-tests --test acceptance -- frozen_states::`"
        )
        .into());
    }
    let catalogue = Catalogue::of_this_build();
    docs::generate(workspace, &catalogue)?.write_or_check(workspace, true, "cargo xtask docs")?;
    schemas::generate(&catalogue).write_or_check(workspace, true, "cargo xtask schemas")?;
    tidy::run(workspace, &tidy::Args::default())?;

    let text = |file: &str| workspace.text(file)?.ok_or_else(|| std::io::Error::other(format!("{file} is missing")));
    let date = args.date.unwrap_or_else(|| jiff::Zoned::now().date());
    let changelog = dated(&text("CHANGELOG.md")?, version, date)?;
    let manifest = with_version(&text("Cargo.toml")?, version)?;
    std::fs::write(workspace.path("CHANGELOG.md"), changelog)?;
    std::fs::write(workspace.path("Cargo.toml"), manifest)?;
    // The lock file has the version of each package of the workspace.
    let update = ["update", "--workspace", "--offline", "--quiet"];
    let status = Command::new("cargo").args(update).current_dir(workspace.root()).status()?;
    if !status.success() {
        return Err(format!("`cargo {}`: {status}", update.join(" ")).into());
    }
    println!(
        "{version} is set. Look at the differences, then:\n  git commit --all --message 'Release {version}'\n  \
         git tag --sign v{version} --message 'terraform-provider-pve {version}'\n  git push origin main v{version}\n\
         The tag starts the release workflow of the forge."
    );
    Ok(())
}

/// Whether `text` is a version as registries accept it: `1.2.3` or `1.2.3-rc.1`.
fn is_version(text: &str) -> bool {
    let (numbers, pre_release) = text.split_once('-').map_or((text, None), |(numbers, name)| (numbers, Some(name)));
    let parts: Vec<&str> = numbers.split('.').collect();
    let is_number = |part: &&str| part.parse::<u32>().is_ok_and(|number| number.to_string() == **part);
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    parts.len() == 3 && parts.iter().all(is_number) && pre_release.is_none_or(is_name)
}

/// The changelog with its unreleased changes as those of `version`.
fn dated(changelog: &str, version: &str, date: jiff::civil::Date) -> Result<String, String> {
    const UNRELEASED: &str = "## [Unreleased]\n";
    if changelog.contains(&format!("## [{version}]")) {
        return Err(format!("CHANGELOG.md has {version} already"));
    }
    let (before, after) = changelog.split_once(UNRELEASED).ok_or("CHANGELOG.md has no section `[Unreleased]`")?;
    let changes = after.split("\n## [").next().unwrap_or_default();
    if !changes.contains("\n- ") {
        return Err("CHANGELOG.md has no unreleased changes".into());
    }
    Ok(format!("{before}{UNRELEASED}\n## [{version}] - {date}\n{after}"))
}

/// The workspace's manifest with `version` in `workspace.package`, from where every package has it.
fn with_version(manifest: &str, version: &str) -> Result<String, String> {
    const SECTION: &str = "[workspace.package]\nversion = \"";
    let (before, after) = manifest.split_once(SECTION).ok_or("Cargo.toml has no version in workspace.package")?;
    let (_, after) = after.split_once('"').ok_or("the version in Cargo.toml has no end")?;
    Ok(format!("{before}{SECTION}{version}\"{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: jiff::civil::Date = jiff::civil::date(2030, 1, 2);

    #[test]
    fn the_changes_get_a_version_and_a_day() {
        let changelog = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- One.\n\n## [0.1.0] - 2029-01-01\n\n- Old.\n";
        let dated_one = dated(changelog, "0.2.0", DAY).unwrap();
        assert!(
            dated_one.contains("## [Unreleased]\n\n## [0.2.0] - 2030-01-02\n\n### Added\n\n- One.\n\n## [0.1.0]"),
            "{dated_one}"
        );
        assert!(dated(changelog, "0.1.0", DAY).unwrap_err().contains("already"));
        assert!(dated(&dated_one, "0.3.0", DAY).unwrap_err().contains("no unreleased changes"));
    }

    #[test]
    fn the_version_is_in_one_place() {
        let manifest = "[workspace]\n\n[workspace.package]\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        assert_eq!(with_version(manifest, "0.2.0-rc.1").unwrap(), manifest.replace("0.1.0", "0.2.0-rc.1"));
        let real = Workspace::of_this_build().text("Cargo.toml").unwrap().unwrap();
        assert_eq!(with_version(&real, crate::dist::VERSION).unwrap(), real);
    }

    #[test]
    fn versions_are_what_registries_accept() {
        assert!(["0.1.0", "1.20.3", "1.0.0-rc.1"].into_iter().all(is_version));
        assert!(!["v0.1.0", "0.1", "0.1.0.0", "0.01.0", "1.0.0-", "1.0.0+meta"].into_iter().any(is_version));
    }
}
