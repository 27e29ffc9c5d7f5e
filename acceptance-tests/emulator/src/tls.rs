//! The cluster's own certificate authority and the certificates of its nodes, as Proxmox makes them.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::auth::ticket::uuid;

/// What a listener and its clients need.
pub struct Identity {
    /// For the listener.
    pub server: Arc<ServerConfig>,
    /// The CA certificate, PEM.
    pub ca_pem: String,
    /// SHA-256 of each node's certificate, in the order asked for.
    pub fingerprints: Vec<String>,
}

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Making a certificate failed.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refused it.
    #[error("cannot use the certificate: {0}")]
    Config(#[from] rustls::Error),
}

/// Makes a CA and one certificate per node; the first one is served.
///
/// # Errors
/// When the TLS libraries refuse.
pub fn make(cluster: &str, nodes: &[&str]) -> Result<Identity, TlsError> {
    let ca = authority()?;
    let mut served = None;
    let mut fingerprints = Vec::new();
    for node in nodes {
        let key = KeyPair::generate()?;
        let certificate = node_params(cluster, node)?.signed_by(&key, &ca)?;
        fingerprints.push(fingerprint(certificate.der()));
        served.get_or_insert((certificate.der().clone(), key));
    }
    let (certificate, key) = match served {
        Some(served) => served,
        None => return Err(TlsError::Config(rustls::Error::NoCertificatesPresented)),
    };
    Ok(Identity { server: server_config(&ca, certificate, &key)?, ca_pem: ca.pem(), fingerprints })
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Proxmox Virtual Environment");
    name.push(DnType::OrganizationalUnitName, uuid());
    name.push(DnType::OrganizationName, "PVE Cluster Manager CA");
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn node_params(cluster: &str, node: &str) -> Result<CertificateParams, rcgen::Error> {
    let names = ["127.0.0.1", "::1", "localhost", node].map(str::to_owned);
    let mut params = CertificateParams::new([names.to_vec(), vec![format!("{node}.{cluster}.local")]].concat())?;
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationalUnitName, "PVE Cluster Node");
    name.push(DnType::OrganizationName, "Proxmox Virtual Environment");
    name.push(DnType::CommonName, format!("{node}.{cluster}.local"));
    params.distinguished_name = name;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn server_config(
    ca: &CertifiedIssuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    key: &KeyPair,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![certificate, ca.der().clone()];
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Upper-case pairs joined by colons, as Proxmox prints them.
fn fingerprint(der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    digest.as_ref().iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":")
}
