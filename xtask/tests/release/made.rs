//! A small release: of one platform, this one.

use std::collections::BTreeMap;
use std::env::consts;
use std::path::Path;

use xtask::dist::VERSION;
use xtask::dist::hashes;
use xtask::dist::package::Package;
use xtask::dist::release::{Release, Written};
use xtask::dist::targets::Target;

use crate::keys::Keys;

pub struct Made {
    pub written: Written,
    pub release: Release,
    _folder: tempfile::TempDir,
}

/// The time of its files.
const EPOCH: i64 = 1_700_000_000;

impl Made {
    /// A release of the program `binary`; of any file, where nothing runs it.
    pub fn new(binary: &Path, keys: Option<&Keys>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arch = if consts::ARCH == "x86_64" { "amd64" } else { "arm64" };
        let os = if consts::OS == "macos" { "darwin" } else { consts::OS };
        let target = Target::named(&format!("{os}_{arch}")).unwrap();
        let package = Package::of(target, VERSION, binary, b"licence\n", EPOCH).unwrap();
        let more = BTreeMap::from([(format!("pve_{VERSION}_{target}.cdx.json"), b"{}".to_vec())]);
        let mut release = Release { version: VERSION.to_owned(), epoch: EPOCH, packages: vec![package], more };
        release.add_schemas(&[("provider.schema.json".to_owned(), "{}".to_owned())]).unwrap();
        let signer = keys.map(Keys::signer);
        let written = release.write(folder.path(), signer.as_ref()).unwrap();
        Self { written, release, _folder: folder }
    }

    pub fn package(&self) -> &Package {
        &self.release.packages[0]
    }

    /// Its hashes in a lock file.
    pub fn hashes(&self) -> [String; 2] {
        [self.package().content_hash.clone(), hashes::of_archive(&self.package().archive)]
    }
}
