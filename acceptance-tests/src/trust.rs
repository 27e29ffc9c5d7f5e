//! How the harness trusts a cluster's certificate: by its CA, by a pin, or, where the user says so, blindly.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// What a server has to show.
#[derive(Debug, Clone)]
pub enum Trust {
    /// A certificate of the authority given in PEM.
    Authority(String),
    /// Exactly the certificate with this SHA-256 fingerprint.
    Pin(String),
    /// Any certificate.
    Anything,
}

impl Trust {
    /// The TLS configuration that asks for it.
    pub fn config(&self) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the default versions are supported");
        let pin = match self {
            Self::Authority(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    roots.add(certificate.expect("the CA is PEM")).expect("the CA is a certificate");
                }
                return builder.with_root_certificates(roots).with_no_client_auth();
            }
            Self::Pin(pin) => Some(pin.to_lowercase().replace(':', "")),
            Self::Anything => None,
        };
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Pin { pin, provider })).with_no_client_auth()
    }
}

#[derive(Debug)]
struct Pin {
    pin: Option<String>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
        let found: String = found.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        match &self.pin {
            Some(pin) if *pin != found => Err(rustls::CertificateError::ApplicationVerificationFailure.into()),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
