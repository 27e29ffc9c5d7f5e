//! Everything that is published of a version, made from the binaries of its platforms.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::archive::{Compression, Member, zip};
use super::hashes::{sha256, sums};
use super::package::Package;
use super::sign::Signer;
use super::{Failure, mirror, oci};

/// The protocol that the provider speaks; a registry tells CLIs by it whether they can run the provider.
const MANIFEST: &str = r#"{"version":1,"metadata":{"protocol_versions":["5.0"]}}"#;

/// What a release is made of.
#[derive(Debug)]
pub struct Release {
    pub version: String,
    /// The time of everything in it, in seconds since 1970.
    pub epoch: i64,
    pub packages: Vec<Package>,
    /// Names and contents of what is published beside the packages: bills of materials, schemas.
    pub more: BTreeMap<String, Vec<u8>>,
}

/// Where a release was written to.
#[derive(Debug)]
pub struct Written {
    /// What is attached to the release on a forge.
    pub assets: PathBuf,
    /// A `filesystem_mirror`.
    pub mirror: PathBuf,
    /// An OCI image layout.
    pub oci: PathBuf,
}

impl Release {
    /// Writes it into `folder`, replacing what an earlier run has written there, and signs its sums.
    ///
    /// The sums that registries read contain the packages and the manifest alone: a CLI copies each of them to its lock file.
    ///
    /// # Errors
    /// A file can't be written, or gpg refuses.
    pub fn write(&self, folder: &Path, signer: Option<&Signer>) -> Result<Written, Failure> {
        let version = &self.version;
        let written = Written { assets: folder.join("assets"), mirror: folder.join("mirror"), oci: folder.join("oci") };
        for made in [&written.assets, &written.mirror, &written.oci] {
            if made.exists() {
                fs::remove_dir_all(made)?;
            }
        }
        let mirror = mirror::files(&self.packages, version);
        let mut registry: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        registry.insert(format!("terraform-provider-pve_{version}_manifest.json"), format!("{MANIFEST}\n").into());
        for package in &self.packages {
            registry.insert(package.name.clone(), package.archive.clone());
        }
        let mut more = self.more.clone();
        let members: Vec<Member> = mirror.iter().map(|(name, content)| Member::text(name, &**content)).collect();
        // Registries take every `terraform-provider-pve_….zip` for a package: this has another beginning.
        more.insert(format!("pve_{version}_mirror.zip"), zip(&members, Compression::Store, self.epoch)?);
        let sets = [
            (format!("terraform-provider-pve_{version}_SHA256SUMS"), registry),
            (format!("pve_{version}_SHA256SUMS"), more),
        ];
        for (name, files) in sets {
            write_all(&written.assets, &files)?;
            let list: Vec<_> = files.iter().map(|(name, content)| (name.clone(), sha256(content))).collect();
            fs::write(written.assets.join(&name), sums(&list))?;
            if let Some(signer) = signer {
                signer.sign(&written.assets.join(&name))?;
            }
        }
        write_all(&written.mirror, &mirror)?;
        write_all(&written.oci, &oci::files(&self.packages, version, self.epoch)?)?;
        Ok(written)
    }

    /// Adds the JSON Schemas of `files`, names and contents, as one archive.
    ///
    /// # Errors
    /// Two have the same name.
    pub fn add_schemas(&mut self, files: &[(String, String)]) -> Result<(), Failure> {
        let members: Vec<Member> = files.iter().map(|(name, text)| Member::text(name, text.as_bytes())).collect();
        let archive = zip(&members, Compression::Deflate, self.epoch)?;
        self.more.insert(format!("pve_{}_json-schemas.zip", self.version), archive);
        Ok(())
    }

    /// What it is made of, as lines for a person.
    pub fn overview(&self) -> Vec<String> {
        let line = |package: &Package| format!("{:>10} bytes  {}", package.archive.len(), package.name);
        self.packages.iter().map(line).collect()
    }
}

fn write_all(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    for (name, content) in files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}
