//! A private key.

use std::fmt;
use std::sync::Arc;

use russh::keys::ssh_key::{self, PrivateKey};
use russh::keys::{HashAlg, decode_secret_key};
use secrecy::{ExposeSecret, SecretString};

use crate::source::Source;

/// A private key, deciphered.
#[derive(Clone)]
pub struct Identity(pub(super) Arc<PrivateKey>);

/// Why a text is no private key that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not a key at all, or of a kind that is not known.
    #[error("it is not a private key in PEM or OpenSSH form: {0}")]
    Malformed(#[source] Source),
    /// A public key was given.
    #[error("it is a public key; the private key is the file without `.pub`")]
    Public,
    /// The key needs a passphrase.
    #[error("it is encrypted; set its passphrase as `private_key_passphrase`")]
    Encrypted,
    /// The passphrase is wrong.
    #[error("`private_key_passphrase` does not decrypt it")]
    Passphrase,
}

impl Identity {
    /// Parses a key in OpenSSH, PKCS#8, PKCS#1 or SEC1 form, deciphering it if it is encrypted.
    ///
    /// # Errors
    ///
    /// The text is never repeated.
    pub fn parse(text: &str, passphrase: Option<&SecretString>) -> Result<Self, IdentityError> {
        if ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| text.trim_start().starts_with(kind)) {
            return Err(IdentityError::Public);
        }
        let passphrase = passphrase.map(ExposeSecret::expose_secret).filter(|text| !text.is_empty());
        let encrypted = is_encrypted(text);
        if encrypted && passphrase.is_none() {
            return Err(IdentityError::Encrypted);
        }
        let key = decode_secret_key(text, passphrase.filter(|_| encrypted)).map_err(|error| match error {
            russh::keys::Error::KeyIsEncrypted => IdentityError::Encrypted,
            _ if encrypted => IdentityError::Passphrase,
            other => IdentityError::Malformed(Source::new(other)),
        })?;
        if key.is_encrypted() {
            return Err(IdentityError::Encrypted);
        }
        Ok(Self(Arc::new(key)))
    }

    /// Its kind and fingerprint, as `ssh-keygen -l` shows them.
    pub(super) fn name(&self) -> String {
        let key = self.0.public_key();
        format!("{} key {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// OpenSSH's own form says inside whether it is encrypted, the older ones in their header lines.
fn is_encrypted(text: &str) -> bool {
    if text.contains("BEGIN OPENSSH PRIVATE KEY") {
        return ssh_key::PrivateKey::from_openssh(text.trim().as_bytes()).is_ok_and(|key| key.is_encrypted());
    }
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::cause;

    #[test]
    fn a_text_that_is_no_key_keeps_the_error_of_the_ssh_library() {
        let error = Identity::parse("hunter2", None).unwrap_err();
        assert!(matches!(error, IdentityError::Malformed(_)) && cause::<russh::keys::Error>(&error).is_some());
    }
}
