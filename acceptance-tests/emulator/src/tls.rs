//! The cluster's own certificate authority and the certificates of its nodes, as Proxmox makes them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::auth::ticket::uuid;

/// What a listener and its clients need.
pub struct Identity {
    pub server: Arc<ServerConfig>,
    /// The CA certificate, PEM.
    pub ca_pem: String,
    /// SHA-256 of each node's certificate, in the order asked for.
    pub fingerprints: Vec<String>,
    /// For a new certificate.
    pub authority: Authority,
}

/// Who signs, and what the listener shows.
pub struct Authority {
    cluster: String,
    ca: CertifiedIssuer<'static, KeyPair>,
    served: Arc<Served>,
}

/// The certificate that a new connection gets: pveproxy reads a renewed one without a restart of the listener.
#[derive(Debug)]
struct Served(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Authority {
    /// A new certificate for `node`, shown from now on; its fingerprint.
    ///
    /// # Errors
    /// When the TLS libraries refuse.
    pub fn renew(&self, node: &str) -> Result<String, TlsError> {
        let (key, fingerprint) = certify(&self.ca, &self.cluster, node)?;
        self.served.0.store(Arc::new(key));
        Ok(fingerprint)
    }
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
        let (key, fingerprint) = certify(&ca, cluster, node)?;
        fingerprints.push(fingerprint);
        served.get_or_insert(key);
    }
    let served = served.ok_or(TlsError::Config(rustls::Error::NoCertificatesPresented))?;
    let served = Arc::new(Served(ArcSwap::from_pointee(served)));
    let server = server_config(served.clone())?;
    let ca_pem = ca.pem();
    Ok(Identity { server, ca_pem, fingerprints, authority: Authority { cluster: cluster.to_owned(), ca, served } })
}

/// A key and its certificate for `node`, and the certificate's fingerprint.
fn certify(
    ca: &CertifiedIssuer<'static, KeyPair>,
    cluster: &str,
    node: &str,
) -> Result<(CertifiedKey, String), TlsError> {
    let key = KeyPair::generate()?;
    let certificate = node_params(cluster, node)?.signed_by(&key, ca)?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![certificate.der().clone(), ca.der().clone()];
    let certified = CertifiedKey::from_der(chain, private, &provider())?;
    Ok((certified, fingerprint(certificate.der())))
}

fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
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

fn server_config(served: Arc<Served>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(served);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Upper-case pairs joined by colons, as Proxmox prints them.
fn fingerprint(der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    digest.as_ref().iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":")
}
