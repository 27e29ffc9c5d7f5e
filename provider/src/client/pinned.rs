//! The handshake's signature by a pinned certificate.
//!
//! The fingerprint has decided that this certificate is the one; all that is left to find out is whether the server holds its
//! key, whatever else the certificate says.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::{CertificateError, DigitallySignedStruct};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};

use super::certificate::Parts;

pub(super) fn verify_tls13_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    verify_tls13_signature_with_raw_key(message, &key(certificate)?, signature, algorithms)
}

/// rustls has none for raw keys: they came with TLS 1.3.
pub(super) fn verify_tls12_signature(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, rustls::Error> {
    let key = key(certificate)?;
    let key = webpki::RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
    // In TLS 1.2 a scheme leaves the curve open, so that each of its algorithms may be the one.
    let of_scheme = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signature.scheme);
    let mut possible = of_scheme.flat_map(|(_, algorithms)| algorithms.iter());
    if possible.any(|algorithm| key.verify_signature(*algorithm, message, signature.signature()).is_ok()) {
        return Ok(HandshakeSignatureValid::assertion());
    }
    Err(CertificateError::BadSignature.into())
}

fn key<'a>(certificate: &'a CertificateDer<'_>) -> Result<SubjectPublicKeyInfoDer<'a>, rustls::Error> {
    Parts::of(certificate).map(|parts| parts.key).ok_or_else(|| CertificateError::BadEncoding.into())
}
