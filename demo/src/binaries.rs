//! The provider and the emulator: of a release that has been built already, else built now.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// What the two are made from.
const SOURCES: [&str; 8] = [
    "Cargo.toml",
    "Cargo.lock",
    "schemas/src",
    "provider/src",
    "provider/proto",
    "provider/Cargo.toml",
    "acceptance-tests/emulator/src",
    "acceptance-tests/emulator/Cargo.toml",
];

pub(crate) struct Binaries {
    pub(crate) provider: PathBuf,
    pub(crate) emulator: PathBuf,
}

impl Binaries {
    fn of(folder: &Path) -> Self {
        let name = |name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        Self { provider: name("terraform-provider-pve"), emulator: name("pve-emulator") }
    }

    /// Those of `cargo build --release`, unless a source is newer.
    pub(crate) fn prebuilt(root: &Path) -> Option<Self> {
        let release = Self::of(&target(root).join("release"));
        let built = modified(&release.provider)?.min(modified(&release.emulator)?);
        let newest = SOURCES.iter().filter_map(|source| newest(&root.join(source))).max();
        newest.is_none_or(|source| source <= built).then_some(release)
    }

    /// Builds them.
    ///
    /// # Errors
    /// They don't compile.
    pub(crate) fn build(root: &Path) -> Result<Self, Box<dyn Error>> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let packages = ["--package", "terraform-provider-pve", "--package", "pve-emulator"];
        let output =
            Command::new(cargo).args(["build", "--quiet", "--bins"]).args(packages).current_dir(root).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(Self::of(&target(root).join("debug")))
    }
}

/// Where cargo builds: this program lies in it, in the folder of its profile.
fn target(root: &Path) -> PathBuf {
    let here = std::env::current_exe().ok();
    let folder = here.as_deref().and_then(Path::parent).and_then(Path::parent);
    folder.map_or_else(|| root.join("target"), Path::to_owned)
}

fn modified(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}

/// When the newest file in a folder was changed; of a file when that was.
fn newest(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = fs::read_dir(path) else { return modified(path) };
    entries.flatten().filter_map(|entry| newest(&entry.path())).max()
}

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_newest_source_counts_however_deep_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000);
        let new = old + Duration::from_secs(1);
        for (name, time) in [("a/x", old), ("a/b/y", new)] {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_times(FileTimes::new().set_modified(time)).unwrap();
        }
        assert_eq!(newest(folder.path()), Some(new));
        assert_eq!(newest(&folder.path().join("nosuch")), None);
    }
}
