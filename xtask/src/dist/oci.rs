//! The provider as an OCI image layout, for the registries that OpenTofu 1.10 and later install from (`oci_mirror`).
//!
//! The tag is the version. It refers to an image index with one manifest per platform, whose only layer is the archive.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Failure;
use super::hashes::sha256;
use super::package::Package;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const PROVIDER: &str = "application/vnd.opentofu.provider";
const PROVIDER_TARGET: &str = "application/vnd.opentofu.provider-target";
const ARCHIVE: &str = "archive/zip";

/// The content of a configuration that has none.
const NOTHING: &[u8] = b"{}";

/// What refers to a blob.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'static str>,
    digest: String,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
struct Platform {
    architecture: &'static str,
    os: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u8,
    media_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'static str>,
    manifests: Vec<Descriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u8,
    media_type: &'static str,
    artifact_type: &'static str,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

/// The files of the layout of `packages`, by their path.
///
/// # Errors
/// The time `epoch` is no date.
pub fn files(packages: &[Package], version: &str, epoch: i64) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let mut layout = Layout::default();
    let mut manifests = Vec::new();
    for package in packages {
        let mut layer = layout.blob(ARCHIVE, package.archive.clone());
        layer.annotations.insert("org.opencontainers.image.title", package.name.clone());
        let config = layout.blob(EMPTY, NOTHING.to_vec());
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            artifact_type: PROVIDER_TARGET,
            config,
            layers: vec![layer],
        };
        let mut manifest = layout.blob(MANIFEST, serde_json::to_vec(&manifest)?);
        manifest.artifact_type = Some(PROVIDER_TARGET);
        manifest.platform = Some(Platform { architecture: package.target.arch, os: package.target.os });
        manifests.push(manifest);
    }
    let annotations = BTreeMap::from([
        ("org.opencontainers.image.created", jiff::Timestamp::from_second(epoch)?.to_string()),
        ("org.opencontainers.image.licenses", "MPL-2.0".to_owned()),
        ("org.opencontainers.image.title", "terraform-provider-pve".to_owned()),
        ("org.opencontainers.image.version", version.to_owned()),
    ]);
    let index = Index { schema_version: 2, media_type: INDEX, artifact_type: Some(PROVIDER), manifests, annotations };
    let mut index = layout.blob(INDEX, serde_json::to_vec(&index)?);
    index.artifact_type = Some(PROVIDER);
    index.annotations.insert("org.opencontainers.image.ref.name", tag(version));
    let index = Index {
        schema_version: 2,
        media_type: INDEX,
        artifact_type: None,
        manifests: vec![index],
        annotations: BTreeMap::new(),
    };
    layout.files.insert("index.json".into(), serde_json::to_vec(&index)?);
    layout.files.insert("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    Ok(layout.files)
}

/// A tag can't have the `+` of a version's metadata.
pub fn tag(version: &str) -> String {
    version.replace('+', "_")
}

#[derive(Default)]
struct Layout {
    files: BTreeMap<String, Vec<u8>>,
}

impl Layout {
    fn blob(&mut self, media_type: &'static str, content: Vec<u8>) -> Descriptor {
        let (sum, size) = (sha256(&content), content.len());
        self.files.insert(format!("blobs/sha256/{sum}"), content);
        let digest = format!("sha256:{sum}");
        Descriptor { media_type, artifact_type: None, digest, size, platform: None, annotations: BTreeMap::new() }
    }
}
