//! Which server a certificate belongs to.

use std::sync::Arc;

use der::asn1::{Any, AnyRef};
use der::{Decode, Encode, Reader, SliceReader, Tag};
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::client::Fingerprint;

/// A certificate, its key, and who signed it.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) ca_pem: String,
    pub(super) fingerprint: Fingerprint,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Identity {
    pub(super) fn valid() -> Self {
        Self::new(&["127.0.0.1", "localhost"], 2026, 2100)
    }

    pub(super) fn new(names: &[&str], from: i32, until: i32) -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "Proxmox Virtual Environment");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().unwrap();
        let leaf = params(names, from, until).signed_by(&key, &issuer).unwrap();
        Self::of(leaf.der().clone(), &key, ca_certificate.pem())
    }

    /// A certificate that signs itself and calls itself an authority.
    pub(super) fn itself(names: &[&str], from: i32, until: i32) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut own = params(names, from, until);
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = own.self_signed(&key).unwrap();
        Self::of(own.der().clone(), &key, own.pem())
    }

    /// A certificate of X.509 version 1: no version, no extensions. Its own signature holds no more.
    pub(super) fn version_1() -> Self {
        let key = KeyPair::generate().unwrap();
        let whole = params(&[], 2026, 2100).self_signed(&key).unwrap();
        let [signed, rest @ ..] = &parts(AnyRef::from_der(whole.der()).unwrap().value())[..] else { unreachable!() };
        let fields = parts(AnyRef::from_der(signed).unwrap().value());
        // Between the version and the extensions.
        let signed = sequence(&fields[1..7].concat());
        let whole = sequence(&[signed, rest.concat()].concat());
        Self::of(whole.into(), &key, String::new())
    }

    /// A certificate with an unknown critical extension.
    pub(super) fn with_unknown_critical_extension() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut own = params(&["127.0.0.1"], 2026, 2100);
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
        extension.set_criticality(true);
        own.custom_extensions.push(extension);
        let own = own.self_signed(&key).unwrap();
        Self::of(own.der().clone(), &key, own.pem())
    }

    /// The same certificate in the hands of who doesn't have its key.
    pub(super) fn with_another_key(self) -> Self {
        Self { key: KeyPair::generate().unwrap().serialize_der(), ..self }
    }

    /// The same, of a server with these versions of TLS.
    pub(super) fn speaking(&self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        Self { versions, ..self.clone() }
    }

    fn of(certificate: CertificateDer<'static>, key: &KeyPair, ca_pem: String) -> Self {
        Self {
            ca_pem,
            fingerprint: Fingerprint::of(&certificate),
            chain: vec![certificate],
            key: key.serialize_der(),
            versions: rustls::DEFAULT_VERSIONS,
        }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let key = provider.key_provider.load_private_key(key).unwrap();
        // Not `with_single_cert`, which looks into the certificate first.
        let identity = SingleCertAndKey::from(CertifiedKey::new(self.chain.clone(), key));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(identity));
        TlsAcceptor::from(Arc::new(config))
    }
}

fn params(names: &[&str], from: i32, until: i32) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    params
}

/// The members of a sequence, each with its tag and length.
fn parts(value: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = SliceReader::new(value).unwrap();
    let mut parts = Vec::new();
    while !reader.is_finished() {
        parts.push(reader.tlv_bytes().unwrap().to_vec());
    }
    parts
}

fn sequence(members: &[u8]) -> Vec<u8> {
    Any::new(Tag::Sequence, members).unwrap().to_der().unwrap()
}
