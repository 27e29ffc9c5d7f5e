//! The one line on stdout with the address that core connects to.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use rustls_pki_types::CertificateDer;

use super::socket::Address;

/// go-plugin's own version.
const CORE_PROTOCOL: &str = "1";

/// The version of the provider protocol that is served.
pub(super) const PROTOCOL: &str = "5";

/// Writes the line and flushes it. A seventh field, for multiplexing, would be glued to the certificate by older cores.
///
/// # Errors
/// stdout is closed.
pub(super) fn announce(address: &Address, certificate: Option<&CertificateDer<'_>>) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", line(address, certificate))?;
    stdout.flush()
}

fn line(address: &Address, certificate: Option<&CertificateDer<'_>>) -> String {
    let certificate = certificate.map(|der| BASE64_STANDARD_NO_PAD.encode(der)).unwrap_or_default();
    format!("{CORE_PROTOCOL}|{PROTOCOL}|{}|{}|grpc|{certificate}", address.network, address.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_six_fields_whatever_the_certificate() {
        let address = Address { network: "unix", text: "/tmp/x".to_owned() };
        assert_eq!(line(&address, None), "1|5|unix|/tmp/x|grpc|");
        let der = CertificateDer::from(vec![0xff; 4]);
        assert_eq!(line(&address, Some(&der)), "1|5|unix|/tmp/x|grpc|/////w");
    }
}
