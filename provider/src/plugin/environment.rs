//! The environment variables that core sets for the process.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::handshake::PROTOCOL;

/// Proves that a core is at the other end, and not a person. It is no secret.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// The request of a core.
#[derive(Debug)]
pub(super) struct Environment {
    /// The certificate that core will show; none where core asks for no TLS.
    pub(super) client: Option<CertificateDer<'static>>,
    /// Where sockets are to be made, if not where temporary files are.
    #[cfg_attr(not(unix), allow(dead_code, reason = "only unix has sockets"))]
    pub(super) socket_folder: Option<PathBuf>,
    /// Where to listen on a system without unix sockets.
    #[cfg_attr(unix, allow(dead_code, reason = "unix has sockets"))]
    pub(super) ports: RangeInclusive<u16>,
}

/// Why this is not the request of a core.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoRequest {
    #[error("This program is a plugin that terraform or tofu starts.\nSee `terraform-provider-pve --help`.")]
    NoCookie,
    #[error("terraform or tofu offers the plugin protocol versions {0}; this provider speaks version {PROTOCOL}")]
    NoCommonProtocol(String),
    #[error("PLUGIN_CLIENT_CERT is not a PEM certificate")]
    BadCertificate,
    #[error("PLUGIN_MIN_PORT and PLUGIN_MAX_PORT are not a range of ports")]
    BadPorts,
}

impl Environment {
    /// What `variable` gives for the names that go-plugin uses.
    ///
    /// # Errors
    /// It is not what a core would say.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, NoRequest> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let (name, value) = COOKIE;
        if variable(name).as_deref() != Some(value) {
            return Err(NoRequest::NoCookie);
        }
        if let Some(offered) = variable("PLUGIN_PROTOCOL_VERSIONS")
            && !offered.split(',').any(|version| version.trim() == PROTOCOL)
        {
            return Err(NoRequest::NoCommonProtocol(offered));
        }
        let client = variable("PLUGIN_CLIENT_CERT")
            .map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| NoRequest::BadCertificate))
            .transpose()?;
        let port = |name, default: u16| {
            variable(name).map_or(Ok(default), |port| port.parse().map_err(|_| NoRequest::BadPorts))
        };
        let ports = port("PLUGIN_MIN_PORT", 10_000)?..=port("PLUGIN_MAX_PORT", 25_000)?;
        let socket_folder = variable("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from);
        Ok(Self { client, socket_folder, ports })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, NoRequest> {
        let all: Vec<_> = [COOKIE].iter().chain(variables).copied().collect();
        Environment::read(|name| all.iter().rev().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn without_the_cookie_it_is_a_person() {
        assert!(matches!(Environment::read(|_| None), Err(NoRequest::NoCookie)));
        assert!(matches!(read(&[(COOKIE.0, "other")]), Err(NoRequest::NoCookie)));
    }

    #[test]
    fn any_of_the_offered_protocols_will_do() {
        assert!(read(&[("PLUGIN_PROTOCOL_VERSIONS", "6,5")]).is_ok());
        assert!(read(&[]).is_ok());
        let error = read(&[("PLUGIN_PROTOCOL_VERSIONS", "6,7")]).unwrap_err();
        assert!(error.to_string().contains("6,7"), "{error}");
    }

    #[test]
    fn a_bad_certificate_is_not_no_certificate() {
        assert!(read(&[("PLUGIN_CLIENT_CERT", "")]).unwrap().client.is_none());
        assert!(matches!(read(&[("PLUGIN_CLIENT_CERT", "junk")]), Err(NoRequest::BadCertificate)));
    }
}
