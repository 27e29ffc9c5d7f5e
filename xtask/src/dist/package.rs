//! The package of one platform: its binary and the licence, in an archive.

use std::path::Path;

use super::Failure;
use super::archive::{Compression, Member, zip};
use super::hashes;
use super::targets::Target;

/// The largest binary for linux_amd64, in bytes: what a release promises.
pub const LIMIT: u64 = 15_000_000;

/// A package as it is published.
#[derive(Debug, Clone)]
pub struct Package {
    pub target: Target,
    /// The name of its archive.
    pub name: String,
    pub archive: Vec<u8>,
    /// Its hash in a lock file, as a CLI computes it from the unpacked files.
    pub content_hash: String,
}

impl Package {
    /// Packs the program `binary` of `version`.
    ///
    /// # Errors
    /// It can't be read.
    pub fn of(target: Target, version: &str, binary: &Path, licence: &[u8], epoch: i64) -> Result<Self, Failure> {
        let content = std::fs::read(binary).map_err(|e| format!("{}: {e}", binary.display()))?;
        let members = [Member::program(target.binary(version), content), Member::text("LICENSE", licence)];
        Ok(Self {
            target,
            name: target.archive(version),
            archive: zip(&members, Compression::Deflate, epoch)?,
            content_hash: hashes::of_content(&members),
        })
    }
}

/// Fails if the program of linux_amd64 is larger than the limit.
///
/// # Errors
/// It is, or can't be read.
pub fn check_size(target: Target, binary: &Path) -> Result<u64, Failure> {
    let size = std::fs::metadata(binary).map_err(|e| format!("{}: {e}", binary.display()))?.len();
    if target.to_string() == "linux_amd64" && size > LIMIT {
        return Err(format!("{} has {size} bytes, and the limit is {LIMIT}", binary.display()).into());
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_beyond_the_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("binary");
        let of_size = |name: &str, size: u64| {
            std::fs::File::create(&binary).unwrap().set_len(size).unwrap();
            check_size(Target::named(name).unwrap(), &binary)
        };
        assert_eq!(of_size("linux_amd64", LIMIT).unwrap(), LIMIT);
        assert!(of_size("linux_amd64", LIMIT + 1).is_err());
        assert!(of_size("linux_arm64", LIMIT + 1).is_ok());
    }
}
