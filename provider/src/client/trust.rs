//! Which certificates of a server are trusted.

use std::fmt;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::settings::SettingsError;
use crate::source::Source;

/// Which certificates identify the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The system's authorities, and these besides.
    Authorities(Vec<CertificateDer<'static>>),
    /// Exactly the certificate with this SHA-256 fingerprint, regardless of its signer.
    Pin(Fingerprint),
    /// Any certificate. A machine in the middle can read the credentials.
    Anyone,
}

impl Trust {
    /// The system's authorities alone.
    #[must_use]
    pub fn system() -> Self {
        Self::Authorities(Vec::new())
    }

    /// The system's authorities and those of a PEM text, or of the file of that name.
    ///
    /// # Errors
    ///
    /// A file that can't be read, and a text without a certificate, or with a broken one.
    pub fn with_ca(path_or_pem: &str) -> Result<Self, SettingsError> {
        if path_or_pem.contains("-----BEGIN") {
            return authorities("the text", path_or_pem.as_bytes());
        }
        let path = path_or_pem.trim();
        match std::fs::read(path) {
            Ok(bytes) => authorities(path, &bytes),
            Err(error) => Err(SettingsError::CaCertificate {
                reason: format!("{path}: {error}"),
                cause: Some(Source::new(error)),
            }),
        }
    }
}

/// The certificates in `pem`, which is from `place`.
fn authorities(place: &str, pem: &[u8]) -> Result<Trust, SettingsError> {
    let refuse = |reason: &str| Err(SettingsError::CaCertificate { reason: format!("{place}: {reason}"), cause: None });
    let Ok(certificates) = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() else {
        return refuse("the data between BEGIN and END can't be read");
    };
    if let Some(at) = certificates.iter().position(|certificate| webpki::anchor_from_trusted_cert(certificate).is_err())
    {
        return refuse(&format!("certificate {} in it can't be read", at + 1));
    }
    if !certificates.is_empty() {
        return Ok(Trust::Authorities(certificates));
    }
    let has = |words: &str| pem.windows(words.len()).any(|window| window == words.as_bytes());
    refuse(if has("PRIVATE KEY-----") {
        "it contains a private key and no PEM certificate. Set the certificate, and keep the key on its host"
    } else if pem.first() == Some(&0x30) {
        "it contains no PEM certificate. It may be in DER format: `openssl x509 -inform der` converts it"
    } else {
        "it contains no PEM certificate"
    })
}

/// The SHA-256 fingerprint of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub(super) [u8; 32]);

impl Fingerprint {
    /// Parses pairs of hex digits, with or without colons between them.
    ///
    /// # Errors
    ///
    /// What is not 32 pairs.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let refuse = || SettingsError::Fingerprint(text.to_owned());
        let digits: Vec<u8> = text.trim().bytes().filter(|byte| *byte != b':').collect();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return Err(refuse());
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or_else(refuse)?;
        }
        Ok(Self(bytes))
    }

    /// The fingerprint of a certificate.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Self {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Self(bytes)
    }
}

/// As Proxmox writes it: upper-case pairs joined by colons.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_survive_their_notations() {
        let pairs = vec!["aB"; 32];
        let colons = Fingerprint::parse(&pairs.join(":")).unwrap();
        assert_eq!(colons, Fingerprint::parse(&pairs.concat()).unwrap());
        assert_eq!(colons.to_string(), vec!["AB"; 32].join(":"));
        for bad in ["", "AB:CD", &"+1".repeat(32), &"zz".repeat(32)] {
            assert!(Fingerprint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_ca_needs_a_certificate() {
        let missing = Trust::with_ca("/nonexistent/ca.pem").unwrap_err();
        let cause = crate::source::cause::<std::io::Error>(&missing).unwrap();
        assert_eq!(cause.kind(), std::io::ErrorKind::NotFound);
        assert!(Trust::with_ca("-----BEGIN NOTHING-----\n-----END NOTHING-----\n").is_err());
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let refusal = |bytes: &[u8]| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), bytes).unwrap();
            let path = file.path().to_str().unwrap();
            let refusal = Trust::with_ca(path).unwrap_err().to_string();
            assert!(refusal.contains(path), "{refusal}");
            refusal
        };
        let pair = rcgen::generate_simple_self_signed(["ca".to_owned()]).unwrap();
        assert!(refusal(pair.signing_key.serialize_pem().as_bytes()).contains("private key"));
        assert!(refusal(pair.cert.der()).contains("DER"));
        assert!(refusal(b"hello").contains("no PEM certificate"));
        assert!(refusal(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").contains("certificate 1"));
        assert!(refusal(b"-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n").contains("BEGIN"));
        assert!(Trust::with_ca(&pair.signing_key.serialize_pem()).unwrap_err().to_string().contains("the text"));
    }
}
