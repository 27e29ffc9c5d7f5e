//! Verification of the server's certificate.
//!
//! There is one TLS stack, rustls on aws-lc-rs, built with its provider spelled out, so that no
//! other crate's choice of a process-wide default can change it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::Parts;
use super::error::Certificate;
use super::pinned;
use super::settings::SettingsError;
use super::trust::{Fingerprint, Trust};
use crate::source::Source;

/// The TLS configuration for a trust decision.
pub(super) fn config(trust: &Trust) -> Result<ClientConfig, SettingsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new(trust, provider.clone())?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SettingsError::Tls(error.to_string(), Source::new(error)))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

/// Why a handshake failed, if the certificate was the reason.
pub(super) fn refusal(error: &rustls::Error) -> Option<Certificate> {
    let rustls::Error::InvalidCertificate(error) = error else {
        return None;
    };
    Some(match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Certificate::UnknownIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Certificate::WrongHost,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Certificate::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Certificate::NotYetValid,
        CertificateError::Other(OtherError(other)) if other.is::<PinMismatch>() => Certificate::WrongPin,
        CertificateError::Other(OtherError(other)) => match (other.downcast_ref(), other.downcast_ref::<Outdated>()) {
            (Some(webpki::Error::CaUsedAsEndEntity), _) => Certificate::Authority,
            (Some(webpki::Error::UnsupportedCertVersion), _) => Certificate::OldVersion,
            (_, Some(outdated)) => outdated.problem,
            _ => Certificate::Other,
        },
        _ => Certificate::Other,
    })
}

/// What there is to say of a refused certificate beside the kind: rustls shows an error that isn't its own as a dump.
pub(super) fn words(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))) = error else {
        return error.to_string();
    };
    match refusal(error) {
        Some(Certificate::Authority) => "the server presents a CA certificate as its own".to_owned(),
        Some(Certificate::OldVersion) => "the certificate is of X.509 version 1".to_owned(),
        _ => other.to_string(),
    }
}

/// A certificate outside of its dates; rustls leaves some of them out, and shows the others as seconds.
#[derive(Debug, thiserror::Error)]
#[error("{dates}")]
struct Outdated {
    problem: Certificate,
    dates: String,
}

/// The same error, with the dates of `certificate` where they are the problem.
fn dated(error: rustls::Error, certificate: &CertificateDer<'_>, now: UnixTime) -> rustls::Error {
    let problem = refusal(&error).filter(|problem| matches!(problem, Certificate::Expired | Certificate::NotYetValid));
    let dates = problem.and_then(|problem| Some((problem, Parts::of(certificate)?.dates(now)?)));
    match dates {
        Some((problem, dates)) => CertificateError::Other(OtherError(Arc::new(Outdated { problem, dates }))).into(),
        None => error,
    }
}

/// The server's certificate is another one than the pinned.
#[derive(Debug, thiserror::Error)]
#[error("the server's certificate has the SHA-256 fingerprint {found}, not {pinned}")]
struct PinMismatch {
    found: Fingerprint,
    pinned: Fingerprint,
}

struct Verifier {
    belief: Belief,
    provider: Arc<CryptoProvider>,
}

enum Belief {
    Authorities {
        given: Vec<CertificateDer<'static>>,
        own: Option<Arc<WebPkiServerVerifier>>,
        /// Reading the system's some 150 certificates takes longer than all else at start-up, so
        /// that it waits until a server presents a certificate that needs them.
        system: OnceLock<Option<Arc<WebPkiServerVerifier>>>,
    },
    Pin(Fingerprint),
    Anyone,
}

/// A CA certificate that the TLS library refuses.
fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> SettingsError {
    SettingsError::CaCertificate { reason: error.to_string(), cause: Some(Source::new(error)) }
}

impl Verifier {
    fn new(trust: &Trust, provider: Arc<CryptoProvider>) -> Result<Self, SettingsError> {
        let belief = match trust {
            Trust::Pin(fingerprint) => Belief::Pin(*fingerprint),
            Trust::Anyone => Belief::Anyone,
            Trust::Authorities(given) => {
                let mut roots = RootCertStore::empty();
                for certificate in given {
                    roots.add(certificate.clone()).map_err(unusable)?;
                }
                let own = if roots.is_empty() {
                    None
                } else {
                    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                        .build()
                        .map_err(unusable)?;
                    Some(verifier)
                };
                Belief::Authorities { given: given.clone(), own, system: OnceLock::new() }
            }
        };
        Ok(Self { belief, provider })
    }

    fn system(&self) -> Option<Arc<WebPkiServerVerifier>> {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a CA certificate of the system can't be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone()).build().ok()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (given, own, system) = match &self.belief {
            Belief::Anyone => return Ok(ServerCertVerified::assertion()),
            Belief::Pin(pinned) => return pin(certificate, *pinned),
            Belief::Authorities { given, own, system } => (given, own, system),
        };
        let ask = |verifier: &Arc<WebPkiServerVerifier>| {
            let verdict = verifier.verify_server_cert(certificate, intermediates, server, ocsp, now);
            verdict.map_err(|error| dated(error, certificate, now))
        };
        if let Some(own) = own {
            match ask(own) {
                Err(error) if refusal(&error) == Some(Certificate::UnknownIssuer) => {}
                Err(error) if refusal(&error) == Some(Certificate::Authority) && given.contains(certificate) => {
                    return itself(certificate, server);
                }
                verdict => return verdict,
            }
        }
        match system.get_or_init(|| self.system()) {
            Some(system) => ask(system),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match self.belief {
            Belief::Anyone => Ok(HandshakeSignatureValid::assertion()),
            Belief::Pin(_) => pinned::verify_tls12_signature(message, certificate, signature, algorithms),
            Belief::Authorities { .. } => verify_tls12_signature(message, certificate, signature, algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        match self.belief {
            Belief::Anyone => Ok(HandshakeSignatureValid::assertion()),
            Belief::Pin(_) => pinned::verify_tls13_signature(message, certificate, signature, algorithms),
            Belief::Authorities { .. } => verify_tls13_signature(message, certificate, signature, algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The server's own certificate was given as one to trust, and it is a CA certificate, as a plain `openssl req -x509` makes it.
/// Path validation takes no such certificate for a server; that it has not expired is found before that. What is left is its
/// name.
fn itself(certificate: &CertificateDer<'_>, server: &ServerName<'_>) -> Result<ServerCertVerified, rustls::Error> {
    verify_server_name(&ParsedCertificate::try_from(certificate)?, server)?;
    Ok(ServerCertVerified::assertion())
}

/// A pin decides alone, regardless of signer, name and age. That the
/// server holds the key is checked by the handshake's signature as ever.
fn pin(certificate: &CertificateDer<'_>, pinned: Fingerprint) -> Result<ServerCertVerified, rustls::Error> {
    let found = Fingerprint::of(certificate);
    if found == pinned {
        return Ok(ServerCertVerified::assertion());
    }
    let mismatch = OtherError(Arc::new(PinMismatch { found, pinned }));
    Err(CertificateError::Other(mismatch).into())
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}
