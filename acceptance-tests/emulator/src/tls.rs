//! The certificate authority of a cluster and the certificates of its nodes, as Proxmox makes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Who signs the certificates of a cluster, or of a node alone.
pub struct Authority {
    /// Where its nodes are said to be: `NODE.CLUSTER.local`.
    cluster: String,
    ca: CertifiedIssuer<'static, KeyPair>,
}

/// A node's certificate with its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    /// Its SHA-256.
    pub fingerprint: String,
}

/// The certificates that new connections get, in turn: pveproxy reads a renewed one without a restart of the listener, and
/// while its workers change, some of them still have the old one.
#[derive(Debug)]
pub struct Served {
    keys: ArcSwap<Vec<Arc<CertifiedKey>>>,
    turn: AtomicUsize,
}

impl Served {
    #[must_use]
    pub fn new(certificate: &Certificate) -> Self {
        Self { keys: ArcSwap::from_pointee(vec![certificate.key.clone()]), turn: AtomicUsize::new(0) }
    }

    /// Shows these certificates from now on, one connection each in turn.
    pub fn show(&self, certificates: &[&Certificate]) {
        self.keys.store(Arc::new(certificates.iter().map(|certificate| certificate.key.clone()).collect()));
    }

    /// What a listener needs.
    ///
    /// # Errors
    /// When the TLS library refuses.
    pub fn config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let keys = self.keys.load();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        keys.get(turn.checked_rem(keys.len())?).cloned()
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When the TLS libraries refuse.
    pub fn new(cluster: &str) -> Result<Self, TlsError> {
        Ok(Self { cluster: cluster.to_owned(), ca: authority()? })
    }

    /// Its own certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.ca.pem()
    }

    /// A new certificate for `node`.
    ///
    /// # Errors
    /// When the TLS libraries refuse.
    pub fn certify(&self, node: &str) -> Result<Certificate, TlsError> {
        let key = KeyPair::generate()?;
        let certificate = node_params(&self.cluster, node)?.signed_by(&key, &self.ca)?;
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let chain = vec![certificate.der().clone(), self.ca.der().clone()];
        let certified = CertifiedKey::from_der(chain, private, &provider())?;
        Ok(Certificate { key: Arc::new(certified), fingerprint: fingerprint(certificate.der()) })
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("cluster", &self.cluster).finish_non_exhaustive()
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

/// Upper-case pairs joined by colons, as Proxmox prints them.
fn fingerprint(der: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    digest.as_ref().iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":")
}
